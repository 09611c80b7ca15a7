"""What drives a unit: the class it answers to on average, and the classes of its strongest images."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from explorer.class_preference import Profile, profile_of, strongest
from precompute.store.reader import open_store
from tests.explorer.conftest import FULL
from tests.factory import Recipe


@pytest.fixture(scope="module")
def signed(made):
    """An open store whose layer goes below zero."""
    recipe = Recipe(per_class=12, layers=FULL.layers, signed=frozenset({"features.10"}))
    with open_store(made("signed", recipe)) as store:
        yield store


def test_in_a_layer_below_zero_the_ratio_is_that_of_selectivity(signed):
    layer = signed.layer("features.10")
    selectivity = layer.measures["class_selectivity"].values
    for unit in np.flatnonzero(~np.isnan(selectivity)):
        found = profile_of(signed, layer, unit)
        assert found.signed
        best = int(layer.measures["selective_class"].values[unit])
        profile = Profile(found.mean, (best,), signed=True)
        assert (profile.ratio - 1) / (profile.ratio + 1) == pytest.approx(selectivity[unit], abs=1e-6)
        assert not found.preferred or best in found.preferred


def test_elsewhere_it_is_that_of_the_class_means(full_store):
    layer = full_store.layer("features.10")
    profile = profile_of(full_store, layer, 0)
    assert not profile.signed
    assert profile.mean == pytest.approx(layer.class_mean[0])


def test_classes_without_images_are_in_no_mean():
    assert Profile(np.array([6.0, np.nan, 2.0, 4.0]), (0,), signed=False).ratio == 2


def slow(largest, label, n_classes, k):
    """The same, image by image."""
    ranked = sorted((value for value in largest if value != 0), reverse=True)[:k]
    count = [0] * n_classes
    for value, of in zip(largest, label, strict=True):
        count[of] += bool(ranked) and value != 0 and value >= ranked[-1]
    return count


@given(
    st.lists(st.tuples(st.sampled_from([-1.0, 0.0, 0.5, 2.0, 6.0]), st.integers(0, 2)), max_size=12), st.integers(1, 6)
)
def test_equals_of_the_last_count_too(images, k):
    largest = np.array([value for value, _ in images])
    label = np.array([of for _, of in images], dtype=int)
    found = strongest(largest, label, 3, k)
    assert found.count.tolist() == slow(largest.tolist(), label.tolist(), 3, k)
    assert found.at_ceiling == (found.n_images > k)


def test_a_unit_at_its_ceiling_on_many_images_is_judged_by_all_of_them():
    largest, label = np.array([6.0, 6, 6, 6, 6, 1]), np.array([0, 1, 1, 1, 1, 0])
    found = strongest(largest, label, 2, 2)
    assert (found.count.tolist(), found.at_ceiling, found.leader) == ([1, 4], True, 1)
    assert found.differs(0)
    assert not found.differs(1)
