"""Statistics of a sweep: rows computed, computed again and audited, and the errors that were found."""

from collections.abc import Iterable
from dataclasses import dataclass, field, fields

# How several sweeps are one, where their numbers are not added up.
_OF_ALL = "of all"


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
    largest_error: float = field(default=0.0, metadata={_OF_ALL: max})
    largest_log_prob_error: float = field(default=0.0, metadata={_OF_ALL: max})
    log_prob_error: float = 0.0


def total(parts: Iterable[SweepStats]) -> SweepStats:
    """Return the statistics of several sweeps as those of one: counts are added up, the largest errors stay."""
    parts = [SweepStats(), *parts]
    whole = SweepStats()
    for each in fields(SweepStats):
        setattr(whole, each.name, each.metadata.get(_OF_ALL, sum)(getattr(part, each.name) for part in parts))
    summed = sum(part.log_prob_error * part.audited for part in parts)
    whole.log_prob_error = summed / max(1, whole.audited)
    return whole
