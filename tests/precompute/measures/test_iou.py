"""Intersection over union against counting positions one by one, thresholds against sorting."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from precompute.measures.iou import Active, ConceptLabels, Overlap, detectors, largest, n_above, thresholds

few = st.sampled_from([-1.0, 0, 0, 0.5, 1, 1, 2])
activations = hnp.arrays(np.float32, st.tuples(st.integers(1, 3), st.integers(1, 40)), elements=few)


@given(activations, st.sampled_from([0, 0.005, 0.1, 0.25, 0.5]), st.lists(st.integers(0, 40), max_size=4))
def test_the_threshold_is_exact_in_lots_of_any_size(values, quantile, cuts):
    n_positions = values.shape[1]
    keep = n_above(n_positions, quantile) + 1
    held = np.empty((len(values), 0), dtype=np.float32)
    for lot in np.split(values, sorted(min(cut, n_positions) for cut in cuts), axis=1):
        held = largest(held, lot, keep)
    assert held.shape[1] == min(keep, n_positions)
    found = thresholds(held, n_positions, quantile)
    for row, threshold in zip(values.tolist(), found.tolist(), strict=True):
        allowed = [a for a in row if sum(b > a for b in row) <= quantile * n_positions]
        np.testing.assert_equal(threshold, min(allowed) if 0 < min(allowed) < max(row) else math.nan)


def test_the_stated_share_of_positions_lies_above_the_threshold():
    values = np.random.default_rng(0).random((2, 40_000))
    threshold = thresholds(largest(np.empty((2, 0)), values, n_above(40_000) + 1), 40_000)
    assert ((values > threshold[:, None]).sum(axis=1) == 200).all()


def test_a_share_that_is_a_whole_number_is_not_lost_to_rounding():
    assert n_above(1000, 0.007) == 7
    assert n_above(999, 0.007) == 6


def test_a_unit_active_at_fewer_positions_than_the_share_has_no_threshold():
    values = np.zeros((1, 1000))
    values[0, :4] = 1
    assert np.isnan(thresholds(values, 1000)[0])
    values[0, :6] = np.arange(1, 7)
    assert thresholds(values, 1000)[0] == 1


def test_a_unit_that_saturates_at_more_positions_than_the_share_has_no_threshold():
    values = np.random.default_rng(0).random((1, 1000))
    values[0, :6] = 6
    assert np.isnan(thresholds(values, 1000)[0])
    assert thresholds(values, 1000, 0.01)[0] < 1


def test_too_few_held_activations_are_refused():
    with pytest.raises(ValueError, match="6 largest"):
        thresholds(np.ones((1, 5)), 1000)


@st.composite
def scenes(draw):
    """Maps of small whole numbers, thresholds that some of them equal, masks of concepts in some categories."""
    n_images, n_units, n_concepts = draw(st.integers(1, 4)), draw(st.integers(1, 3)), draw(st.integers(1, 4))
    size = draw(st.sampled_from([(1, 2), (2, 2)]))
    maps = draw(hnp.arrays(np.float32, (n_images, n_units, *size), elements=st.integers(0, 3)))
    threshold = draw(hnp.arrays(np.float32, n_units, elements=st.sampled_from([1, 2, np.nan])))
    masks = draw(hnp.arrays(np.bool_, (n_images, n_concepts, *size)))
    category = np.array(draw(st.lists(st.sampled_from([0, 1, 3]), min_size=n_concepts, max_size=n_concepts)))
    return maps, threshold, masks, category


def slow_iou(maps, threshold, masks, category):
    n_units, n_concepts = maps.shape[1], masks.shape[1]
    found = np.full((n_units, n_concepts), np.nan)
    for u in range(n_units):
        for c in range(n_concepts):
            same = [k for k in range(n_concepts) if category[k] == category[c]]
            counted = [image for image in range(len(maps)) if masks[image, same].any()]
            pairs = [
                (active, there)
                for image in counted
                for active, there in zip((maps[image, u] > threshold[u]).flat, masks[image, c].flat, strict=True)
            ]
            if masks[:, c].any() and threshold[u] == threshold[u]:
                found[u, c] = sum(a and b for a, b in pairs) / sum(a or b for a, b in pairs)
    return found


def flat(maps):
    return maps.reshape(*maps.shape[:2], maps.shape[2] * maps.shape[3])


def fast_overlap(maps, threshold, masks, category):
    """What the module counts, every concept in a plane of its own."""
    n_units = maps.shape[1]
    active = Active.of(flat(maps), threshold)
    planes = np.where(flat(masks), np.arange(masks.shape[1])[:, None], -1)
    return Overlap.of(active, ConceptLabels.of(planes, category), n_units=n_units)


def fast_iou(maps, threshold, masks, category):
    return fast_overlap(maps, threshold, masks, category).iou(threshold)


@given(scenes())
def test_iou_counts_positions_on_the_images_that_have_a_label_of_the_category(scene):
    np.testing.assert_allclose(fast_iou(*scene), slow_iou(*scene))


@given(scenes(), st.integers(0, 4))
def test_lots_of_images_add_up(scene, cut):
    maps, threshold, masks, category = scene
    parts = [fast_overlap(maps[part], threshold, masks[part], category) for part in (slice(cut), slice(cut, None))]
    np.testing.assert_array_equal((parts[0] + parts[1]).iou(threshold), fast_iou(*scene))


@given(scenes())
def test_iou_lies_between_0_and_1(scene):
    found = fast_iou(*scene)
    assert ((found >= 0) & (found <= 1) | np.isnan(found)).all()


@given(scenes(), st.integers(0, 9))
def test_places_can_be_held_against_the_masks_of_other_images(scene, shift):
    maps, threshold, masks, category = scene
    n_images, n_units = maps.shape[:2]
    planes = np.where(flat(masks), np.arange(masks.shape[1])[:, None], -1)
    active = Active.of(flat(maps), threshold).against(shift, n_images)
    found = Overlap.of(active, ConceptLabels.of(planes, category), n_units=n_units).iou(threshold)
    np.testing.assert_allclose(found, slow_iou(maps, threshold, np.roll(masks, -shift, axis=0), category))


def test_concepts_that_lie_apart_may_share_a_plane():
    planes = np.array([[[0, 0, 1, -1]], [[2, -1, -1, 1]]])
    masks = (planes == np.arange(3)[:, None])[:, :, None]
    maps = np.array([[[[1, 0, 1, 1]]], [[[0, 0, 1, 1]]]])
    category, threshold = np.array([0, 0, 1]), np.array([0.5])
    active = Active.of(maps.reshape(2, 1, 4), threshold)
    found = Overlap.of(active, ConceptLabels.of(planes, category), n_units=1).iou(threshold)
    np.testing.assert_allclose(found, slow_iou(maps, threshold, masks, category))
    np.testing.assert_allclose(found, [[1 / 6, 2 / 5, 0]])


def test_images_without_a_label_of_the_category_do_not_count_against_a_unit():
    masks = np.zeros((2, 2, 1, 2), dtype=bool)
    masks[0, 0, 0, 0] = masks[1, 1, 0, 0] = True
    maps, threshold = np.ones((2, 1, 1, 2)), np.array([0.5])
    apart = fast_iou(maps, threshold, masks, np.array([0, 1]))
    together = fast_iou(maps, threshold, masks, np.array([0, 0]))
    assert (apart[0].tolist(), together[0].tolist()) == ([0.5, 0.5], [0.25, 0.25])


def test_a_unit_that_fires_where_the_concept_is_detects_it():
    rng = np.random.default_rng(0)
    masks = rng.random((20, 3, 8, 8)) < 0.1
    maps = np.stack([2.0 * masks[:, 2], rng.random((20, 8, 8)), np.zeros((20, 8, 8))], axis=1)
    threshold = np.array([1, 0.995, np.nan])
    found = detectors(fast_iou(maps, threshold, masks, np.zeros(3, dtype=int)))
    assert (found.concept[0], found.iou[0]) == (2, 1)
    assert found.detects.tolist() == [True, False, False]
    assert np.isnan([found.concept[2], found.iou[2]]).all()
    assert found.n_unique == 1


def test_two_detectors_of_one_concept_are_one_unique_detector_and_the_floor_itself_is_none():
    found = detectors(np.array([[0.1, 0], [0.3, 0.2], [0.04, np.nan], [0, 0.05]]))
    assert found.detects.tolist() == [True, True, False, True]
    assert found.n_unique == 2
