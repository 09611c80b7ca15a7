"""Fit work into the time that `--max-minutes` allows, and say what was given up for that."""

from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np

from precompute.words import duration

Work = TypeVar("Work")
Cut = Callable[[Work, float], tuple[Work, str]]
"""Receives some work and the share of it that there is time for; returns less work, and a clause that describes it."""


def fit(
    work: Work, seconds: Callable[[Work], float], minutes: float, cuts: Sequence[Cut[Work]]
) -> tuple[Work, str | None]:
    """Make one cut after another until the work fits into a time.

    Parameters
    ----------
    work
        All of it.
    seconds
        Estimates what some work takes.
    minutes
        The time allowed.
    cuts
        In the order in which they are made. After the last the work may still take longer.

    Returns
    -------
    work, reduced
        What fits; and what was given up, a sentence, or None where nothing was.
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
        f"In full this would take {duration(full)}. To stay within {minutes:g} min, {', '.join(clauses)}; "
        "--max-minutes allows more."
    )


def fewer_per_class(label: np.ndarray, share: float) -> int:
    """Return how many images of each class, two at least, make a share of the images of these classes, (image,)."""
    return max(2, int(np.bincount(label).max() * share))
