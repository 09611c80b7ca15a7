"""Attribution maps beside those with random weights, from a run's store."""

import numpy as np
import pytest

from precompute.__main__ import main
from precompute.measures.likeness import map_likeness
from precompute.store.check import check
from precompute.store.reader import open_store
from tests.small import write_images, write_network

LAYERS = ("features.4", "signed")


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    folder = tmp_path_factory.mktemp("random")
    model, images = write_network(folder), write_images(folder / "images")
    words = ["run", model, "--images", str(images), "--workers", "0", "--top-k", "3", "--out", str(folder / "store.h5")]
    words += [word for layer in LAYERS for word in ("--layer", layer)]
    assert main([*words, "--attribution", "gradient", "--attribution", "integrated_gradients"]) == 0
    return folder / "store.h5"


@pytest.fixture(scope="module")
def found(path):
    assert main(["experiment", "random_weights", str(path)]) == 0
    with open_store(path) as store:
        held = store.experiment("random_weights")
        return {
            layer: {name: held[f"layers/{layer}/{name}"] for name in ("method", "likeness", "n_maps", "unit", "map")}
            for layer in LAYERS
        }


def test_every_method_with_maps_has_one_number_a_layer(path, found):
    for layer in LAYERS:
        assert list(found[layer]["method"]) == ["gradient", "integrated_gradients"]
        assert (found[layer]["n_maps"] <= 16).all()
        known = ~np.isnan(found[layer]["likeness"])
        assert (np.abs(found[layer]["likeness"][known]) <= 1).all()
        np.testing.assert_array_equal(known, found[layer]["n_maps"] > 1)
    assert not np.isnan(found["signed"]["likeness"]).all()
    assert check(path) == []


def test_the_number_is_that_of_the_maps_that_are_stored(path, found):
    with open_store(path) as store:
        for name in LAYERS:
            layer, held = store.layer(name), found[name]
            for number, method in enumerate(held["method"]):
                own = np.stack([layer.attribution(method, int(unit)).map[0] for unit in held["unit"]])
                each = map_likeness(own, held["map"][number].astype(np.float32))
                known = each[~np.isnan(each)]
                assert len(known) == held["n_maps"][number]
                if len(known) > 1:
                    assert held["likeness"][number] == pytest.approx(known.mean(), abs=1e-6)


def test_a_network_without_anything_learnt_is_like_itself(path, found, monkeypatch):
    place = "precompute.experiments.random_weights"

    def kept(network, inputs, *, seed):
        assert len(inputs) == 2  # of the 64 that are probed: it passes them three times
        return network

    monkeypatch.setattr(f"{place}.with_shuffled_weights", kept)
    monkeypatch.setattr(f"{place}.most_active", lambda other, site, inputs, pairs, peak: pairs.unit)
    assert main(["experiment", "random_weights", str(path)]) == 0
    with open_store(path) as store:
        likeness = store.experiment("random_weights")["layers/signed/likeness"]
    assert (likeness > 0.99).all()
    assert (likeness > found["signed"]["likeness"]).all()


def test_without_maps_it_says_how_to_get_some(tmp_path, capsys):
    model, images = write_network(tmp_path), write_images(tmp_path / "images", per_class=2)
    words = ["run", model, "--images", str(images), "--workers", "0", "--layer", "signed", "--attribution", "none"]
    assert main([*words, "--out", str(tmp_path / "store.h5")]) == 0
    assert main(["experiment", "random_weights", str(tmp_path / "store.h5")]) == 1
    assert "experiment attribution" in capsys.readouterr().err
