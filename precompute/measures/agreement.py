"""Agreement of two raters: Cohen's kappa, overall and name by name, and how often one echoes the other's name."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from precompute.measures.binomial import clopper_pearson

Floats = NDArray[np.floating[Any]]

FEWEST = 20
"""Things that each rater has to give another name than its commonest one, from which kappa has an interval.

The standard error of kappa is for many of each. Where one name stands for nearly all things, chance agreement rests on
the few others, and intervals that claim 95 % held the truth in 32 to 90 % of cases; from 20 others on they hold it in
90 % or more (simulated).
"""


@dataclass(frozen=True)
class Agreement:
    """How far two raters call the same things the same.

    Parameters
    ----------
    n : int
        Things that both have named.
    same : int
        Those that they call the same.
    kappa : float
        1 where they always agree, 0 where they agree as often as chance would have it, given how often each uses each
        name; NaN where each uses one and the same name throughout, or with nothing named by both.
    low, high : float
        Limits of its interval, in [-1, 1]; NaN where kappa is, where a rater gives fewer than `FEWEST` things another
        name than its commonest one, and where they agree on none.
    """

    n: int
    same: int
    kappa: float
    low: float
    high: float


def cohens_kappa(ours: Sequence[str], theirs: Sequence[str], *, level: float = 0.95) -> Agreement:
    """Compare what two raters call the same things.

    The interval is that of the logarithm of 1 - kappa, the disagreement beside that of chance: so it never reaches
    beyond 1. Its error is no smaller than that of raters who agree by chance. Where they agree on all things, it goes
    from the largest disagreement that shows none in so many things at this level (Clopper and Pearson) up to 1.

    Parameters
    ----------
    ours, theirs
        The names that each gives, (thing,), in the same order.
    level
        How often intervals made in this way hold the truth, where there are many things.

    References
    ----------
    Cohen, "A coefficient of agreement for nominal scales", Educational and Psychological Measurement 20 (1960); the
    standard error of Fleiss, Cohen and Everitt, "Large sample standard errors of kappa and weighted kappa",
    Psychological Bulletin 72 (1969).
    """
    n, same = len(ours), sum(a == b for a, b in zip(ours, theirs, strict=True))
    names = sorted({*ours, *theirs})
    if len(names) < 2:
        return Agreement(n, same, np.nan, np.nan, np.nan)
    at = {name: index for index, name in enumerate(names)}
    share = np.zeros((len(names), len(names)))
    np.add.at(share, ([at[name] for name in ours], [at[name] for name in theirs]), 1 / n)
    rows, columns = share.sum(axis=1), share.sum(axis=0)
    by_chance = float(rows @ columns)
    kappa = (same / n - by_chance) / (1 - by_chance)
    if same == 0 or n * min(1 - rows.max(), 1 - columns.max()) < FEWEST - 1e-9:
        return Agreement(n, same, kappa, np.nan, np.nan)
    if same == n:
        return Agreement(n, same, 1.0, 1 - clopper_pearson(n, 0, level=level)[1] / (1 - by_chance), 1.0)
    error = max(_error(share, kappa, by_chance) / (1 - kappa), _error_by_chance(share, by_chance)) / np.sqrt(n)
    times = float(np.exp(NormalDist().inv_cdf((1 + level) / 2) * error))
    return Agreement(n, same, kappa, max(-1.0, 1 - (1 - kappa) * times), 1 - (1 - kappa) / times)


def _error(share: Floats, kappa: float, by_chance: float) -> float:
    """Return the standard error of kappa times the root of how many things there are, from the table of shares."""
    rows, columns = share.sum(axis=1), share.sum(axis=0)
    weight = (1 - kappa) * (columns[:, None] + rows[None, :])
    np.fill_diagonal(weight, np.diagonal(weight) - 1)
    variance = float((share * weight**2).sum()) - (kappa - by_chance * (1 - kappa)) ** 2
    return max(0.0, variance) ** 0.5 / (1 - by_chance)


def _error_by_chance(share: Floats, by_chance: float) -> float:
    """Return the same of raters who agree by chance, given how often each uses each name."""
    rows, columns = share.sum(axis=1), share.sum(axis=0)
    variance = by_chance + by_chance**2 - float((rows * columns * (rows + columns)).sum())
    return max(0.0, variance) ** 0.5 / (1 - by_chance)


@dataclass(frozen=True)
class NameAgreement:
    """How far two raters agree on one name.

    Parameters
    ----------
    name : str
        The name.
    ours, theirs, both : int
        Things that one calls so, that the other does, that both do.
    shared : float
        Specific agreement, in [0, 1]: of the times that either gives the name, the share in which the other does too,
        2 both / (ours + theirs).
    low, high : float
        Limits of its interval, which holds at any count.
    kappa : Agreement
        Kappa of calling a thing so or not. Its interval is NaN where either gives the name, or does not, fewer than
        `FEWEST` times.
    """

    name: str
    ours: int
    theirs: int
    both: int
    shared: float
    low: float
    high: float
    kappa: Agreement


def name_by_name(ours: Sequence[str], theirs: Sequence[str], *, level: float = 0.95) -> list[NameAgreement]:
    """Compare two raters on every name that either gives, the one given most first.

    Given how many things either calls so, the number that both call so is binomial; its share has the interval of
    Clopper and Pearson, and 2 x / (1 + x) of that share is the specific agreement. So the interval is exact, and wide
    for a name that is given a few times.

    Parameters
    ----------
    ours, theirs, level
        As for :func:`cohens_kappa`.

    References
    ----------
    Dice, "Measures of the amount of ecologic association between species", Ecology 26 (1945); Cicchetti and Feinstein,
    "High agreement but low kappa: II", Journal of Clinical Epidemiology 43 (1990), for specific agreement; Fleiss,
    Levin and Paik, "Statistical Methods for Rates and Proportions", 3rd ed. (2003), chapter 18, for kappa of one name.
    """
    found = [_on_name(name, ours, theirs, level) for name in sorted({*ours, *theirs})]
    return sorted(found, key=lambda one: -(one.ours + one.theirs))


def _on_name(name: str, ours: Sequence[str], theirs: Sequence[str], level: float) -> NameAgreement:
    so = [[given == name for given in rater] for rater in (ours, theirs)]
    both, either = (sum(map(tell, zip(*so, strict=True))) for tell in (all, any))
    low, high = (2 * end / (1 + end) for end in clopper_pearson(either, both, level=level))
    kappa = cohens_kappa(*([str(said) for said in rater] for rater in so), level=level)
    return NameAgreement(name, sum(so[0]), sum(so[1]), both, 2 * both / (both + either), low, high, kappa)
