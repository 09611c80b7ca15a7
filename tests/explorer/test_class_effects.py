"""What silencing a unit does to each class."""

import numpy as np

from explorer.class_effects import Move, class_effects, lost_and_gained, main_move
from precompute.measures.drops import Answers
from precompute.store.answers import answers
from precompute.store.reader import Flips


def slow_impact(flips, before):
    """Walk the flips one by one."""
    lost, gained = [0] * before.n_classes, [0] * before.n_classes
    for image, prediction in zip(flips.image.tolist(), flips.prediction.tolist(), strict=True):
        was, now = before.prediction[image] == before.target[image], prediction == before.target[image]
        lost[before.label[image]] += bool(was and not now)
        gained[before.label[image]] += bool(now and not was)
    return lost, gained


def test_losses_and_gains_are_those_of_the_flips_one_by_one(full_store):
    before = answers(full_store)
    for layer in full_store.layers:
        for unit in range(layer.n_units):
            flips = layer.flips("zero", unit)
            found = class_effects(flips, before)
            lost, gained = slow_impact(flips, before)
            assert found.lost.tolist() == lost
            assert found.gained.tolist() == gained


def test_drops_are_those_that_the_store_holds(full_store):
    before = answers(full_store)
    for kind in ("zero", "mean"):
        layer = full_store.layer("features.10")
        for unit in range(layer.n_units):
            found = class_effects(layer.flips(kind, unit), before)
            np.testing.assert_allclose(found.drop, layer.ablation(kind).drop[unit], atol=1e-6)


def test_the_overall_drop_is_the_measure(full_store):
    layer = full_store.layer("features.10")
    before = answers(full_store)
    found = [class_effects(layer.flips("zero", unit), before).overall for unit in range(layer.n_units)]
    np.testing.assert_allclose(found, layer.measures["overall_drop"].values, atol=1e-6)


def test_a_flip_from_wrong_to_wrong_is_neither_lost_nor_gained(full_store):
    before = answers(full_store)
    flips = full_store.layer("features.10").flips("zero", 0)
    lost, gained = lost_and_gained(flips, before)
    assert not (lost & gained).any()


def test_answers_that_move_from_one_class_to_another_are_found():
    # Classes 0 and 1 are outputs 5 and 6; images 0 to 3 are of class 0, the others of class 1.
    label = np.array([0, 0, 0, 0, 1, 1, 1, 1])
    before = Answers(np.array([5, 5, 5, 5, 5, 5, 6, 6]), np.array([5, 6])[label], label, 2)
    classes = {5: 0, 6: 1}
    moved = Flips(np.array([0, 1, 4, 5, 6]), np.array([6, 6, 6, 6, 9]))
    assert main_move(moved, before, classes) == Move(0, 1, 4, 2, 2, 5)


def test_losses_alone_and_a_few_answers_are_no_move():
    label = np.array([0, 0, 0, 1])
    before = Answers(np.array([5, 5, 5, 5]), np.array([5, 6])[label], label, 2)
    classes = {5: 0, 6: 1}
    assert main_move(Flips(np.array([0, 1, 2]), np.array([6, 6, 6])), before, classes) is None
    assert main_move(Flips(np.array([0, 3]), np.array([6, 6])), before, classes) is None
    assert main_move(Flips(np.array([], dtype=int), np.array([], dtype=int)), before, classes) is None
