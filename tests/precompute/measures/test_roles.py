"""Four roles, and none without evidence."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from precompute.measures.multiplicity import false_discovery
from precompute.measures.paired import drop_interval, mcnemar
from precompute.measures.roles import ROLES, roles, sign_of_effect, sign_or_nothing

EXPECTED = {
    (1, 1): "helps both",
    (1, 0): "helps training only",
    (1, -1): "helps training only",
    (0, 1): "helps held-out only",
    (-1, 1): "helps held-out only",
    **dict.fromkeys(itertools.product((0, -1), repeat=2), "helps neither"),
}


@pytest.mark.parametrize("pair", list(itertools.product((1, 0, -1, math.nan), repeat=2)))
def test_every_pair_of_signs_has_its_role_and_no_evidence_has_none(pair):
    code = roles(np.array([pair[0]]), np.array([pair[1]]))
    assert ROLES[code[0]] == EXPECTED.get(pair, "undetermined")


@given(st.floats(-1, 1), st.floats(0, 1))
def test_a_sign_needs_a_small_q(effect, q):
    found = sign_of_effect(np.array([effect]), np.array([q]))[0]
    np.testing.assert_equal(found, np.sign(effect) if q <= 0.05 and effect else math.nan)


def test_without_a_test_there_is_no_sign():
    assert np.isnan(sign_of_effect(np.array([0.5, np.nan]), np.array([np.nan, 0.01]))).all()


def test_an_effect_counts_as_none_only_where_its_interval_says_so():
    sign = np.array([np.nan, np.nan, 1, 1, np.nan])
    low = np.array([-0.005, -0.02, 0.001, 0.02, np.nan])
    high = np.array([0.005, 0.02, 0.004, 0.05, np.nan])
    found = sign_or_nothing(sign, low, high, margin=0.01)
    np.testing.assert_array_equal(found, [0, np.nan, 0, 1, np.nan])


def simulated_signs(drop, n_images, rng, n_units=400):
    lost = rng.binomial(n_images, 0.01 + drop, n_units)
    gained = rng.binomial(n_images, 0.01, n_units)
    count = np.full(n_units, n_images)
    sign = sign_of_effect((lost - gained) / count, false_discovery(mcnemar(lost, gained)))
    return sign_or_nothing(sign, *drop_interval(lost, gained, count), margin=0.02)


def test_planted_roles_are_found_with_many_images_and_undetermined_with_few():
    rng = np.random.default_rng(0)
    for n_images, least in ((1000, 0.9), (25, 0.0)):
        for drops, name in (((0.1, 0.1), "helps both"), ((0.1, 0), "helps training only"), ((0, 0), "helps neither")):
            code = roles(*(simulated_signs(drop, n_images, rng) for drop in drops))
            named = np.array(ROLES)[code]
            assert np.mean(named == name) >= least
            wrong = (named != name) & (named != "undetermined")
            assert wrong.mean() < 0.05
            if n_images == 25:
                assert np.mean(named == "undetermined") > 0.5
