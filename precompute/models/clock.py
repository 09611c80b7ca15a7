"""A clock of work: how long it takes, whatever else the machine does meanwhile."""

from collections.abc import Callable
from time import perf_counter, process_time

import torch


def work_clock(device: torch.device) -> Callable[[], float]:
    """Start a clock.

    Parameters
    ----------
    device
        Where the work is done.

    Returns
    -------
    callable
        Returns the seconds since: on a CPU wall time or this process's processor time, whichever is less, so that what
        is decided by it is the same on a busy machine; elsewhere wall time, since the processor may rest meanwhile.
    """
    wall, processor = perf_counter(), process_time()

    def seconds() -> float:
        passed = perf_counter() - wall
        return min(passed, process_time() - processor) if device.type == "cpu" else passed

    return seconds
