"""Feature entropy of one layer as its presentation shows it: for one class, or as means over classes."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from explorer.charts.entropy import Floats
from explorer.experiments.transitions import transitions
from precompute.store.reader import Experiment, Layer


@dataclass(frozen=True, eq=False)
class Entropies:
    """One layer's numbers for one class, or their means over classes.

    Parameters
    ----------
    units : DataFrame
        A row for each unit, as :func:`explorer.charts.entropy.entropies` takes it.
    noise : DataFrame
        A row for each kind of noise, as that function takes it, with the selective rate in ``rate``.
    n_removed, ranking, accuracy, loss : arrays
        The curves; accuracy is in percent.
    """

    units: pd.DataFrame
    noise: pd.DataFrame
    n_removed: NDArray[Any]
    ranking: NDArray[Any]
    accuracy: Floats
    loss: Floats

    def transitions(self) -> pd.DataFrame:
        """Return where every order falls most steeply, and where half of the accuracy is gone; see `transitions`."""
        return transitions(self.n_removed, self.ranking, self.accuracy)


def read_entropies(layer: Layer, experiment: Experiment, chosen: int | None) -> Entropies:
    """Read what is shown of a layer for the class with an index, or for None over all classes."""
    base = f"layers/{layer.name}"

    def of_class(name: str) -> Floats:
        """Read an array whose last axis is the class, for the chosen class; its mean over classes where none is."""
        if chosen is not None:
            return np.asarray(experiment.read(f"{base}/{name}", np.s_[..., chosen]), dtype=np.float64)
        values: Floats = np.asarray(experiment[f"{base}/{name}"], dtype=np.float64)
        if name in ("accuracy", "loss"):
            values = _apart(values, ranking)
        held = ~np.isnan(values).all(axis=tuple(range(values.ndim - 1)))
        return values[..., held].mean(axis=-1) if held.any() else values[..., 0]

    ranking = experiment[f"{base}/ranking"]
    entropy = of_class("entropy")
    ends = {end: of_class(f"shuffled_{end}") for end in ("low", "mean", "high")}
    noise = {end: of_class(f"noise_{end}") for end in ("low", "mean", "high")}
    if chosen is None:
        # The range of a mean over classes is not the mean of the classes' ranges. Older stores do not hold it.
        for held, name in ((ends, "shuffled_mean"), (noise, "noise_mean")):
            nothing = np.full_like(held["mean"], np.nan)
            held["low"], held["high"] = (experiment.get(f"{base}/{name}_{end}", nothing) for end in ("low", "high"))
    below = entropy < ends["low"]
    rate = 100 * of_class("selective_rate")
    noise_rate = 100 * experiment[f"{base}/noise_rate"]
    # Smooth maps lie below their shuffles by chance, and smoother or sparser ones, which have fewer holes, below noise.
    beyond = below & (entropy < np.min(noise["low"])) & (rate >= np.min(noise_rate))
    places = {"unit": np.arange(len(entropy)), "rate": rate, "entropy": entropy, "below": below, "beyond": beyond}
    kinds = {"noise": [f"{kind} noise" for kind in experiment[f"{base}/noise"]]}
    return Entropies(
        pd.DataFrame({**places, **ends}),
        pd.DataFrame({**kinds, **noise, "rate": noise_rate}),
        experiment[f"{base}/n_removed"],
        ranking,
        100 * of_class("accuracy"),
        of_class("loss"),
    )


def _apart(curves: Floats, ranking: NDArray[Any]) -> Floats:
    """Give every class the random orders in another turn, (order, step, class), before a mean over classes.

    Each class has its own orders by entropy, but all classes share the random orders. In a shared order what one class
    loses the others gain, so a mean over classes would vary too little. With turned orders each class has its own.
    """
    at_random, found = np.flatnonzero(ranking == "random"), curves.copy()
    for c in range(curves.shape[-1]):
        found[at_random, :, c] = curves[np.roll(at_random, c), :, c]
    return found
