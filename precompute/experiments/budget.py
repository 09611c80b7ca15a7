"""Fit work into the time that `--max-minutes` allows, and say what was cut for that."""

from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np

from precompute.words import duration

Work = TypeVar("Work")
Cut = Callable[[Work, float], tuple[Work, str]]
"""Takes some work and the share of it that there is time for; returns less work, and a clause that says what it is."""


def fit_into_time(
    work: Work, seconds: Callable[[Work], float], minutes: float, cuts: Sequence[Cut[Work]]
) -> tuple[Work, str | None]:
    """Make one cut after another until the work fits into a time.

    Parameters
    ----------
    work
        The whole work.
    seconds
        Estimates how long some work takes.
    minutes
        The time allowed.
    cuts
        The cuts, in the order in which to make them. After the last one the work may still take longer.

    Returns
    -------
    work, reduced
        The work that fits; and a sentence on what was cut, or None where nothing was.
    """
    budget = 60 * minutes
    full = left = seconds(work)
    clauses = []
    for cut in cuts:
        if left <= budget:
            break
        work, clause = cut(work, budget / left)
        clauses.append(clause)
        left = seconds(work)
    if not clauses:
        return work, None
    return work, (
        f"The whole work would take {duration(full)}. To stay within {minutes:g} min, {', '.join(clauses)}; "
        "--max-minutes allows more."
    )


def fewer_per_class(label: np.ndarray, share: float) -> int:
    """Return how many images of each class to keep, given the labels, (image,): a share of the largest class, or 2."""
    return max(2, int(np.bincount(label).max() * share))
