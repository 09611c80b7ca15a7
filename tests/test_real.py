"""The main job on real networks and real images, against what the plainest program measured."""

import numpy as np
import pytest

from precompute.__main__ import main
from precompute.store.check import check
from precompute.store.reader import open_store

pytestmark = pytest.mark.real

JOBS = {"cifar10-resnet20": ("layer2", "layer3"), "photos12-mobilenetv1": ("blocks.12",)}
CASES = [(name, layer) for name, layers in JOBS.items() for layer in layers]


@pytest.fixture(scope="module")
def stores(real, tmp_path_factory):
    """One store for each network, made by the command line."""
    folder = tmp_path_factory.mktemp("real")
    opened = {}
    for name, layers in JOBS.items():
        named = [word for layer in layers for word in ("--layer", layer)]
        out = folder / f"{name}.h5"
        words = ["run", f"{real / name / 'network.py'}:build", "--images", str(real / name / "images"), *named]
        # One folder of the photographs begins with a capital, so that their order has to be said.
        words += ["--class-order", "text"]
        assert main([*words, "--out", str(out), "--attribution", "none", "--ablation", "zero"]) == 0
        opened[name] = open_store(out)
    return opened


@pytest.fixture(params=CASES, ids=[f"{name}-{layer}" for name, layer in CASES])
def case(request, stores, real):
    """A store, one of its layers, and the reference for it."""
    name, layer = request.param
    with np.load(real / name / f"reference_{layer}.npz") as file:
        reference = {key: file[key] for key in file.files}
    return stores[name], stores[name].layer(layer), reference


def test_images_and_classes_are_the_references(case):
    store, _, reference = case
    assert list(store.images.path) == reference["path"].tolist()
    assert list(store.classes.name) == reference["class_name"].tolist()
    np.testing.assert_array_equal(store.images.label, reference["label"])


def test_every_prediction_is_the_references_exactly(case):
    store, layer, reference = case
    np.testing.assert_array_equal(store.baseline.prediction, reference["baseline_prediction"])
    for unit in range(layer.n_units):
        prediction = store.baseline.prediction.copy()
        flips = layer.flips("zero", unit)
        prediction[flips.image] = flips.prediction
        np.testing.assert_array_equal(prediction, reference["ablated_prediction"][unit])


def test_every_count_is_the_references_exactly(case):
    store, layer, reference = case
    right = np.bincount(store.images.label[store.baseline_correct], minlength=len(store.classes))
    np.testing.assert_array_equal(right, reference["baseline_correct"])
    np.testing.assert_array_equal(layer.ablation("zero").correct, reference["ablated_correct"])


def test_activations_agree(case):
    _, layer, reference = case
    for unit in range(layer.n_units):
        found = layer.activation(unit)
        np.testing.assert_allclose(found.max, reference["activation_max"][unit], atol=1e-4)
        np.testing.assert_allclose(found.mean, reference["activation_mean"][unit], atol=1e-4)


def test_selectivity_agrees(case):
    _, layer, reference = case
    measures = layer.measures
    np.testing.assert_allclose(measures["class_selectivity"].values, reference["class_selectivity"], atol=1e-4)
    np.testing.assert_array_equal(measures["selective_class"].values, reference["selective_class"])


def test_exemplars_are_the_references_exactly(case):
    store, layer, reference = case
    shown = np.array([layer.exemplars("top", unit).image[:9] for unit in range(layer.n_units)])
    np.testing.assert_array_equal(np.array(store.images.path)[shown], reference["top9_path"])


def test_the_fast_path_was_taken(case):
    store, layer, _ = case
    engine = store.provenance["ablation_engine"][layer.name]
    assert engine["method"] == "exact engine"
    assert engine["rechecked"] < 0.01 * engine["rows"]


def test_the_stores_pass_their_check(stores):
    assert [check(store.path) for store in stores.values()] == [[], []]
