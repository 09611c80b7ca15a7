"""Two trained networks against the predictions that the plainest program measured, all units.

The runs of `tests/test_real.py` are held to them on every layer; here the engine is alone.
"""

import importlib.util

import numpy as np
import pytest
import torch
from PIL import Image

from precompute.ablation.ablations import each_unit
from precompute.ablation.factory import make_ablaters
from precompute.models.sites import find_site, list_sites


def build(path):
    spec = importlib.util.spec_from_file_location("real_network", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.build()


@pytest.mark.real
@pytest.mark.parametrize(
    ("folder", "layer"),
    [
        ("cifar10-resnet20", "layer3"),
        pytest.param("cifar10-resnet20", "layer2", marks=pytest.mark.long),
        pytest.param("photos12-mobilenetv1", "blocks.12", marks=pytest.mark.long),
    ],
)
def test_every_prediction_is_that_of_the_reference(real, folder, layer):
    network, transform = build(real / folder / "network.py")
    reference = np.load(real / folder / f"reference_{layer}.npz")
    images = torch.stack([transform(Image.open(real / folder / "images" / path)) for path in reference["path"]])
    site = find_site(list_sites(network, images[:2]), layer)
    ablater, reason = make_ablaters(network, [site], images[:2], batch_size=100)[site]
    assert reason is None
    predictions = torch.from_numpy(reference["baseline_prediction"]).long().repeat(site.n_units, 1)
    for changed in ablater.sweep(images, each_unit([0.0] * site.n_units)):
        predictions[changed.ablation, changed.image] = changed.logits.argmax(1)
    np.testing.assert_array_equal(predictions.numpy(), reference["ablated_prediction"])
    assert ablater.counts.rechecked < 0.01 * ablater.counts.rows
    assert ablater.counts.largest_error < 1e-4
