"""How sure it is that a class needs a unit: what the experiment ``statistics`` found about one unit."""

from dataclasses import dataclass

import numpy as np

from precompute.store.reader import Experiment, Store

NAME = "statistics"
CALLED = 0.05
"""The false discovery rate at which a drop is said to be more than chance."""


@dataclass(frozen=True)
class Evidence:
    """The drop of the class that loses most on one half of the images, read on the other half, and its test.

    Parameters
    ----------
    chosen : int or None
        Index of that class; None where no class loses on the half where it is chosen.
    drop, low, high : float
        Its drop on the other half, a fraction, and the limits of its 95 % interval; NaN where no class was chosen.
    lost, gained, n_images : int
        Images of it on that half: lost, gained and all.
    p, q : float
        Of the largest drop over all classes: the probability that chance makes it as large, and the false discovery
        rate over the units of the layer; NaN where every class is set apart.
    expected, ceiling : float
        What chance makes of the largest drop for as many flips: its mean, and what it stays at or below in 95 %.
    """

    chosen: int | None
    drop: float
    low: float
    high: float
    lost: int
    gained: int
    n_images: int
    p: float
    q: float
    expected: float
    ceiling: float


def evidence_of(store: Store, layer: str, ablation: str, unit: int) -> Evidence | None:
    """Return what is known of one unit's drops; None where the store does not hold their statistics."""
    found = held(store, layer, ablation)
    if found is None:
        return None
    names = ("held_out_class", "held_out_drop", "held_out_low", "held_out_high")
    more = ("max_drop_p", "max_drop_q", "max_drop_expected", "max_drop_noise")
    counts = ("held_out_lost", "held_out_gained", "held_out_images")
    base = base_of(layer, ablation)
    chosen, drop, low, high, p, q, expected, ceiling = (
        float(found.read(f"{base}/{name}", unit)) for name in (*names, *more)
    )
    lost, gained, n_images = (int(found.read(f"{base}/{name}", unit)) for name in counts)
    return Evidence(
        chosen=None if np.isnan(chosen) else int(chosen),
        drop=drop,
        low=low,
        high=high,
        lost=lost,
        gained=gained,
        n_images=n_images,
        p=p,
        q=q,
        expected=expected,
        ceiling=ceiling,
    )


def held(store: Store, layer: str, ablation: str) -> Experiment | None:
    """Return the statistics of a store; None where it does not hold those of this layer and kind of ablation."""
    if NAME not in store.experiments:
        return None
    found = store.experiment(NAME)
    return found if f"{base_of(layer, ablation)}/max_drop_q" in found else None


def base_of(layer: str, ablation: str) -> str:
    """Return where the statistics of a layer lie in their experiment."""
    return f"layers/{layer}/ablation/{ablation}"


def set_apart(store: Store) -> list[int]:
    """Return the classes that have nothing to lose, by index; none where the store holds no statistics."""
    if NAME not in store.experiments:
        return []
    return np.flatnonzero(store.experiment(NAME)["set_apart"]).tolist()
