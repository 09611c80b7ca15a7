"""Statistics of a sweep: rows computed, computed again and audited, and the errors that were found."""

from collections.abc import Iterable
from dataclasses import dataclass, fields


@dataclass
class SweepStats:
    """What a sweep did with its rows, a row being one image under one ablation.

    Parameters
    ----------
    rows
        All of them.
    changed
        Those that were computed, because something on the way differs from the unablated network.
    in_float32
        Those that were computed in reduced precision and then, being too close to call, in float32.
    rechecked
        Those that the plain method computed again, because their two highest outputs were too close to tell apart.
    audited
        Rows drawn at random that were computed by the plain method too.
    differing
        Those among them whose prediction was not the plain method's in the end, by more than rounding exchanges.
    largest_error
        Largest difference of an output between the plain method and the engine in float32, on the audited rows.
    largest_log_prob_error
        Largest difference of a log-probability, of any output, between the plain method and what the sweep returned, on
        the audited rows.
    log_prob_error
        The mean of that difference over the audited rows and the outputs.
    """

    rows: int = 0
    changed: int = 0
    in_float32: int = 0
    rechecked: int = 0
    audited: int = 0
    differing: int = 0
    largest_error: float = 0.0
    largest_log_prob_error: float = 0.0
    log_prob_error: float = 0.0


def total(parts: Iterable[SweepStats]) -> SweepStats:
    """Return the counts of several sweeps as those of one."""
    whole = SweepStats()
    for part in parts:
        audited = whole.audited + part.audited
        mean = (whole.log_prob_error * whole.audited + part.log_prob_error * part.audited) / max(1, audited)
        for field in fields(SweepStats):
            both = getattr(whole, field.name), getattr(part, field.name)
            setattr(whole, field.name, max(both) if field.name.startswith("largest") else sum(both))
        whole.log_prob_error = mean
    return whole
