"""Feature entropy against its definition, under each reading, and the entropy of noise."""

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from precompute.measures.births import birth_levels
from precompute.measures.entropy import (
    class_feature_entropy,
    cut_as_code,
    feature_entropy,
    rule_births,
)

RULES = ["ours", "paper", "code"]
levels = st.lists(st.sampled_from([math.nan, 3, 4, 5, 9]), min_size=1, max_size=25)


def slow_entropy(births, rule):
    n_images = len(births)
    born = Counter(level for level in births if level == level)
    n_born = sum(born.values())
    rate = n_born / n_images
    whole = n_images if rule == "paper" else n_born
    entropy = -sum(times / whole * math.log(times / whole) for times in born.values())
    if rule == "code":
        ineffective = entropy / rate if rate else 0
        return 100 * math.log(100) if ineffective < 0.1 else ineffective
    if rate >= 0.1:
        return entropy
    return (rate if rule == "paper" else 1 - rate) * math.log(n_images)


@pytest.mark.parametrize("rule", RULES)
@given(births=levels)
def test_entropy_follows_the_definition_under_each_reading(rule, births):
    found = feature_entropy(np.array([births, births[::-1]]), rule=rule)
    assert found.entropy == pytest.approx(slow_entropy(births, rule), abs=1e-12)
    assert found.selective_rate == pytest.approx(sum(level == level for level in births) / len(births))


@given(levels, st.randoms(use_true_random=False))
def test_entropy_depends_only_on_which_images_agree(births, random):
    moved = np.array(random.sample(births, len(births))) * 2 + 1
    np.testing.assert_allclose(feature_entropy(moved).entropy, feature_entropy(np.array(births)).entropy, atol=1e-12)


@given(levels)
def test_entropy_lies_between_0_and_the_logarithm_of_the_number_of_images(births):
    entropy = feature_entropy(np.array(births)).entropy
    assert -1e-12 <= entropy <= math.log(len(births)) + 1e-12
    assert math.copysign(1, entropy) == 1


def test_a_silent_unit_is_worst_for_us_best_on_paper_and_last_in_the_code():
    silent = np.full(50, np.nan)
    ours, paper, code = (feature_entropy(silent, rule=rule).entropy for rule in RULES)
    assert ours == pytest.approx(math.log(50))
    assert paper == 0
    assert code == pytest.approx(100 * math.log(100))


def test_a_unit_that_does_the_same_on_every_image_has_entropy_0_but_ranks_last_in_the_code():
    same = np.full(50, 7.0)
    assert feature_entropy(same).entropy == 0
    assert feature_entropy(same, rule="code").entropy == pytest.approx(100 * math.log(100))


def test_one_image_in_ten_is_enough_and_one_in_eleven_is_not():
    enough, too_few = np.full(10, np.nan), np.full(11, np.nan)
    enough[0] = too_few[0] = 4
    assert feature_entropy(enough).entropy == 0
    assert feature_entropy(too_few).entropy == pytest.approx(10 / 11 * math.log(11))


def test_every_class_has_its_own_entropy_and_classes_without_images_have_none():
    births = np.array([[3.0, 3, 5, 6], [np.nan, 4, 4, 4]])
    label = np.array([0, 0, 2, 2])
    found = class_feature_entropy(births, label, 3)
    np.testing.assert_array_equal(np.isnan(found.entropy), [[False, True, False]] * 2)
    np.testing.assert_allclose(found.entropy[:, [0, 2]], [[0, math.log(2)], [0, 0]], atol=1e-15)
    np.testing.assert_array_equal(found.selective_rate[:, [0, 2]], [[1, 1], [0.5, 1]])


@pytest.mark.parametrize(("side", "last"), [(14, 73), (7, 17)])
def test_the_code_stops_at_eight_tenths_of_the_edges(side, last):
    births = np.array([last, last + 1.0])
    assert cut_as_code(births, side, cap=999).tolist()[0] == last
    assert np.isnan(cut_as_code(births, side, cap=999)[1])


def test_the_code_takes_its_row_0_and_rows_past_50_for_none():
    found = cut_as_code(np.array([1.0, 2, 51, 52, np.nan]), 14)
    np.testing.assert_array_equal(found, [np.nan, 2, 51, np.nan, np.nan])


def test_each_reading_counts_births_in_its_own_way():
    maps = np.random.default_rng(0).random((40, 14, 14))
    ours, paper, code = (rule_births(maps, rule=rule) for rule in RULES)
    np.testing.assert_array_equal(ours, birth_levels(maps))
    np.testing.assert_array_equal(paper, birth_levels(maps, count_entries=True))
    np.testing.assert_array_equal(code, cut_as_code(ours, 14))
