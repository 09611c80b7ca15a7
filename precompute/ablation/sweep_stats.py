"""Statistics of a sweep: how many rows were computed, computed again and audited, and the errors that were found."""

from collections.abc import Iterable
from dataclasses import dataclass, field, fields

# Says of a field how the numbers of several sweeps become one, where they are not added up.
_OF_ALL = "of all"


@dataclass
class SweepStats:
    """What a sweep did with its rows; a row is one image under one ablation.

    Parameters
    ----------
    rows
        All rows.
    changed
        Rows that were computed: their values differ somewhere from the unablated ones, or they are of a no-op.
    in_float32
        Rows that were close calls in reduced precision, and were computed again in float32.
    rechecked
        Rows that were close calls in float32, and were computed again by the plain method.
    audited
        Rows drawn at random that were computed by the plain method too.
    differing
        Audited rows whose prediction in the sweep is not the plain method's, by more than rounding can explain.
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
    """Return the statistics of several sweeps as those of one.

    Counts are added up, the largest of the largest errors is taken, and the mean error is averaged over audited rows.
    """
    parts = [SweepStats(), *parts]
    whole = SweepStats()
    for each in fields(SweepStats):
        setattr(whole, each.name, each.metadata.get(_OF_ALL, sum)(getattr(part, each.name) for part in parts))
    summed = sum(part.log_prob_error * part.audited for part in parts)
    whole.log_prob_error = summed / max(1, whole.audited)
    return whole
