"""Small networks whose units lie elsewhere than on dimension 1, and where they lie."""

import torch
import torch.nn.functional as F
from torch import nn

IMAGES = torch.randn(24, 3, 16, 16, generator=torch.Generator().manual_seed(1))


class ConvNeXtLike(nn.Module):
    """An inverted bottleneck as modern blocks write it: permuted to channels-last and back."""

    last = ("block_norm", "up", "act", "down")
    first = ("stem", "depthwise", "fc")

    def __init__(self):
        super().__init__()
        torch.manual_seed(2)
        self.stem, self.depthwise = nn.Conv2d(3, 8, 4, 4), nn.Conv2d(8, 8, 3, padding=1, groups=8)
        self.block_norm = nn.LayerNorm(8)
        self.up, self.act, self.down = nn.Linear(8, 12), nn.GELU(), nn.Linear(12, 8)
        self.fc = nn.Linear(8, 7)

    def forward(self, x):
        x = self.stem(x)
        y = self.block_norm(self.depthwise(x).permute(0, 2, 3, 1))
        y = self.down(self.act(self.up(y))).permute(0, 3, 1, 2)
        return self.fc((x + y).mean((2, 3)))


class Windows(nn.Module):
    """Attention in rolled windows, and a merging of patches, on (image, height, width, unit)."""

    last = ("embed", "norm", "mlp", "mlp.0", "mlp.1", "mlp.2", "merge")
    first = ("patch", "fc")
    refused = ("qkv", "project")

    def __init__(self):
        super().__init__()
        torch.manual_seed(2)
        self.patch, self.embed = nn.Conv2d(3, 8, 4, 4), nn.Identity()
        self.norm, self.qkv, self.project = nn.LayerNorm(8), nn.Linear(8, 24), nn.Linear(8, 8)
        self.mlp = nn.Sequential(nn.Linear(8, 12), nn.GELU(), nn.Linear(12, 8))
        self.merge, self.fc = nn.Linear(32, 12), nn.Linear(12, 7)

    def attend(self, x):
        n, height, width, units = x.shape
        x = torch.roll(x, (-1, -1), (1, 2))
        x = x.view(n, height // 2, 2, width // 2, 2, units).permute(0, 1, 3, 2, 4, 5).reshape(-1, 4, units)
        q, k, v = self.qkv(x).reshape(-1, 4, 3, 2, units // 2).permute(2, 0, 3, 1, 4)
        x = self.project((q @ k.transpose(-2, -1)).softmax(-1).matmul(v).transpose(1, 2).reshape(-1, 4, units))
        x = x.view(n, height // 2, width // 2, 2, 2, units).permute(0, 1, 3, 2, 4, 5).reshape(n, height, width, units)
        return torch.roll(x, (1, 1), (1, 2))

    def forward(self, x):
        x = self.embed(self.patch(x).permute(0, 2, 3, 1))
        x = x + self.attend(self.norm(x))
        x = x + self.mlp(x)
        quarters = [x[:, row::2, column::2] for row in (0, 1) for column in (0, 1)]
        return self.fc(self.merge(torch.cat(quarters, -1)).mean((1, 2)))


class Transformer(nn.Module):
    """A vision transformer with two tokens apart, one of them put behind the picture."""

    last = ("blocks.0.norm", "blocks.0.mlp.0", "blocks.0.mlp.1", "blocks.0", "blocks.1", "norm")
    first = ("patch", "fc")
    others = (0, 17)

    def __init__(self):
        super().__init__()
        torch.manual_seed(2)
        self.patch = nn.Conv2d(3, 8, 4, 4)
        self.token, self.register = (nn.Parameter(torch.randn(1, 1, 8)) for _ in range(2))
        self.place = nn.Parameter(torch.randn(1, 18, 8))
        self.blocks = nn.Sequential(TransformerBlock(8), TransformerBlock(8))
        self.norm, self.fc = nn.LayerNorm(8), nn.Linear(8, 7)

    def forward(self, x):
        x = self.patch(x).flatten(2).transpose(1, 2)
        token, register = (each.expand(x.shape[0], -1, -1) for each in (self.token, self.register))
        x = self.norm(self.blocks(torch.cat([token, x, register], 1) + self.place))
        return self.fc(x[:, 0])


class TransformerBlock(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.norm, self.attention = nn.LayerNorm(width), nn.MultiheadAttention(width, 2, batch_first=True)
        self.mlp = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))

    def forward(self, x):
        y = self.norm(x)
        x = x + self.attention(y, y, y, need_weights=False)[0]
        return x + self.mlp(x)


class TokensMixed(nn.Module):
    """A linear layer across tokens beside one across units."""

    last = ("across_units", "norm")
    first = ("patch", "fc")
    refused = ("across_tokens", "act")

    def __init__(self):
        super().__init__()
        torch.manual_seed(2)
        self.patch, self.norm = nn.Conv2d(3, 16, 4, 4), nn.LayerNorm(16)
        self.across_tokens, self.act, self.across_units = nn.Linear(16, 16), nn.GELU(), nn.Linear(16, 16)
        self.fc = nn.Linear(16, 7)

    def forward(self, x):
        x = self.norm(self.patch(x).flatten(2).mT)
        x = x + self.act(self.across_tokens(x.mT)).mT
        return self.fc(F.relu(self.across_units(x)).mean(1))


NETWORKS = (ConvNeXtLike, Windows, Transformer, TokensMixed)
