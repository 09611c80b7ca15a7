"""Devices, and the arithmetic on each."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psutil
import torch

from precompute.device_names import device_names
from precompute.errors import OptionError


def pick_devices(written: str) -> tuple[torch.device, ...]:
    """Return the devices that a text names: see `precompute.device_names`.

    ``auto`` is CUDA where there is one, else MPS, else the CPU; ``all`` is every CUDA device. A device that is named
    twice is returned twice.

    Raises
    ------
    OptionError
        Where the text is not a name of a device, or the machine has no such device.
    """
    present = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    names = device_names(written)
    if names == ("auto",):
        names = (next(kind for kind in ("cuda", "mps", "cpu") if present[kind]),)
    kind = "cuda" if names == ("all",) else names[0].partition(":")[0]
    if not present[kind]:
        raise OptionError(f"Torch finds no {kind} device on this machine. Choose --device auto or --device cpu.")
    if names == ("all",):
        names = tuple(f"cuda:{number}" for number in range(torch.cuda.device_count()))
    devices = tuple(torch.device(name) for name in names)
    absent = [
        str(device) for device in devices if device.index is not None and device.index >= torch.cuda.device_count()
    ]
    if absent:
        raise OptionError(
            f"Torch finds {torch.cuda.device_count()} CUDA devices on this machine, counted from cuda:0, and no "
            f"{', '.join(absent)}. Choose among them, or --device all."
        )
    return devices


def pick_device(written: str) -> torch.device:
    """Return the first of the devices that a text names; see :func:`pick_devices`."""
    return pick_devices(written)[0]


def threads_each(n_processes: int) -> int:
    """Return how many threads each of `n_processes` gets: an equal share of this process's threads, at least 1."""
    return max(1, torch.get_num_threads() // n_processes)


def free_memory(device: torch.device) -> int:
    """Return how many bytes are free on a CUDA device; for any other device, how many the machine has available."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    return psutil.virtual_memory().available


@contextmanager
def exact_float32() -> Iterator[None]:
    """Compute float32 as float32, by the same algorithm every time, inside the block.

    TF32 and bfloat16 in matrix products and convolutions are off, and so is cuDNN's choice of the fastest algorithm:
    each of them flips predictions whose two highest outputs lie close together.
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
    # The older switches come first, since they also set the newer ones; torch refuses to read them where they disagree.
    torch.set_float32_matmul_precision(products)
    torch.backends.cudnn.allow_tf32 = "tf32" in precisions[:2]
    for backend, precision in zip(_backends(), precisions, strict=True):
        backend.fp32_precision = precision


def _backends() -> tuple[Any, ...]:
    backends: Any = torch.backends
    convolutions = backends.cudnn.conv, backends.cudnn.rnn, backends.mkldnn.conv, backends.mkldnn.rnn
    return *convolutions, backends.cuda.matmul, backends.mkldnn.matmul
