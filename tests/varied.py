"""A network that has a bit of everything behind its layers."""

import torch
import torch.nn.functional as F
from torch import nn


class Varied(nn.Module):
    """Products, averages, a shortcut, a split and a gate after the layers."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(7)
        self.first, self.second = nn.Conv2d(3, 16, 3, padding=1), nn.Conv2d(16, 16, 3, padding=1)
        self.norm, self.gate = nn.BatchNorm2d(16), nn.Linear(16, 16)
        self.fc = nn.Linear(16, 6)

    def forward(self, x):
        x = F.relu(self.first(x))
        x = F.relu(self.norm(self.second(x)) + x)
        left, right = F.max_pool2d(x, 2).chunk(2, 1)
        x = torch.cat([right, left], 1)
        return self.fc(F.relu(x * torch.sigmoid(self.gate(x.mean((2, 3))))[:, :, None, None]).mean((2, 3)))
