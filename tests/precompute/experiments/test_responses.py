"""Class correlation and zeros of a small network, held to whole forward passes of all images at once."""

import numpy as np
import pytest
import torch
from PIL import Image

from precompute.__main__ import main
from precompute.models.load import load_model
from precompute.store.check import check
from precompute.store.reader import open_store


@pytest.fixture(scope="module")
def done(experimented):
    """The store with its responses, as the command line makes them; shards smaller than the images."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("precompute.experiments.restored_run.SHARD", 7)
        return experimented("responses")


@pytest.fixture(scope="module")
def seen(real_job, done):
    """Maps of every layer, (image, unit, row, column), and probabilities, (image, output)."""
    model = load_model(real_job[0], None)
    maps = {}
    for layer in done.layers:
        keep = lambda _module, _inputs, output, name=layer.name: maps.__setitem__(name, output.clone())  # noqa: E731
        model.network.get_submodule(layer.name).register_forward_hook(keep)
    with torch.no_grad():
        inputs = [model.transform(Image.open(real_job[1] / path).convert("RGB")) for path in done.images.path]
        probability = model.network(torch.stack(inputs)).softmax(1)
    return maps, probability.numpy()


@pytest.mark.parametrize("layer", ["features.4", "signed"])
def test_correlations_are_those_of_all_images_at_once(done, seen, layer):
    maps, probability = seen
    for pool in ("max", "mean"):
        values = (maps[layer].amax((2, 3)) if pool == "max" else maps[layer].mean((2, 3))).numpy()
        found = done.experiment("responses")[f"layers/{layer}/{pool}_correlation"]
        for unit in range(values.shape[1]):
            for c, output in enumerate(done.classes.output_index):
                x, y = values[:, unit].astype(float), probability[:, output].astype(float)
                expected = np.corrcoef(x, y)[0, 1] if np.ptp(x) else np.nan
                np.testing.assert_allclose(found[unit, c], expected, atol=1e-4)


@pytest.mark.parametrize("layer", ["features.4", "signed"])
def test_chance_makes_a_largest_correlation_too(done, layer):
    mean, highest = (done.experiment("responses")[f"layers/{layer}/shuffled_{end}"] for end in ("mean", "highest"))
    alive = ~np.isnan(done.experiment("responses")[f"layers/{layer}/max_correlation"]).all(axis=1)
    assert ((mean < highest) & (highest <= 1))[alive].all()
    assert np.isnan(mean[~alive]).all()


@pytest.mark.parametrize("layer", ["features.4", "signed"])
def test_measures_are_the_largest_correlation_its_class_and_the_share_of_zeros(done, seen, layer):
    held = done.layer(layer).measures
    table = done.experiment("responses")[f"layers/{layer}/max_correlation"]
    alive = ~np.isnan(table).all(axis=1)
    np.testing.assert_array_equal(held["class_correlation"].values[alive], np.nanmax(table[alive], axis=1))
    np.testing.assert_array_equal(held["class_correlation_class"].values[alive], np.nanargmax(table[alive], axis=1))
    zeros = (seen[0][layer] == 0).double().mean((0, 2, 3)).numpy()
    np.testing.assert_allclose(held["zero_fraction"].values, zeros, atol=1e-6)


def test_halves_are_correlated_alone(done, seen):
    found = done.experiment("responses")
    maps, probability = seen
    values = maps["features.4"].amax((2, 3)).numpy().astype(float)
    for h in (0, 1):
        images = found["half"] == h
        for unit in range(values.shape[1]):
            if np.ptp(values[images, unit]):
                each = [
                    np.corrcoef(values[images, unit], probability[images, o])[0, 1] for o in done.classes.output_index
                ]
                np.testing.assert_allclose(found["layers/features.4/by_half/value"][unit, h, 0], max(each), atol=1e-4)


def test_the_store_passes_its_check(done):
    assert check(done.path) == []
    assert "reduced" not in done.experiment("responses").facts


def test_little_time_means_fewer_images_and_says_so(job_store):
    assert main(["experiment", "responses", str(job_store), "--max-minutes", "1e-9"]) == 0
    with open_store(job_store) as store:
        found = store.experiment("responses")
        assert "2 images of each class" in found.facts["reduced"]
        assert (found["half"] >= 0).sum() == 6
    assert check(job_store) == []


def test_correlations_take_the_halves_that_responses_used(job_store):
    assert main(["experiment", "responses", str(job_store), "--images-per-class", "8", "--seed", "3"]) == 0
    assert main(["experiment", "correlations", str(job_store)]) == 0
    with open_store(job_store) as store:
        found = store.experiment("correlations")
        base = "layers/features.4/ablation/zero"
        row = list(found[f"{base}/measure"]).index("class_correlation")
        assert found[f"{base}/circular"][row] == 1
        assert not np.isnan(found[f"{base}/measure_reliability"][row])
