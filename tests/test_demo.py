"""The demo store that `make test` builds from nothing, by the command that users call."""

import os
from pathlib import Path

import numpy as np
import pytest

from precompute.models.load import load_model
from precompute.store.check import check
from precompute.store.reader import open_store


@pytest.fixture(scope="module")
def demo():
    named = os.environ.get("UNITSCOPE_DEMO_STORE")
    if not named:
        pytest.skip("no demo store: `make test` builds one and names it by UNITSCOPE_DEMO_STORE")
    with open_store(named) as store:
        yield store


def test_the_demo_store_passes_its_check(demo):
    assert check(demo.path) == []


def test_the_demo_network_is_good_but_not_perfect(demo):
    assert 0.85 <= demo.baseline_correct.mean() <= 0.97


def test_the_demo_has_enough_classes_and_images_to_tell_drops_by(demo):
    assert len(demo.classes) >= 12
    assert demo.images.per_class(len(demo.classes)).min() >= 50


def test_the_demo_shows_its_last_two_convolutions(demo):
    assert [layer.kind for layer in demo.layers] == ["ReLU", "ReLU"]
    assert all(layer.n_units >= 32 for layer in demo.layers)


def test_every_attribution_method_is_right_for_the_demo(demo):
    for layer in demo.layers:
        assert {facts.method for facts in layer.attributions if facts.left_out is None} == {
            "gradient",
            "deconvolution",
            "guided_backpropagation",
            "integrated_gradients",
        }


def test_some_units_matter_to_one_class_and_few_are_dead(demo):
    for layer in demo.layers:
        assert (layer.measures["max_class_drop"].values >= 0.05).mean() > 0.1
        assert layer.measures["dead"].values.mean() < 0.15


def test_the_demo_network_can_be_loaded_again_from_what_the_store_says(demo):
    model = load_model(demo.model.spec, demo.model.weights)
    for name, tensor in demo.state_dict().items():
        np.testing.assert_array_equal(tensor, model.network.state_dict()[name].numpy())


def test_the_part_masks_lie_beside_the_store(demo):
    folder = Path(demo.path).parent / "demo-images"
    assert (folder / "train").is_dir()
    assert any((folder / "masks").rglob("*.png"))


def test_the_demo_holds_training_images_beside_the_others(demo):
    assert demo.train.images.per_class(len(demo.classes)).min() >= 100
    assert demo.train.images.root != demo.images.root
    assert [layer.name for layer in demo.train.layers] == [layer.name for layer in demo.layers]
