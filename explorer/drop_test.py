"""Results of the experiment ``statistics`` about one unit: whether a class needs it beyond chance."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from explorer.format import count, isolated
from precompute.measures.drop_evidence import overall_interval
from precompute.store.reader import Experiment, Store

NAME = "statistics"
CALLED = 0.05
"""The false discovery rate at which a drop is said to be more than chance."""


@dataclass(frozen=True)
class DropTest:
    """The drop to quote of one unit, its tests, and the drop over all images.

    Parameters
    ----------
    named : tuple of int
        The class that loses most; or up to three classes, one of which does; empty where no few classes stand out.
    drop, low, high : float
        If one class is named: the drop to quote, a fraction, and the limits of its 95 % interval; otherwise NaN. The
        drop is NaN also where the images do not settle a single number.
    lost, gained, n_images : int
        Number of images of the named class: lost, gained and all; 0 unless exactly one class is named.
    p, q : float
        For the largest drop over the classes that are not set apart: the probability that chance makes it as large, and
        the false discovery rate over the units of the layer. NaN where every class is set apart.
    ceiling : float
        The value that the largest drop over all classes does not exceed by chance in 95 % of cases, given the flips.
    overall_q, overall_low, overall_high : float
        For the drop over all images: its false discovery rate and its 95 % interval.
    certainty_q : float
        False discovery rate of "the images of some class become less certain"; NaN where it is not known.
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
    """Return the tests of one unit's drops; None where the store does not hold their statistics."""
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
    # Earlier versions stored intervals that each hold for a unit that was not picked; these hold for all units at once.
    all_lost, all_gained = (
        np.array(found.read(f"{base}/{name}", unit).sum(dtype=np.int64)) for name in ("lost", "gained")
    )
    low, high = overall_interval(all_lost, all_gained, len(store.images), store.layer(layer).n_units)
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
        overall_low=float(low),
        overall_high=float(high),
        **_certainty(found, base, unit),
    )


_NUMBERS = (
    *("quoted_drop", "quoted_low", "quoted_high", "max_drop_p", "max_drop_q", "max_drop_ceiling"),
    "overall_q",
)


def _certainty(found: Experiment, base: str, unit: int) -> dict[str, Any]:
    """Return the results on log-probabilities; empty where the store left them out."""
    if f"{base}/certainty_q" not in found:
        return {}
    worst = float(found.read(f"{base}/certainty_class", unit))
    return {
        "certainty_q": float(found.read(f"{base}/certainty_q", unit)),
        "certainty_class": None if np.isnan(worst) else int(worst),
    }


def statistics_of(store: Store, layer: str, ablation: str) -> Experiment | None:
    """Return the statistics of a store; None where it does not hold those of this layer and kind of ablation.

    Statistics of an earlier version do not count, because their drops are wrong for units that were selected.
    """
    if NAME not in store.experiments:
        return None
    found = store.experiment(NAME)
    return found if f"{base_of(layer, ablation)}/quoted_drop" in found else None


def base_of(layer: str, ablation: str) -> str:
    """Return the path of the statistics of a layer inside the experiment."""
    return f"layers/{layer}/ablation/{ablation}"


def left_out_said(store: Store, most: int = 5) -> str:
    """Say which classes the tests leave out, naming a few; empty where they leave out none.

    Parameters
    ----------
    store
        The store; the result is empty for a store without statistics.
    most
        How many classes to name.
    """
    apart = np.flatnonzero(store.experiment(NAME)["set_apart"]).tolist() if NAME in store.experiments else []
    if not apart:
        return ""
    more = f" and {len(apart) - most:,} more" if len(apart) > most else ""
    names = ", ".join(isolated(store.classes.title[index]) for index in apart[:most])
    return (
        f"The tests leave out {count(len(apart), 'class', 'classes')} of an accuracy below 10 %, which leaves "
        f"nothing to lose: {names}{more}."
    )
