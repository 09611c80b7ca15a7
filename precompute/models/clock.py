"""A clock that measures how long work takes, as far as possible without what else the machine does."""

from collections.abc import Callable
from time import perf_counter, process_time

import torch


def work_clock(device: torch.device) -> Callable[[], float]:
    """Start a clock.

    Parameters
    ----------
    device
        The device that does the work.

    Returns
    -------
    callable
        Returns the seconds since the start. On a CPU it is wall time or the processor time of this process, whichever
        is less, so that decisions made by it are the same on a busy machine. On other devices it is wall time, since
        the processor may be idle meanwhile.
    """
    wall, processor = perf_counter(), process_time()

    def seconds() -> float:
        passed = perf_counter() - wall
        return min(passed, process_time() - processor) if device.type == "cpu" else passed

    return seconds
