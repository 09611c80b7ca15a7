"""Float32, and cheaper ways of nearly computing in it."""

from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from typing import Any

import torch


class Precision(Enum):
    """How the part of a network after the mixing is computed.

    The reduced ones decide predictions only where they are sure; see `precompute.ablation.engine`.
    """

    FLOAT32 = "float32"
    TF32 = "tf32"
    BFLOAT16 = "bfloat16"

    @property
    def dtype(self) -> torch.dtype:
        """The type that values are held in."""
        return torch.bfloat16 if self is Precision.BFLOAT16 else torch.float32

    @contextmanager
    def matrix_products(self) -> Iterator[None]:
        """Let CUDA round the factors of float32 products to TF32 inside the block, or keep it from doing so.

        PyTorch lets cuDNN's convolutions do so unless told otherwise. On a CPU nothing changes.
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
