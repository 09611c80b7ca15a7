"""Class means and class selectivity against plain loops from their definitions."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from precompute.measures.selectivity import class_means, class_selectivity, selectivity_for

values = st.floats(0, 1e6, width=32)


@st.composite
def labelled(draw):
    """Activations (unit, image), labels (image,) and a number of classes, some of them possibly without images."""
    n_units, n_images, n_classes = draw(st.integers(1, 4)), draw(st.integers(1, 12)), draw(st.integers(1, 5))
    activation = draw(hnp.arrays(np.float32, (n_units, n_images), elements=values))
    label = draw(hnp.arrays(np.int32, n_images, elements=st.integers(0, n_classes - 1)))
    return activation, label, n_classes


def slow_class_means(activation, label, n_classes):
    means = []
    for row in activation.tolist():
        of_class = [[value for value, its in zip(row, label, strict=True) if its == c] for c in range(n_classes)]
        means.append([math.fsum(held) / len(held) if held else math.nan for held in of_class])
    return np.array(means)


def slow_class_selectivity(class_mean):
    found = []
    for row in class_mean.tolist():
        held = {c: mean for c, mean in enumerate(row) if not math.isnan(mean)}
        if len(held) < 2 or not any(held.values()):
            found.append((math.nan, math.nan))
            continue
        best = max(held, key=lambda c: (held[c], -c))
        others = [mean for c, mean in held.items() if c != best]
        rest = math.fsum(others) / len(others)
        found.append(((held[best] - rest) / (held[best] + rest), best))
    return np.array(found).T


@given(labelled())
def test_class_means_follow_the_definition(case):
    np.testing.assert_allclose(class_means(*case), slow_class_means(*case), rtol=1e-12)


@given(labelled())
def test_class_selectivity_follows_the_definition(case):
    class_mean = class_means(*case)
    index, preferred = class_selectivity(class_mean)
    slow_index, slow_preferred = slow_class_selectivity(class_mean)
    np.testing.assert_allclose(index, slow_index, atol=1e-12)
    np.testing.assert_array_equal(preferred, slow_preferred)


@given(labelled())
def test_class_selectivity_lies_between_0_and_1_or_is_undefined(case):
    index, preferred = class_selectivity(class_means(*case))
    assert (((index >= 0) & (index <= 1)) | np.isnan(index)).all()
    np.testing.assert_array_equal(np.isnan(index), np.isnan(preferred))


@given(labelled(), st.randoms(use_true_random=False))
def test_reordering_units_reorders_the_result(case, random):
    activation, label, n_classes = case
    order = random.sample(range(len(activation)), len(activation))
    class_mean = class_means(activation, label, n_classes)
    np.testing.assert_array_equal(class_means(activation[order], label, n_classes), class_mean[order])
    for whole, reordered in zip(class_selectivity(class_mean), class_selectivity(class_mean[order]), strict=True):
        np.testing.assert_array_equal(reordered, whole[order])


@given(labelled(), st.randoms(use_true_random=False))
def test_renaming_classes_renames_the_preferred_one(case, random):
    activation, label, n_classes = case
    new_name = np.array(random.sample(range(n_classes), n_classes))
    class_mean = class_means(activation, label, n_classes)
    renamed = class_means(activation, new_name[label], n_classes)
    np.testing.assert_array_equal(renamed[:, new_name], class_mean)
    index, preferred = class_selectivity(class_mean)
    new_index, new_preferred = class_selectivity(renamed)
    np.testing.assert_allclose(new_index, index, atol=1e-12)
    # Among equals the first is named, and which is first depends on the names.
    best = np.sort(np.nan_to_num(class_mean, nan=-1), axis=1)[:, -2:]
    clear = ~np.isnan(preferred) & (best[:, 0] < best[:, -1])
    np.testing.assert_array_equal(new_preferred[clear], new_name[preferred[clear].astype(int)])


@given(labelled(), st.integers(-20, 20))
def test_class_selectivity_does_not_depend_on_scale(case, exponent):
    class_mean = class_means(*case)
    index, preferred = class_selectivity(class_mean)
    scaled_index, scaled_preferred = class_selectivity(class_mean * 2.0**exponent)
    np.testing.assert_array_equal(scaled_index, index)
    np.testing.assert_array_equal(scaled_preferred, preferred)


def test_a_unit_silent_for_all_classes_but_one_has_selectivity_1():
    index, preferred = class_selectivity(np.array([[0, 0, 0.3, 0]]))
    assert (index[0], preferred[0]) == (1, 2)


def test_a_unit_that_answers_all_classes_alike_has_selectivity_0_exactly():
    # The mean of the others comes out a rounding error above the largest here.
    index, preferred = class_selectivity(np.full((1, 3), 0.1))
    assert (index[0], preferred[0]) == (0, 0)


def test_the_other_classes_count_alike_whatever_their_sizes():
    label = np.array([0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2])
    activation = np.array([[1.0, *[0.5] * 9, 0.1]])
    index, _ = class_selectivity(class_means(activation, label, 3))
    assert index[0] == pytest.approx((1 - 0.3) / (1 + 0.3))


def test_a_dead_unit_has_no_selectivity():
    index, preferred = class_selectivity(np.array([[0.0, 0.0], [1.0, 0.0]]))
    np.testing.assert_array_equal(index, [np.nan, 1])
    np.testing.assert_array_equal(preferred, [np.nan, 0])


def test_one_class_alone_has_no_selectivity():
    index, preferred = class_selectivity(np.array([[2.0]]))
    assert np.isnan([index[0], preferred[0]]).all()


def test_a_class_without_images_is_left_out_of_the_rest():
    with_gap, _ = class_selectivity(np.array([[np.nan, 0.2, np.nan, 0.6]]))
    without, _ = class_selectivity(np.array([[0.2, 0.6]]))
    assert with_gap[0] == without[0] == pytest.approx(0.5)


def test_a_class_without_images_has_no_mean():
    np.testing.assert_array_equal(
        class_means(np.array([[4.0, 2.0]]), np.array([2, 2]), 4), [[np.nan, np.nan, 3, np.nan]]
    )


def test_class_means_below_zero_are_refused():
    with pytest.raises(ValueError, match="nowhere below zero"):
        class_selectivity(np.array([[0.5, -0.1]]))


def test_class_means_add_up_in_double_precision():
    activation = np.full((1, 100_000), 0.1, dtype=np.float32)
    mean = class_means(activation, np.zeros(100_000, dtype=int), 1)
    assert mean[0, 0] == pytest.approx(float(np.float32(0.1)), rel=1e-12)


@given(labelled())
def test_selectivity_for_a_class_follows_the_definition(case):
    class_mean = class_means(*case)
    for label in range(class_mean.shape[1]):
        slow = []
        for row in class_mean.tolist():
            others = [mean for c, mean in enumerate(row) if c != label and not math.isnan(mean)]
            rest = math.fsum(others) / len(others) if others else math.nan
            total = row[label] + rest
            slow.append((row[label] - rest) / total if total > 0 else math.nan)
        np.testing.assert_allclose(selectivity_for(class_mean, label), slow, atol=1e-12)


@given(labelled())
def test_for_the_class_that_a_unit_prefers_it_is_its_class_selectivity(case):
    class_mean = class_means(*case)
    index, preferred = class_selectivity(class_mean)
    for unit in np.flatnonzero(~np.isnan(preferred)):
        np.testing.assert_allclose(selectivity_for(class_mean, int(preferred[unit]))[unit], index[unit], atol=1e-12)
