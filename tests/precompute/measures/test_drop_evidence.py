"""The drop over all images: what is said of it is right for a unit that was picked for it."""

import numpy as np

from precompute.measures.drop_evidence import evidence
from precompute.measures.drops import Answers
from precompute.measures.halves import halves
from precompute.measures.paired import FlipTable

_UNITS, _IMAGES, _LOST, _GAINED = 48, 800, 0.015, 0.01


def picked(seed):
    """Whether the intervals hold of the units with the largest and the smallest drop of a layer of units alike."""
    rng, label = np.random.default_rng(seed), np.zeros(_IMAGES, dtype=np.int64)
    right = rng.random(_IMAGES) < 0.5
    changed = rng.random((_UNITS, _IMAGES)) < np.where(right, 2 * _LOST, 2 * _GAINED)
    unit, image = np.nonzero(changed)
    before = Answers(np.where(right, 0, 1), label, label, 1)
    flips = FlipTable(unit, image, np.where(right[image], 1, 0), _UNITS)
    found = evidence(flips, before, halves(label), np.ones(1, dtype=bool)).arrays
    drop = (found["lost"] - found["gained"]).sum(axis=1)
    ends = drop.argmax(), drop.argmin()
    return [found["overall_low"][at] <= _LOST - _GAINED <= found["overall_high"][at] for at in ends]


def test_the_interval_of_the_largest_and_of_the_smallest_overall_drop_holds():
    """The usual intervals of such units hold in 40 to 70 % of layers: among 48 some show a drop far from their own."""
    assert np.mean([picked(seed) for seed in range(25)], axis=0).min() >= 0.88
