"""The precisions of changed rows: float32, and two that are faster and less exact."""

from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from typing import Any

import torch


class Precision(Enum):
    """The precision in which the suffix of a network is computed.

    A reduced precision decides a prediction only where its error cannot change it; see
    `precompute.ablation.reduced_precision`.
    """

    FLOAT32 = "float32"
    TF32 = "tf32"
    BFLOAT16 = "bfloat16"

    @property
    def dtype(self) -> torch.dtype:
        """The type in which products are computed."""
        return torch.bfloat16 if self is Precision.BFLOAT16 else torch.float32

    @contextmanager
    def matrix_products(self) -> Iterator[None]:
        """Inside the block, let CUDA round the factors of float32 products to TF32, or forbid it.

        By default PyTorch allows it to cuDNN's convolutions. On a CPU nothing changes.
        """
        wanted = "tf32" if self is Precision.TF32 else "ieee"
        backends: Any = torch.backends
        switches = (backends.cuda.matmul, backends.cudnn.conv)
        before = [switch.fp32_precision for switch in switches]
        try:
            for switch in switches:
                switch.fp32_precision = wanted
            yield
        finally:
            for switch, value in zip(switches, before, strict=True):
                switch.fp32_precision = value
