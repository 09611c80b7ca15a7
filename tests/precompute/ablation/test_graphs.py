"""The engine on small networks that each hold one difficulty."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from precompute.ablation.engine import Engine
from precompute.ablation.precision import Precision

IMAGES = torch.randn(24, 3, 12, 12, generator=torch.Generator().manual_seed(1))


class Small(nn.Module):
    """A convolution to ablate, what the test is about, and a classifier."""

    def __init__(self, width=8, features=8):
        super().__init__()
        torch.manual_seed(2)
        self.first = nn.Conv2d(3, width, 3, padding=1)
        self.second = nn.Conv2d(features, 12, 3, padding=1, stride=2)
        self.fc = nn.Linear(12, 7)

    def middle(self, x):
        return F.relu(x)

    def forward(self, x):
        x = self.middle(self.first(x))
        return self.fc(F.relu(self.second(x)).mean((2, 3)))


class UsedTwice(Small):
    def __init__(self):
        super().__init__()
        self.beside = nn.Conv2d(8, 8, 1)

    def middle(self, x):
        x = F.relu(x)
        return F.relu(self.beside(x)) + x


class Concatenated(Small):
    def __init__(self):
        super().__init__(features=24)
        self.beside = nn.Conv2d(3, 8, 1)

    def forward(self, x):
        y = F.relu(self.first(x))
        joined = torch.cat([y, self.beside(x), y * 2], 1)
        return self.fc(F.relu(self.second(joined)).mean((2, 3)))


class SqueezeAndExcite(Small):
    def __init__(self):
        super().__init__()
        self.squeeze, self.excite = nn.Conv2d(8, 4, 1), nn.Conv2d(4, 8, 1)

    def middle(self, x):
        return x * F.hardsigmoid(self.excite(F.relu(self.squeeze(F.adaptive_avg_pool2d(x, 1)))))


class GatedByItself(Small):
    def middle(self, x):
        return x * torch.sigmoid(x.mean((2, 3), keepdim=True))


class Grouped(Small):
    def __init__(self, groups, width):
        super().__init__(features=width)
        self.grouped = nn.Conv2d(8, width, 3, padding=1, groups=groups)

    def middle(self, x):
        return F.relu(self.grouped(F.relu(x)))


class Normed(Small):
    def __init__(self):
        super().__init__()
        self.norm = nn.BatchNorm2d(8)

    def middle(self, x):
        return F.relu(self.norm(x))


class NormedLater(Small):
    def __init__(self):
        super().__init__()
        self.norm, self.dropout = nn.BatchNorm2d(8), nn.Dropout(0.5)

    def middle(self, x):
        return self.norm(self.dropout(F.relu(x)))


class InPlace(Small):
    def __init__(self):
        super().__init__()
        self.relu = nn.ReLU(inplace=True)

    def middle(self, x):
        y = self.relu(x)
        # The in-place ReLU has changed x too.
        return y + x


class CalledTwice(Small):
    def __init__(self):
        super().__init__()
        self.again = nn.Conv2d(8, 8, 3, padding=1)

    def middle(self, x):
        return self.again(F.relu(self.again(x)))


class PaddedShortcut(Small):
    def __init__(self):
        super().__init__(features=16)
        self.down = nn.Conv2d(8, 16, 3, padding=1, stride=2)

    def middle(self, x):
        return F.relu(self.down(x) + F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, 4, 4)))


class Shuffled(Small):
    def middle(self, x):
        left, right = F.relu(x).chunk(2, 1)
        return torch.stack([left, right], 2).flatten(1, 2)


class LayerNormed(Small):
    def __init__(self):
        super().__init__()
        self.norm, self.mix = nn.LayerNorm(8), nn.Linear(8, 8)

    def middle(self, x):
        return x + F.gelu(self.mix(self.norm(x.permute(0, 2, 3, 1)))).permute(0, 3, 1, 2)


class Flattened(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(2)
        self.first, self.pool, self.flatten = nn.Conv2d(3, 8, 3), nn.MaxPool2d(2, ceil_mode=True), nn.Flatten()
        self.hidden, self.fc = nn.Linear(8 * 5 * 5, 16), nn.Linear(16, 7)

    def forward(self, x):
        return self.fc(F.relu(self.hidden(self.flatten(self.pool(F.relu(self.first(x)))))))


class Closed(Small):
    def forward(self, x):
        x = self.second(F.relu(self.first(x)))
        return self.fc(torch.flatten(F.adaptive_avg_pool2d(x, 1), 1))


CASES = [
    (Small(), ["first", "second"]),
    (UsedTwice(), ["first", "beside"]),
    (Concatenated(), ["first", "beside"]),
    (SqueezeAndExcite(), ["first", "squeeze", "excite"]),
    (GatedByItself(), ["first"]),
    (Grouped(2, 8), ["first", "grouped"]),
    (Grouped(8, 8), ["first", "grouped"]),
    (Grouped(8, 16), ["first", "grouped"]),
    (Normed(), ["first", "norm"]),
    (NormedLater(), ["first", "dropout", "norm"]),
    (InPlace(), ["first", "relu"]),
    (CalledTwice(), ["again", "again#2"]),
    (PaddedShortcut(), ["first", "down"]),
    (Shuffled(), ["first"]),
    (LayerNormed(), ["first"]),
    (Flattened(), ["first", "pool", "flatten", "hidden", "fc"]),
    (Closed(), ["first", "second"]),
]


@pytest.mark.parametrize(("network", "names"), CASES, ids=lambda case: type(case).__name__)
def test_predictions_and_log_probabilities_are_the_plain_methods(network, names, alive, engines, compare, ablations_of):
    network = alive(network, IMAGES)
    for engine in engines(network, names, IMAGES).values():
        ablations = ablations_of(engine.plain.site.n_units)
        compare(engine, IMAGES, ablations).check()
        quick = Engine(engine.by_unit.plan, engine.plain, memory_bytes=2**28, precision=Precision.BFLOAT16)
        assert compare(quick, IMAGES, ablations).wrong == 0
        assert quick.counts.changed > quick.counts.in_float32
