"""Devices, and the arithmetic on each."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psutil
import torch

from precompute.errors import OptionError

NAMES = ("auto", "cpu", "cuda", "mps")


def pick_device(name: str) -> torch.device:
    """Return the device called `name`; ``auto`` is CUDA where there is one, else MPS, else the CPU.

    Raises
    ------
    OptionError
        Where the machine has no such device, or there is none of that name.
    """
    present = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if name == "auto":
        return torch.device(next(kind for kind in ("cuda", "mps", "cpu") if present[kind]))
    if name not in present:
        raise OptionError(f"There is no device {name!r}. Choose one of {', '.join(NAMES)}.")
    if not present[name]:
        raise OptionError(f"Torch finds no {name} device on this machine. Choose --device auto or --device cpu.")
    return torch.device(name)


def free_memory(device: torch.device) -> int:
    """Return how many bytes a device has to give now; beside CUDA's devices, those of the machine."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    return psutil.virtual_memory().available


@contextmanager
def exact_float32() -> Iterator[None]:
    """Compute float32 as float32, by the same algorithm every time, inside the block.

    TF32 and bfloat16 short cuts of matrix products and convolutions are off, and so is cuDNN's choice of the fastest
    algorithm: each of them flips predictions whose two highest outputs lie close together.
    """
    products = torch.get_float32_matmul_precision()
    precisions = [backend.fp32_precision for backend in _backends()]
    benchmark = torch.backends.cudnn.benchmark
    try:
        _set_precisions("highest", ["ieee"] * len(precisions))
        torch.backends.cudnn.benchmark = False
        yield
    finally:
        _set_precisions(products, precisions)
        torch.backends.cudnn.benchmark = benchmark


def _set_precisions(products: str, precisions: list[str]) -> None:
    # The older switches first, since they set the newer; torch refuses to answer through them when they disagree.
    torch.set_float32_matmul_precision(products)
    torch.backends.cudnn.allow_tf32 = "tf32" in precisions[:2]
    for backend, precision in zip(_backends(), precisions, strict=True):
        backend.fp32_precision = precision


def _backends() -> tuple[Any, ...]:
    backends: Any = torch.backends
    convolutions = backends.cudnn.conv, backends.cudnn.rnn, backends.mkldnn.conv, backends.mkldnn.rnn
    return *convolutions, backends.cuda.matmul, backends.mkldnn.matmul
