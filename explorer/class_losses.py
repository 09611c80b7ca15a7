"""What silencing each unit of a layer does to one class: images lost and gained, tests, and new predictions."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from precompute.measures.drops import Answers
from precompute.measures.false_discovery import discrete_false_discovery
from precompute.measures.paired import FlipTable, drop_interval, mcnemar, mcnemar_attainable, right_changes

Floats = NDArray[np.floating[Any]]
Ints = NDArray[np.integer[Any]]

_MISSED = 0.05  # share of the intervals that miss the truth


@dataclass(frozen=True, eq=False)
class ClassLosses:
    """The effect of every unit of a layer on one class.

    Parameters
    ----------
    lost, gained : (unit,) integer arrays
        Number of images of the class right with the unit and wrong without it, and the other way round.
    destination : (unit, output) integer array
        Number of lost images by the output that they are predicted as, for the outputs in ``outputs``.
    outputs : (output,) integer array
        All outputs that any lost image is predicted as.
    n_images : int
        Images of the class.
    """

    lost: Ints
    gained: Ints
    destination: Ints
    outputs: Ints
    n_images: int

    @property
    def drop(self) -> Floats:
        """Accuracy lost, (unit,), fractions; NaN for a class without images."""
        return (self.lost - self.gained) / (self.n_images or np.nan)

    def interval(self, *, chosen: float = 1.0) -> tuple[Floats, Floats]:
        """Limits of the 95 % interval of each drop, see :func:`precompute.measures.paired.drop_interval`.

        Parameters
        ----------
        chosen : float
            Share of all units that are looked at because their drops are large. The fewer, the wider the intervals: on
            average over the chosen units 95 % contain the truth. 1 for units that were not chosen for their drops.

        References
        ----------
        Benjamini and Yekutieli 2005, "False discovery rate-adjusted multiple confidence intervals for selected
        parameters", Journal of the American Statistical Association 100, 71-81.
        """
        level = 1 - _MISSED * chosen
        return drop_interval(self.lost, self.gained, np.asarray(self.n_images), level=level)


def class_losses(flips: FlipTable, before: Answers, n_images: int) -> ClassLosses:
    """Count what the flips of one class's images do to it.

    Parameters
    ----------
    flips : FlipTable
        All flips of the layer's units on the images of the class, in any order.
    before : Answers
        The answers that they change.
    n_images : int
        Images of the class.
    """
    lost, gained = right_changes(flips.image, flips.prediction, before)
    outputs, place = np.unique(flips.prediction[lost], return_inverse=True)
    cell = flips.unit[lost].astype(np.int64) * len(outputs) + place
    counts = np.bincount(cell, minlength=flips.n_units * len(outputs))
    return ClassLosses(
        lost=np.bincount(flips.unit[lost], minlength=flips.n_units),
        gained=np.bincount(flips.unit[gained], minlength=flips.n_units),
        destination=counts.reshape(flips.n_units, len(outputs)),
        outputs=outputs,
        n_images=n_images,
    )


def false_discovery_rates(layers: Sequence[ClassLosses]) -> list[Floats]:
    """Return the q of every drop of the class, (unit,) for each layer; all units together are one family.

    They are computed from exact McNemar p-values and the p-values that each test can have. NaN for units that change no
    answer of the class.
    """
    lost, gained = (np.concatenate([getattr(one, part) for one in layers]) for part in ("lost", "gained"))
    changed = lost + gained
    tested = changed > 0
    q = np.full(len(changed), np.nan)
    p = mcnemar(lost[tested], gained[tested])
    attainable = {n: mcnemar_attainable(n) for n in set(changed[tested].tolist())}
    q[tested] = discrete_false_discovery(p, [attainable[n] for n in changed[tested].tolist()])
    return np.split(q, np.cumsum([len(one.lost) for one in layers])[:-1])
