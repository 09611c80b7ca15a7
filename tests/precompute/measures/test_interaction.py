"""The damage of a set beside that of its parts, against loops over the images."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from precompute.measures.drops import Answers
from precompute.measures.interaction import interaction, losses, luck_of_choice
from precompute.measures.paired import drop_interval

image = st.tuples(st.integers(-1, 1), st.integers(-4, 4))


def slow_interaction(rows, n_units):
    """Mean difference, and its interval with one image added that all units lose and one that all gain, written out."""
    differences = [together - parts for together, parts in rows]
    padded = [*differences, n_units, -n_units]
    middle = sum(padded) / len(padded)
    variance = sum((d - middle) ** 2 for d in padded) / len(padded)
    margin = 1.959963984540054 * math.sqrt(variance / len(padded))
    return sum(differences) / len(differences), middle - margin, middle + margin


@given(st.lists(image, min_size=1, max_size=30))
def test_excess_and_interval_are_those_of_a_loop(rows):
    together, parts = np.array(rows).T
    found = interaction(together, parts, n_units=4)
    assert (found.excess, found.low, found.high) == pytest.approx(slow_interaction(rows, 4), abs=1e-12)
    assert found.side == (found.low > 0) - (found.high < 0)


@given(st.integers(0, 20), st.integers(0, 20), st.integers(0, 20))
def test_against_nothing_the_interval_is_that_of_the_drop(lost, gained, same):
    count = lost + gained + same
    if not count:
        return
    together = np.r_[np.ones(lost, int), -np.ones(gained, int), np.zeros(same, int)]
    found = interaction(together, np.zeros(count, int), n_units=0)
    low, high = drop_interval(np.array(lost), np.array(gained), np.array(count))
    assert found.together == (lost - gained) / count
    # A drop cannot be larger than 1, a drop less a sum of drops can.
    assert np.clip([found.low, found.high], -1, 1) == pytest.approx([low, high], abs=1e-12)


@pytest.mark.parametrize(("n_images", "share"), [(50, 0.01), (200, 0.002), (200, 0.01), (800, 0.002)])
def test_a_few_images_that_every_unit_loses_do_not_make_sets_lose_more_than_their_parts(n_images, share):
    """20 units lose together as much as one by one: few images are lost by each of them, and many by the set alone."""
    rng, wrong = np.random.default_rng(1), 0
    for _ in range(400):
        frail, others = rng.random((2, n_images))
        parts = 20 * (frail < share)
        together = ((frail < share) | (others < 19 * share)).astype(int)
        wrong += interaction(together, parts, n_units=20).side != 0
    assert wrong <= 400 * 0.05 + 3 * np.sqrt(400 * 0.05 * 0.95)


def chosen_of_idle_units(rng, order, n_images=2000, n_units=48, n_chosen=8):
    """A set of units that do nothing, taken in an order by their drops; together they change other answers by coins."""
    lost, gained = rng.random((2, n_units, n_images)) < 0.01
    one_by_one = lost.astype(int) - gained
    chosen = order(one_by_one.sum(axis=1))[:n_chosen]
    lost_too, gained_too = rng.random((2, n_images)) < 0.06
    luck = luck_of_choice(lost.sum(axis=1), gained.sum(axis=1), chosen, n_images)
    return lost_too.astype(int) - gained_too, one_by_one[chosen].sum(axis=0), luck


@pytest.mark.parametrize(("order", "sign"), [(lambda drop: np.argsort(-drop), 1), (np.argsort, -1)])
def test_units_that_were_chosen_for_their_drops_are_not_said_to_lose_more_or_less_by_that(order, sign):
    rng, said, usual = np.random.default_rng(2), 0, 0
    for _ in range(100):
        together, parts, luck = chosen_of_idle_units(rng, order)
        assert sign * luck > 0
        said += interaction(together, parts, n_units=8, luck=luck).side != 0
        usual += interaction(together, parts, n_units=8).side != 0
    assert said <= 11
    assert usual > 50


def test_units_that_do_not_stand_out_have_no_luck():
    rng = np.random.default_rng(3)
    found = [chosen_of_idle_units(rng, lambda drop: rng.permutation(len(drop)))[2] for _ in range(100)]
    assert np.count_nonzero(found) <= 22  # 5 % to either side
    giant = np.r_[500, np.arange(20)]
    assert luck_of_choice(giant, giant * 0, np.arange(13, 21), 1000) > 0  # the next largest, beside one far larger
    lost, gained = np.array([3, 0, 1]), np.array([0, 2, 1])
    assert luck_of_choice(lost, gained, np.arange(3), 50) == 0  # all units are no choice
    assert luck_of_choice(lost * 0, gained * 0, np.arange(2), 50) == 0


def test_losses_are_right_before_and_wrong_after():
    label = np.array([0, 0, 0, 0, 1])
    before = Answers(np.array([0, 0, 1, 1, 1]), label, label, 2)
    assert losses(np.array([0, 1, 0, 1, 2]), before).tolist() == [0, 1, -1, 0, 1]


def test_without_images_nothing_is_known():
    assert math.isnan(interaction(np.zeros(0, int), np.zeros(0, int), n_units=3).excess)
