"""Devices as they are written on the command line; known without torch, which takes seconds to import."""

import re
from collections.abc import Iterator

from precompute.errors import OptionError

_ONE = re.compile(r"auto|all|cpu|mps|cuda(:\d+)?")
_ALONE = ("auto", "all")
KNOWN = "auto, cpu, cuda, mps, cuda:N, all (every CUDA device), or several of a kind with commas between them"


def device_names(written: str) -> tuple[str, ...]:
    """Return the devices that a text names.

    Parameters
    ----------
    written
        One name, or several of one kind with commas between them, such as ``cuda:0,cuda:1``.

    Raises
    ------
    OptionError
        Where one of them is not a name of a device, or they cannot stand together.
    """
    names = tuple(name.strip() for name in written.split(","))
    for name in names:
        if not _ONE.fullmatch(name):
            raise OptionError(f"There is no device {name!r}. Choose --device from {KNOWN}.")
    if len(names) > 1 and not set(names).isdisjoint(_ALONE):
        raise OptionError(f"--device {written}: auto and all each stand alone. Name the devices, or one of these two.")
    if len({name.partition(":")[0] for name in names}) > 1:
        raise OptionError(
            f"--device {written} names devices of different kinds, which round differently. Name devices of one kind."
        )
    return names


def first_of(written: str) -> str:
    """Return the first of the devices that a text names; see :func:`device_names`."""
    first = device_names(written)[0]
    return "cuda:0" if first == "all" else first


def against_ray(device: str, address: str | None) -> Iterator[str]:
    """Say what of the devices that are named cannot stand together with the address of a Ray cluster, if any."""
    named = () if address is None else device.split(",")
    if any(":" in name or name == "mps" for name in named):
        yield (
            f"--device {device} cannot stand with --ray: Ray gives out the GPUs of its nodes. Name cuda for all of "
            "them, or cpu."
        )
