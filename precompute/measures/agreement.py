"""Agreement of two raters beyond chance: Cohen's kappa."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

FEWEST = 20
"""Things from which kappa has an interval; its standard error is for many."""


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
        Limits of its interval, at most 1; NaN where kappa is, with fewer things than `FEWEST`, and where they agree on
        all or on none, so that the interval would have no width.
    """

    n: int
    same: int
    kappa: float
    low: float
    high: float


def cohens_kappa(ours: Sequence[str], theirs: Sequence[str], *, level: float = 0.95) -> Agreement:
    """Compare what two raters call the same things.

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
    weight = (1 - kappa) * (columns[:, None] + rows[None, :])
    np.fill_diagonal(weight, np.diagonal(weight) - 1)
    variance = (float((share * weight**2).sum()) - (kappa - by_chance * (1 - kappa)) ** 2) / (n * (1 - by_chance) ** 2)
    if same in (0, n) or n < FEWEST:
        return Agreement(n, same, kappa, np.nan, np.nan)
    margin = NormalDist().inv_cdf((1 + level) / 2) * float(np.sqrt(max(0.0, variance)))
    return Agreement(n, same, kappa, max(-1.0, kappa - margin), min(1.0, kappa + margin))
