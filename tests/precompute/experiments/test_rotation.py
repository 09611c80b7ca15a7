"""Rotated bases of a small network, held to the store's own drops and to hooks one direction after another."""

import numpy as np
import pytest
import torch
from PIL import Image

from precompute.__main__ import main
from precompute.experiments import rotation
from precompute.experiments.rotation import FRACTIONS, N_SEEDS, rotated_bases
from precompute.measures.maxdrop import max_drop_test, takes_part
from precompute.measures.paired import PairedCounts
from precompute.models.load import load_model
from precompute.store.check import check
from precompute.store.reader import open_store

LAYERS = ("features.4", "signed")


def added(path, *words):
    """Add the experiment by the command line; return its arrays."""
    assert main(["experiment", "rotation", str(path), "--device", "cpu", *words]) == 0
    with open_store(path) as store:
        return dict(store.experiment("rotation"))


@pytest.fixture(scope="module")
def done(experimented):
    """The store with the experiment, as the command line makes it."""
    return experimented("rotation")


@pytest.fixture(scope="module")
def found(done):
    return dict(done.experiment("rotation"))


def predictions(real_job, store, layer, direction):
    """Top-1 outputs with a direction taken out of the layer by a hook, one image and one position at a time."""
    model = load_model(real_job[0], None)
    along = torch.from_numpy(direction)

    def take_out(_module, _inputs, output):
        output = output.clone()
        for row in range(output.shape[2]):
            for column in range(output.shape[3]):
                there = output[0, :, row, column]
                output[0, :, row, column] = there - along * (along @ there)
        return output

    model.network.get_submodule(layer).register_forward_hook(take_out)
    with torch.no_grad():
        inputs = [model.transform(Image.open(real_job[1] / path).convert("RGB")) for path in store.images.path]
        return np.array([model.network(image[None]).argmax().item() for image in inputs])


@pytest.mark.parametrize("layer", LAYERS)
def test_units_lose_exactly_what_the_store_says(done, found, layer):
    held, base = done.layer(layer), f"layers/{layer}/natural"
    np.testing.assert_array_equal(found[f"{base}/overall_drop"], held.measures["overall_drop"].values)
    np.testing.assert_array_equal(found[f"{base}/max_drop"], held.measures["max_class_drop"].values)
    np.testing.assert_array_equal(found[f"{base}/max_drop_class"], held.measures["max_class_drop_class"].values)
    flips = [len(held.flips("zero", unit).image) / len(done.images) for unit in range(held.n_units)]
    np.testing.assert_allclose(found[f"{base}/flip_rate"], flips, rtol=1e-6)


@pytest.mark.parametrize("layer", LAYERS)
def test_what_a_unit_is_tested_with_is_what_the_statistics_say(done, found, layer):
    statistics = done.experiment("statistics")
    for name in ("max_drop_expected", "max_drop_ceiling", "max_drop_p", "max_drop_q"):
        np.testing.assert_array_equal(
            found[f"layers/{layer}/natural/{name}"], statistics[f"layers/{layer}/ablation/zero/{name}"]
        )


@pytest.mark.parametrize(("layer", "fraction", "seed"), [("features.4", 0, 0), ("features.4", 3, 4), ("signed", 1, 2)])
def test_directions_lose_what_taking_them_out_loses(real_job, done, found, layer, fraction, seed):
    n_units, label, base = done.layer(layer).n_units, done.images.label, f"layers/{layer}/rotated"
    basis = rotated_bases(n_units, seed=5)[fraction, seed]
    right = done.baseline.prediction == label
    for k in range(n_units):
        now = predictions(real_job, done, layer, basis[k])
        drops = [right[label == c].mean() - (now == label)[label == c].mean() for c in range(3)]
        at = fraction, seed, k
        np.testing.assert_allclose(found[f"{base}/overall_drop"][at], right.mean() - (now == label).mean(), atol=1e-6)
        np.testing.assert_allclose(found[f"{base}/max_drop"][at], max(drops), atol=1e-6)
        np.testing.assert_allclose(found[f"{base}/flip_rate"][at], (now != done.baseline.prediction).mean(), atol=1e-6)
        lost = np.bincount(label[right & (now != label)], minlength=3)
        gained = np.bincount(label[~right & (now == label)], minlength=3)
        count, correct = np.bincount(label), np.bincount(label[right], minlength=3)
        test = max_drop_test(PairedCounts(lost[None], gained[None], count), takes_part(correct, count))
        np.testing.assert_allclose(found[f"{base}/max_drop_expected"][at], test.expected[0], rtol=1e-6)
        np.testing.assert_allclose(found[f"{base}/max_drop_p"][at], test.p[0], rtol=1e-6)


@pytest.mark.parametrize("layer", LAYERS)
def test_a_rotation_that_permutes_the_units_permutes_what_they_lose(job_store, monkeypatch, layer):
    order = {}

    def permuted(n_units, *, seed):
        order[n_units] = np.random.default_rng(seed).permutation(n_units)
        bases = np.zeros((len(FRACTIONS), N_SEEDS, n_units, n_units), np.float32)
        bases[..., :, :] = np.eye(n_units)
        bases[-1] = np.eye(n_units)[order[n_units]]
        return bases

    monkeypatch.setattr(rotation, "rotated_bases", permuted)
    found = added(job_store, "--layer", layer)
    natural, rotated = f"layers/{layer}/natural", f"layers/{layer}/rotated"
    for name in [path.split("/")[-1] for path in found if path.startswith(f"{natural}/")]:
        units, directions = found[f"{natural}/{name}"], found[f"{rotated}/{name}"]
        np.testing.assert_array_equal(directions[0, 0], units, err_msg=name)
        np.testing.assert_array_equal(directions[-1, 0], units[order[len(units)]], err_msg=name)


def test_the_first_fraction_is_the_nearest_to_the_units():
    bases = rotated_bases(12, seed=3)
    distance = np.linalg.norm(bases - np.eye(12), axis=(2, 3))
    assert (np.diff(distance, axis=0) > 0).all()
    np.testing.assert_allclose(bases @ np.swapaxes(bases, 2, 3), np.broadcast_to(np.eye(12), bases.shape), atol=1e-6)


@pytest.mark.parametrize("layer", LAYERS)
def test_every_basis_carries_all_of_the_layers_energy(found, layer):
    np.testing.assert_allclose(found[f"layers/{layer}/natural/energy"].sum(), 1, rtol=1e-5)
    np.testing.assert_allclose(found[f"layers/{layer}/rotated/energy"].sum(axis=-1), 1, rtol=1e-5)


def test_it_says_what_was_rotated(done, found):
    base = "layers/features.4/rotated"
    assert found[f"{base}/fraction"].tolist() == [0.25, 0.5, 0.75, 1]
    assert found[f"{base}/seed"].tolist() == [5, 6, 7, 8, 9]
    assert found[f"{base}/direction"].tolist() == list(range(8))
    assert found["used"].all()
    assert "reduced" not in done.experiment("rotation").facts
    assert check(done.path) == []


def test_fewer_images_are_spread_over_the_classes(job_store):
    found = added(job_store, "--images-per-class", "4", "--layer", "signed")
    with open_store(job_store) as store:
        assert np.bincount(store.images.label[found["used"] == 1]).tolist() == [4, 4, 4]


def test_little_time_means_fewer_directions_and_images_and_says_so(job_store, capsys, monkeypatch):
    monkeypatch.setattr(rotation, "FEWEST_DIRECTIONS", 3)
    found = added(job_store, "--layer", "features.4", "--max-minutes", "1e-9")
    with open_store(job_store) as store:
        reduced = store.experiment("rotation").facts["reduced"]
    assert reduced in capsys.readouterr().out
    assert "3 directions of each rotated basis" in reduced
    assert "2 images of each class" in reduced
    assert found["layers/features.4/rotated/max_drop"].shape == (4, 5, 3)
    assert found["layers/features.4/natural/max_drop"].shape == (8,)
    assert found["used"].sum() == 6
    assert check(job_store) == []


@pytest.mark.real
def test_units_of_a_real_network_lose_exactly_what_its_store_says(real, tmp_path, monkeypatch):
    monkeypatch.setattr(rotation, "N_SEEDS", 1)
    folder, path = real / "cifar10-resnet20", tmp_path / "cifar.h5"
    words = ["run", f"{folder / 'network.py'}:build", "--images", str(folder / "images"), "--layer", "layer3"]
    more = ["--limit", "40", "--attribution", "none", "--workers", "0", "--top-k", "2", "--out", str(path)]
    assert main([*words, *more]) == 0
    found = added(path)
    with open_store(path) as store:
        measures = store.layer("layer3").measures
        for name, measure in (("overall_drop", "overall_drop"), ("max_drop", "max_class_drop")):
            np.testing.assert_array_equal(found[f"layers/layer3/natural/{name}"], measures[measure].values)
    assert found["layers/layer3/rotated/max_drop"].shape == (4, 1, 64)
