"""Entropies and curves of a small network, held to its maps and to hooks on one set of units after another."""

import shutil

import numpy as np
import pytest
import torch
from PIL import Image

from precompute.__main__ import main
from precompute.measures.births import birth_levels
from precompute.measures.entropy import feature_entropy
from precompute.models.load import load_model
from precompute.store.check import check
from precompute.store.reader import open_store
from tests.everyday import everyday
from tests.factory import as_if_written
from tests.small import write_images

LAYER = "layers/features.4"


@pytest.fixture(scope="module")
def done(experimented):
    """The store with its entropies, as the command line makes them."""
    return experimented("entropy")


@pytest.fixture(scope="module")
def found(done):
    return dict(done.experiment("entropy"))


@pytest.fixture(scope="module")
def network(real_job):
    return load_model(real_job[0], None)


def inputs_of(real_job, network, images):
    return torch.stack([network.transform(Image.open(real_job[1] / path).convert("RGB")) for path in images])


def outputs(network, layer, inputs, *, without=()):
    """Maps of a layer, and log-probabilities with some of its units overwritten by a hook."""
    kept = []

    def overwrite(_module, _inputs, output):
        kept.append(output.clone())
        output = output.clone()
        output[:, list(without)] = 0
        return output

    handle = network.network.get_submodule(layer).register_forward_hook(overwrite)
    with torch.no_grad():
        log_prob = network.network(inputs).log_softmax(1)
    handle.remove()
    return kept[0].numpy(), log_prob.numpy()


@pytest.mark.parametrize("layer", ["features.4", "signed"])
def test_entropies_are_those_of_the_maps_on_the_first_half(real_job, done, found, network, layer):
    for c in range(3):
        of_class = np.flatnonzero((found["half"] == 0) & (done.images.label == c))
        inputs = inputs_of(real_job, network, [done.images.path[image] for image in of_class])
        maps, _ = outputs(network, layer, inputs)
        assert found["n_images"][c] == len(of_class)
        for unit in range(maps.shape[1]):
            expected = feature_entropy(birth_levels(maps[:, unit]))
            np.testing.assert_allclose(found[f"layers/{layer}/entropy"][unit, c], expected.entropy, atol=1e-6)
            np.testing.assert_allclose(found[f"layers/{layer}/selective_rate"][unit, c], expected.selective_rate)


def test_the_measures_are_means_over_classes(done, found):
    for name, of in (("feature_entropy", "entropy"), ("selective_rate", "selective_rate")):
        held = done.layer("features.4").measures[name]
        np.testing.assert_allclose(held.values, found[f"{LAYER}/{of}"].mean(axis=1), rtol=1e-5)
        assert held.experiment == "entropy"


@pytest.mark.parametrize("layer", ["features.4", "signed"])
def test_curves_are_those_of_overwriting_the_units(real_job, done, found, network, layer):
    base = f"layers/{layer}"
    for c in range(3):
        of_class = np.flatnonzero((found["half"] == 1) & (done.images.label == c))
        inputs = inputs_of(real_job, network, [done.images.path[image] for image in of_class])
        order = found[f"{base}/unit"][c]
        for row, units in enumerate((order, order[::-1])):
            for step, n_removed in enumerate(found[f"{base}/n_removed"]):
                _, log_prob = outputs(network, layer, inputs, without=units[:n_removed].tolist())
                right = (log_prob.argmax(axis=1) == c).mean()
                np.testing.assert_allclose(found[f"{base}/accuracy"][row, step, c], right, atol=1e-6)
                # Changes of log-probability are kept in half precision.
                np.testing.assert_allclose(found[f"{base}/loss"][row, step, c], -log_prob[:, c].mean(), 1e-3, 1e-3)


def test_units_are_removed_lowest_entropy_first_backwards_and_at_random(found):
    for c in range(3):
        assert (np.diff(found[f"{LAYER}/entropy"][found[f"{LAYER}/unit"][c], c]) >= 0).all()
    assert list(found[f"{LAYER}/ranking"][:3]) == ["lowest", "highest", "random"]
    assert (found[f"{LAYER}/ranking"] == "random").sum() >= 20
    np.testing.assert_array_equal(found[f"{LAYER}/n_removed"], np.arange(9))
    assert len(np.unique(found[f"{LAYER}/loss"][2:, 4], axis=0)) > 10


def test_the_transition_is_read_off_every_curve(found):
    for order, c in np.ndindex(found[f"{LAYER}/half_at"].shape):
        curve = found[f"{LAYER}/accuracy"][order, :, c]
        gone = [n for n, height in enumerate(curve) if height <= curve[0] / 2]
        np.testing.assert_equal(found[f"{LAYER}/half_at"][order, c], gone[0] if gone and curve[0] else np.nan)
        steepest = max(range(8), key=lambda n, curve=curve: curve[n] - curve[n + 1])
        np.testing.assert_allclose(found[f"{LAYER}/fall"][order, c], curve[steepest] - curve[steepest + 1], atol=1e-6)
        assert found[f"{LAYER}/fall_from"][order, c] == steepest
        assert found[f"{LAYER}/fall_to"][order, c] == steepest + 1


def test_noise_and_shuffles_stand_beside_every_entropy(found):
    for name in ("noise", "shuffled"):
        low, mean, high = (found[f"{LAYER}/{name}_{end}"] for end in ("low", "mean", "high"))
        assert (low <= mean + 1e-6).all()
        assert (mean <= high + 1e-6).all()
    assert found[f"{LAYER}/noise_rate"][0] > 0.95
    assert ((found[f"{LAYER}/shuffled_rate"] >= 0) & (found[f"{LAYER}/shuffled_rate"] <= 1)).all()


def test_the_store_passes_its_check(done):
    assert "reduced" not in done.experiment("entropy").facts
    assert check(done.path) == []


@pytest.mark.parametrize("rule", everyday(("paper", "code"), lambda rule: rule == "paper"))
def test_other_readings_add_no_measures_and_take_away_those_of_ours(done, tmp_path, rule):
    path = tmp_path / "store.h5"
    path.write_bytes(done.path.read_bytes())
    ours = done.experiment("entropy")[f"{LAYER}/entropy"]
    assert main(["experiment", "entropy", str(path), "--seed", "5", "--entropy-rule", rule]) == 0
    with open_store(path) as store:
        assert store.experiment("entropy").facts["options"]["entropy_rule"] == rule
        assert "feature_entropy" not in store.layer("features.4").measures
        assert not np.allclose(store.experiment("entropy")[f"{LAYER}/entropy"], ours)
    assert check(path) == []


def test_little_time_means_fewer_steps_and_images_and_says_so(job_store, capsys):
    assert main(["experiment", "entropy", str(job_store), "--max-minutes", "1e-9"]) == 0
    told = capsys.readouterr().out
    assert "To stay within" in told
    with open_store(job_store) as store:
        found = store.experiment("entropy")
        assert found.facts["reduced"] in told
        assert (found["half"] >= 0).sum() == 6
    assert check(job_store) == []


def shaped(path, layer, shape):
    with as_if_written(path) as file:
        file[f"/layers/{layer}"].attrs["spatial_shape"] = np.array(shape, dtype=np.int64)


def test_layers_with_small_maps_are_left_out_and_it_is_said(job_store, capsys):
    shaped(job_store, "signed", (3, 8))
    assert main(["experiment", "entropy", str(job_store), "--images-per-class", "4"]) == 0
    assert "signed is left out: its maps are 3 x 8" in capsys.readouterr().out
    with open_store(job_store) as store:
        assert store.experiment("entropy").layers == ("features.4",)


def test_a_store_without_maps_of_four_a_side_is_refused(job_store, capsys):
    shaped(job_store, "signed", ())
    assert main(["experiment", "entropy", str(job_store), "--layer", "signed"]) == 1
    assert "at least 4 a side, but those of signed are single numbers" in capsys.readouterr().err


@pytest.mark.parametrize("held", everyday(("named", "in the store"), lambda held: held == "in the store"))
def test_training_images_can_be_what_entropies_are_of(held, real_job, network, job_store, tmp_path, capsys):
    folder = write_images(tmp_path / "train", per_class=5)
    words = ["--layer", "features.4"]
    if held == "named":
        words += ["--train-images", str(folder)]
    else:
        shutil.copytree(real_job[1], tmp_path / "images")
        run = ["run", real_job[0], "--images", tmp_path / "images", "--train-images", folder, "--out", job_store]
        more = ["--layer", "features.4", "--workers", "0", "--attribution", "none", "--top-k", "2"]
        assert main([*map(str, run), *more]) == 0
    assert main(["experiment", "entropy", str(job_store), *words]) == 0
    assert f"Entropies are computed on 15 training images in {folder}" in capsys.readouterr().out
    with open_store(job_store) as store:
        found = dict(store.experiment("entropy"))
    assert (found["half"] == 1).all()
    np.testing.assert_array_equal(found["n_images"], [5, 5, 5])
    pictures = sorted((folder / "dogs").iterdir())
    inputs = torch.stack([network.transform(Image.open(path).convert("RGB")) for path in pictures])
    maps, _ = outputs(network, "features.4", inputs)
    expected = [feature_entropy(birth_levels(maps[:, unit])).entropy for unit in range(8)]
    np.testing.assert_allclose(found[f"{LAYER}/entropy"][:, 1], expected, atol=1e-6)
    assert check(job_store) == []


def test_training_images_of_other_classes_are_refused(job_store, tmp_path, capsys):
    folder = write_images(tmp_path / "train", classes=("cats", "dogs"), per_class=2)
    assert main(["experiment", "entropy", str(job_store), "--train-images", str(folder)]) == 1
    assert "expected the same 3 class folders" in capsys.readouterr().err


def test_the_images_of_the_store_are_no_training_images(real_job, job_store, capsys):
    assert main(["experiment", "entropy", str(job_store), "--train-images", str(real_job[1])]) == 1
    assert "these are the images of the store" in capsys.readouterr().err
