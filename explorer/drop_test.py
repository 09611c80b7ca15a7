"""The findings of ``statistics`` about one unit: how sure it is that a class needs it."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from explorer.format import count
from precompute.store.reader import Experiment, Store

NAME = "statistics"
CALLED = 0.05
"""The false discovery rate at which a drop is said to be more than chance."""


@dataclass(frozen=True)
class DropTest:
    """The drop to quote of one unit, its tests, and what may be said of all classes together.

    Parameters
    ----------
    named : tuple of int
        The class that loses most; or up to three of which one does; none where no few classes stand out.
    drop, low, high : float
        Where one class is named: the drop to quote, a fraction, and the limits of its 95 % interval; NaN otherwise. The
        drop is NaN also where the images do not settle one number.
    lost, gained, n_images : int
        Images of the named class: lost, gained and all; 0 where not one is named.
    p, q : float
        Of the largest drop over the classes: the probability that chance makes it as large, and the false discovery
        rate over the units of the layer; NaN where every class is set apart.
    ceiling : float
        What the largest drop over all classes stays at or below by chance in 95 % of cases, for as many flips.
    overall_q, overall_low, overall_high : float
        Of the drop over all images: its false discovery rate and 95 % interval.
    certainty_q : float
        False discovery rate of "the images of some class become less certain"; NaN where that is not known.
    certainty_class : int or None
        That class; None where none becomes less certain.
    """

    named: tuple[int, ...]
    drop: float
    low: float
    high: float
    lost: int
    gained: int
    n_images: int
    p: float
    q: float
    ceiling: float
    overall_q: float
    overall_low: float
    overall_high: float
    certainty_q: float = math.nan
    certainty_class: int | None = None


def of_unit(store: Store, layer: str, ablation: str, unit: int) -> DropTest | None:
    """Return what is known of one unit's drops; None where the store does not hold their statistics."""
    found = statistics_of(store, layer, ablation)
    if found is None:
        return None
    base = base_of(layer, ablation)
    of_unit = {name: float(found.read(f"{base}/{name}", unit)) for name in _NUMBERS}
    row = found.read(f"{base}/named_class", unit)
    named = tuple(int(index) for index in row[~np.isnan(row)])
    lost = gained = n_images = 0
    if len(named) == 1:
        lost, gained = (int(found.read(f"{base}/{name}", (unit, named[0]))) for name in ("lost", "gained"))
        n_images = int((np.asarray(store.images.label) == named[0]).sum())
    return DropTest(
        named=named,
        drop=of_unit["quoted_drop"],
        low=of_unit["quoted_low"],
        high=of_unit["quoted_high"],
        lost=lost,
        gained=gained,
        n_images=n_images,
        p=of_unit["max_drop_p"],
        q=of_unit["max_drop_q"],
        ceiling=of_unit["max_drop_ceiling"],
        overall_q=of_unit["overall_q"],
        overall_low=of_unit["overall_low"],
        overall_high=of_unit["overall_high"],
        **_certainty(found, base, unit),
    )


_NUMBERS = (
    *("quoted_drop", "quoted_low", "quoted_high", "max_drop_p", "max_drop_q", "max_drop_ceiling"),
    *("overall_q", "overall_low", "overall_high"),
)


def _certainty(found: Experiment, base: str, unit: int) -> dict[str, Any]:
    """Return what is known of log-probabilities; nothing where the store left them out."""
    if f"{base}/certainty_q" not in found:
        return {}
    worst = float(found.read(f"{base}/certainty_class", unit))
    return {
        "certainty_q": float(found.read(f"{base}/certainty_q", unit)),
        "certainty_class": None if np.isnan(worst) else int(worst),
    }


def statistics_of(store: Store, layer: str, ablation: str) -> Experiment | None:
    """Return the statistics of a store; None where it does not hold those of this layer and kind of ablation.

    Those of an earlier version, whose drops are not right for units that were picked, do not count.
    """
    if NAME not in store.experiments:
        return None
    found = store.experiment(NAME)
    return found if f"{base_of(layer, ablation)}/quoted_drop" in found else None


def base_of(layer: str, ablation: str) -> str:
    """Return where the statistics of a layer lie in their experiment."""
    return f"layers/{layer}/ablation/{ablation}"


def left_out_said(store: Store, most: int = 5) -> str:
    """Say which classes the tests leave out, a few by their names; nothing where they leave out none.

    Parameters
    ----------
    store
        The store; one without statistics has no tests.
    most
        How many classes to name.
    """
    apart = np.flatnonzero(store.experiment(NAME)["set_apart"]).tolist() if NAME in store.experiments else []
    if not apart:
        return ""
    more = f" and {len(apart) - most:,} more" if len(apart) > most else ""
    names = ", ".join(store.classes.title[index] for index in apart[:most])
    return (
        f"The tests leave out {count(len(apart), 'class', 'classes')} of an accuracy below 10 %, which leaves "
        f"nothing to lose: {names}{more}."
    )
