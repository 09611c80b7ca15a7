"""Devices as they are written on the command line; known without torch, which takes seconds to import."""

import re

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
        Where one of them is no name of a device, or they cannot stand together.
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


def refuse_several(written: str) -> None:
    """Refuse more than one device.

    Raises
    ------
    OptionError
        Also where a name is none, as :func:`device_names`.
    """
    names = device_names(written)
    if len(names) > 1 or names == ("all",):
        raise OptionError(f"--device {written}: an experiment computes on one device. Name one; a run takes several.")
