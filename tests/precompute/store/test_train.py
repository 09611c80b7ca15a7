"""Training images are written, read and checked as the images of the run are, each at its own path."""

from dataclasses import replace

import h5py
import numpy as np
import pytest

from precompute.errors import StoreDamaged, StoreError
from precompute.store import schema
from precompute.store.check import check
from precompute.store.reader import open_store
from tests.factory import make_contents, write_store
from tests.precompute.store.conftest import LAYER, SMALL


@pytest.fixture
def training():
    """What the store holds of training images: other numbers, more images."""
    return make_contents(replace(SMALL, seed=21, per_class=6, without=SMALL.without | {"attribution"}))


@pytest.fixture
def trained_path(contents, training, tmp_path):
    return write_store(tmp_path / "trained.h5", contents, training)


def spoiled(path, change):
    with h5py.File(path, "r+") as file:
        change(file)
    return {problem.path for problem in check(path)}


def test_a_store_with_training_images_has_no_problem(trained_path):
    assert check(trained_path) == []


def test_a_store_without_training_images_says_so(store_path):
    with open_store(store_path) as store:
        assert store.train is None


def test_training_images_are_read_as_the_images_of_the_run_are(trained_path, training):
    with open_store(trained_path) as store:
        train = store.train
        assert list(train.images.path) == training.datasets["/images/path"].tolist()
        np.testing.assert_array_equal(train.baseline.prediction, training.datasets["/baseline/prediction"])
        np.testing.assert_array_equal(train.layers[0].class_mean, training.datasets[f"{LAYER}/class_mean"].astype("f4"))
        assert train.thumbnail(int(train.layers[0].exemplars("top", 0).image[0])).startswith(b"\xff\xd8")
        assert len(store.images) != len(train.images)


def test_network_and_classes_are_the_stores_and_experiments_are_not(trained_path):
    with open_store(trained_path) as store:
        assert store.train.classes.name == store.classes.name
        assert store.train.model == store.model
        assert store.train.state_dict().keys() == store.state_dict().keys()
        assert store.train.experiments == ()
        assert store.train.train is None
        with pytest.raises(StoreError, match="does not hold"):
            store.train.experiment("statistics")


def test_every_value_of_training_images_follows_from_the_rest(trained_path):
    def plant(file):
        file[f"/train{LAYER}/ablation/zero/drop"][0, 0] += 0.5

    assert spoiled(trained_path, plant) == {f"/train{LAYER}/ablation/zero/drop"}


@pytest.mark.parametrize("path", ["/train/images/label", f"/train{LAYER}/activation/max", "/train/baseline"])
def test_what_is_missing_of_training_images_is_found_at_its_path(path, trained_path):
    assert path in spoiled(trained_path, lambda file: file.__delitem__(path))


def test_a_fault_that_both_sets_share_is_told_once(trained_path):
    with h5py.File(trained_path, "r+") as file:
        file["/classes/output_index"][0] = 99
    problems = check(trained_path)
    assert len(problems) == len(set(problems))
    assert [problem.path for problem in problems].count("/classes/output_index") == 1


def test_a_layer_that_only_one_set_has_is_found(trained_path):
    assert f"/train{LAYER}" in spoiled(trained_path, lambda file: file.__delitem__(f"/train{LAYER}"))


def test_damage_is_told_at_the_path_where_it_is(trained_path):
    with h5py.File(trained_path, "r+") as file:
        del file["/train/baseline/prediction"]
    with open_store(trained_path) as store, pytest.raises(StoreDamaged, match="/train/baseline/prediction is missing"):
        _ = store.train.baseline


@pytest.mark.parametrize(
    "path", ["/train/classes/name", "/train/model/state_dict/x", "/train/experiments/statistics/half"]
)
def test_training_images_have_no_network_classes_or_experiments_of_their_own(path):
    assert schema.entry_for(path) is None


def test_paths_of_training_images_are_entries_of_the_format():
    for entry in schema.ENTRIES:
        path = schema.train_path(entry.path)
        assert schema.entry_for(path) is entry
