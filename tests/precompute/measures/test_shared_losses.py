"""Images that two units lose, against sets and against drawing them."""

from itertools import combinations, product

import numpy as np
import pytest

from precompute.measures.shared_losses import shared_losses

RNG = np.random.default_rng(0)
LABEL = np.repeat(np.arange(4), 30)
RIGHT = RNG.random(120) < 0.8
ONE, OTHER = (RIGHT & (RNG.random(120) < share * (LABEL != 3)) for share in (0.4, 0.3))


def test_shared_are_the_images_in_both_sets():
    found = shared_losses(ONE, OTHER, RIGHT, LABEL)
    one, other = set(np.flatnonzero(ONE)), set(np.flatnonzero(OTHER))
    assert (found.one, found.other, found.shared) == (len(one), len(other), len(one & other))


def test_chance_is_what_drawing_as_many_images_of_each_class_gives():
    shared = []
    for _ in range(4000):
        drawn = set()
        for label in range(4):
            could = np.flatnonzero(RIGHT & (label == LABEL))
            drawn |= set(RNG.choice(could, int(OTHER[could].sum()), replace=False).tolist())
        shared.append(len(drawn & set(np.flatnonzero(ONE).tolist())))
    found = shared_losses(ONE, OTHER, RIGHT, LABEL)
    assert found.expected == pytest.approx(np.mean(shared), abs=0.15)
    assert found.deviation == pytest.approx(np.std(shared), rel=0.06)


def test_chance_of_few_images_is_that_of_all_ways_to_draw_them():
    label = np.array([0, 1, 1, 2, 2, 2, 2])
    one, other = (np.isin(np.arange(7), held) for held in ([0, 1, 3, 4], [0, 2, 4]))
    ways = [combinations(np.flatnonzero(label == c), int(other[label == c].sum())) for c in range(3)]
    shared = [sum(one[list(drawn)].sum() for drawn in way) for way in product(*ways)]
    found = shared_losses(one, other, np.ones(7, dtype=bool), label)
    assert found.expected == pytest.approx(np.mean(shared))
    assert found.deviation == pytest.approx(np.std(shared))


def test_units_that_lose_nothing_share_nothing():
    nothing = np.zeros(120, dtype=bool)
    found = shared_losses(nothing, OTHER, RIGHT, LABEL)
    assert (found.shared, found.expected, found.deviation) == (0, 0, 0)


def test_a_class_that_is_lost_whole_leaves_nothing_to_chance():
    whole = RIGHT & (LABEL == 1)
    found = shared_losses(whole, whole, RIGHT, LABEL)
    assert found.shared == found.expected == whole.sum()
    assert found.deviation == 0
