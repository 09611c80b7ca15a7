"""Counts of right answers under many ablations, against loops over ablations and images."""

import numpy as np
import pytest

from precompute.experiments.accuracy_counts import AccuracyCounts
from precompute.experiments.cumulative.class_ranking import RankedClassCounts
from precompute.experiments.entropy.class_counts import ClassCounts
from precompute.stages.ablation import Effect

OUTPUT_INDEX = np.array([5, 2, 7, 0])  # the last class has no images; outputs 1, 3, 4 and 6 are not a class
N_ABLATIONS, N_IMAGES, N_OUTPUTS = 6, 40, 8


@pytest.fixture(params=range(3))
def drawn(request):
    """Labels, predictions with nothing ablated, and predictions under each ablation, most of them the same."""
    rng = np.random.default_rng(request.param)
    label = rng.integers(0, 3, N_IMAGES)
    before = np.where(rng.random(N_IMAGES) < 0.6, OUTPUT_INDEX[label], rng.integers(0, N_OUTPUTS, N_IMAGES))
    changed = rng.random((N_ABLATIONS, N_IMAGES)) < 0.3
    return label, before, np.where(changed, rng.integers(0, N_OUTPUTS, changed.shape), before)


def effect_of(before, after):
    unit, image = (after != before).nonzero()
    return Effect(unit.astype(np.int32), image.astype(np.int32), after[unit, image].astype(np.int32), np.empty((0, 0)))


def add_in_two(counts, drawn):
    label, before, after = drawn
    for part in slice(13), slice(13, None):
        counts.add(effect_of(before[part], after[:, part]), label[part], before[part])
    return counts


def looped(drawn, counts_image):
    """Count, in a loop, the images for which a function of (label, output before, output after, class) is true."""
    label, before, after = drawn
    table = np.zeros((N_ABLATIONS, len(OUTPUT_INDEX)), dtype=int)
    for a in range(N_ABLATIONS):
        for c in range(len(OUTPUT_INDEX)):
            table[a, c] = sum(counts_image(label[i], before[i], after[a, i], c) for i in range(N_IMAGES))
    return table


def test_lost_and_gained_are_images_of_the_class_right_before_or_after_alone(drawn):
    counts = add_in_two(AccuracyCounts(N_ABLATIONS, OUTPUT_INDEX), drawn)
    lost = looped(drawn, lambda y, was, now, c: y == c and was == OUTPUT_INDEX[c] and now != OUTPUT_INDEX[c])
    gained = looped(drawn, lambda y, was, now, c: y == c and was != OUTPUT_INDEX[c] and now == OUTPUT_INDEX[c])
    np.testing.assert_array_equal(counts.paired().lost, lost)
    np.testing.assert_array_equal(counts.paired().gained, gained)


def test_right_and_named_hold_the_unablated_network_first(drawn):
    counts = add_in_two(AccuracyCounts(N_ABLATIONS, OUTPUT_INDEX), drawn)
    right = looped(drawn, lambda y, was, now, c: y == c and now == OUTPUT_INDEX[c])
    named = looped(drawn, lambda y, was, now, c: now == OUTPUT_INDEX[c])
    right_before = looped(drawn, lambda y, was, now, c: y == c and was == OUTPUT_INDEX[c])
    named_before = looped(drawn, lambda y, was, now, c: was == OUTPUT_INDEX[c])
    np.testing.assert_array_equal(counts.right, [right_before[0], *right])
    np.testing.assert_array_equal(counts.predicted, [named_before[0], *named])


def test_accuracy_and_agreement_are_shares_of_all_images(drawn):
    label, before, after = drawn
    counts = add_in_two(AccuracyCounts(N_ABLATIONS, OUTPUT_INDEX), drawn)
    answers = [before, *after]
    assert counts.accuracy() == pytest.approx([(each == OUTPUT_INDEX[label]).mean() for each in answers])
    assert counts.agreement() == pytest.approx([(each == before).mean() for each in answers])


def test_a_class_without_images_has_no_accuracy(drawn):
    counts = add_in_two(AccuracyCounts(N_ABLATIONS, OUTPUT_INDEX), drawn)
    assert np.isnan(counts.class_accuracy()[:, 3]).all()
    assert not np.isnan(counts.class_accuracy()[:, :3]).any()


def test_counts_of_one_class_for_each_ablation_are_those_of_all_classes(drawn):
    own = np.array([2, 0, 1, 1, 2, 0])
    every = add_in_two(AccuracyCounts(N_ABLATIONS, OUTPUT_INDEX), drawn)
    ranked = add_in_two(RankedClassCounts(own, OUTPUT_INDEX), drawn)
    row = np.arange(N_ABLATIONS)
    np.testing.assert_array_equal(ranked.right, (every.gained - every.lost).sum(axis=1))
    np.testing.assert_array_equal(ranked.own_right, (every.right[1:] - every.right[0])[row, own])
    np.testing.assert_array_equal(ranked.own_predicted, (every.predicted[1:] - every.predicted[0])[row, own])
    np.testing.assert_array_equal(ranked.unablated.right, every.right[:1])


def test_loss_is_the_mean_of_the_images_of_the_class():
    label, logits = np.array([0, 1, 0]), np.array([[2.0, 0.0], [1.0, 3.0], [0.0, 1.0]])
    change = np.array([[-0.5, 0.25, -1.0]], dtype=np.float16)
    counts = ClassCounts(1, np.array([0, 1]))
    nothing = np.empty(0, dtype=np.int32)
    counts.add_with_log_prob(Effect(nothing, nothing, nothing, change), label=label, logits=logits)
    # -log p of the right output: log(1 + e^-2), log(1 + e^-2) and log(1 + e^1).
    one, other, third = np.log1p(np.exp(-2)), np.log1p(np.exp(-2)), np.log1p(np.exp(1))
    np.testing.assert_allclose(counts.loss(), [[(one + third) / 2, other], [(one + third + 1.5) / 2, other - 0.25]])
