"""Units that answer alike, or cost the same classes, lie close together on their map."""

from types import SimpleNamespace

import numpy as np
import pytest

from explorer.unit_map import map_by_answers, map_by_losses


def layer(means=None, drop=None):
    return SimpleNamespace(class_mean=means, ablation=lambda kind: SimpleNamespace(drop=drop))


def test_on_a_full_plane_the_squared_distance_is_twice_one_less_the_correlation():
    # Three classes leave two dimensions, so the plane shows everything.
    means = np.random.default_rng(0).random((8, 3))
    found = map_by_answers(layer(means))
    assert found.share == pytest.approx(1)
    distances = np.linalg.norm(found.places[:, None] - found.places[None], axis=2)
    assert distances**2 == pytest.approx(2 * (1 - np.corrcoef(means)), abs=1e-9)


def test_neither_scale_nor_level_of_a_unit_matters_to_its_answers():
    means = np.random.default_rng(1).random((7, 5))
    scaled = means * np.arange(1, 8)[:, None] + 3
    assert map_by_answers(layer(scaled)).places == pytest.approx(map_by_answers(layer(means)).places, abs=1e-9)


def test_units_that_answer_to_no_class_more_than_to_others_have_no_place():
    means = np.array([[1, 2, 4], [3, 3, 3], [2, 1, 1], [0, 0, 0]], dtype=np.float32)
    assert np.isnan(map_by_answers(layer(means)).places).all(axis=1).tolist() == [False, True, False, True]


def test_classes_without_images_do_not_count():
    means = np.random.default_rng(2).random((6, 4))
    wider = np.column_stack([means, np.full(6, np.nan)])
    assert map_by_answers(layer(wider)).places == pytest.approx(map_by_answers(layer(means)).places)


def test_by_losses_units_lie_apart_by_what_classes_lose_and_those_without_effect_nowhere():
    drop = np.array([[0.1, 0.0], [0.0, 0.0], [0.1, 0.3], [0.0, -0.1]])
    found = map_by_losses(layer(drop=drop), "zero")
    assert np.isnan(found.places).all(axis=1).tolist() == [False, True, False, False]
    assert np.linalg.norm(found.places[0] - found.places[2]) == pytest.approx(0.3)


def test_without_differences_there_is_no_map():
    assert map_by_losses(layer(drop=np.zeros((4, 3))), "zero").is_empty
    assert map_by_answers(layer(np.ones((4, 3)))).is_empty


def test_the_share_stands_beside_that_of_units_whose_numbers_are_shuffled():
    rng = np.random.default_rng(3)
    alike = rng.random((30, 2)) @ rng.random((2, 12))
    assert map_by_answers(layer(alike)).share > map_by_answers(layer(alike)).by_chance + 0.3
    noise = map_by_losses(layer(drop=rng.normal(size=(30, 12))), "zero")
    assert noise.share == pytest.approx(noise.by_chance, abs=0.1)
