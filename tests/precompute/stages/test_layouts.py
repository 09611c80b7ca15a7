"""The stages on units that lie on the last dimension, and on tokens, against what is known of them by hand."""

import numpy as np
import pytest
import torch

from precompute.ablation.ablations import each_unit
from precompute.ablation.factory import make_ablaters
from precompute.attribution_methods import METHODS
from precompute.models.forward import logits
from precompute.models.sites import find_site, list_sites
from precompute.run.shards import array_name
from precompute.run.sweep import ablations_to, sum_arrays
from precompute.stages.activation_at import activation_at
from precompute.stages.activations import answer
from precompute.stages.attribution import Targets, attribute
from precompute.stages.exemplar_maps import exemplar_maps
from precompute.stages.exemplars import Wanted
from tests.precompute.layouts import IMAGES, ConvNeXtLike, Transformer

TOKENS = "blocks.0.mlp.1"


def made(network, path, images=IMAGES):
    """The output of a module, as the network makes it."""
    seen = []
    handle = network.get_submodule(path).register_forward_hook(lambda _module, _inputs, output: seen.append(output))
    network(images)
    handle.remove()
    return seen[0]


@pytest.fixture
def grid():
    network = ConvNeXtLike().eval()
    return network, find_site(list_sites(network, IMAGES[:2]), "act")


@pytest.fixture
def tokens():
    network = Transformer().eval()
    return network, find_site(list_sites(network, IMAGES[:2]), TOKENS)


@torch.no_grad()
def test_activations_are_over_rows_and_columns(grid):
    network, site = grid
    output, found = made(network, "act"), answer(network, [site], IMAGES.split(10)).responses[site]
    for unit in range(site.n_units):
        values = output[..., unit].flatten(1)
        np.testing.assert_allclose(found.max[unit], values.amax(1), rtol=1e-5)
        np.testing.assert_allclose(found.mean[unit], values.mean(1), rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(found.positive_mean[unit], values.clamp_min(0).mean(1), rtol=1e-4, atol=1e-6)
    assert found.other_tokens is None


@torch.no_grad()
def test_activations_are_over_the_tokens_of_the_picture_and_the_others_are_kept(tokens):
    network, site = tokens
    output, found = made(network, TOKENS), answer(network, [site], IMAGES.split(10)).responses[site]
    np.testing.assert_allclose(found.max, output[:, 1:17].amax(1).T, rtol=1e-5)
    np.testing.assert_allclose(found.mean, output[:, 1:17].mean(1).T, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(found.other_tokens, output[:, [0, 17]].permute(2, 0, 1), rtol=1e-4, atol=1e-6)


@torch.no_grad()
def test_mean_ablation_sets_each_token_apart_to_its_own_mean(tokens):
    network, site = tokens
    output = made(network, TOKENS)
    sums = sum_arrays(answer(network, [site], IMAGES.split(10)))
    means = sums[array_name(0, "sum")] / sums["count"]
    picture = output[:, 1:17].mean((0, 1))
    engine, reason = make_ablaters(network, [site], IMAGES[:4], batch_size=16)[site]
    assert reason is None
    ablations = ablations_to(site, means)
    zeros = each_unit([0.0] * site.n_units)
    for ablater in (engine, engine.plain):
        found = logits(network, IMAGES).repeat(len(ablations) + 3, 1, 1)
        for changed in ablater.sweep(IMAGES, [*ablations, *zeros[:3]]):
            found[changed.ablation, changed.image] = changed.logits
        for unit in range(site.n_units):
            filled = output.clone()
            filled[..., unit] = picture[unit]
            filled[:, 0, unit], filled[:, 17, unit] = output[:, 0, unit].mean(), output[:, 17, unit].mean()
            torch.testing.assert_close(found[unit], replaced(network, filled), atol=1e-4, rtol=1e-4)


def replaced(network, output):
    handle = network.get_submodule(TOKENS).register_forward_hook(lambda *_: output)
    found = network(IMAGES)
    handle.remove()
    return found


@torch.no_grad()
@pytest.mark.parametrize("kind", ["grid", "tokens"])
def test_exemplar_maps_are_the_picture(kind, request):
    network, site = request.getfixturevalue(kind)
    output = made(network, site.path)
    wanted = Wanted(np.array([2, 5]), np.array([0, 0]), np.array([3, 1]))
    maps, peak = exemplar_maps(network, {site: wanted}, IMAGES[:8], batch_size=4, side=56)
    for place, (unit, row) in enumerate([(2, 3), (5, 1)]):
        expected = output[row, ..., unit] if kind == "grid" else output[row, 1:17, unit].view(4, 4)
        np.testing.assert_allclose(maps[site].map[place], expected, rtol=1e-2, atol=1e-3)
        assert expected[peak[site][0][place], peak[site][1][place]] == expected.max()


@pytest.mark.parametrize("kind", ["grid", "tokens"])
def test_attribution_is_of_the_unit_at_its_position(kind, request):
    network, site = request.getfixturevalue(kind)
    targets = Targets(torch.tensor([2]), torch.tensor([1]), torch.tensor([3]))
    end = activation_at(network, site, IMAGES[:2])
    found = attribute(METHODS["gradient"], end, IMAGES[:1], targets, baseline=torch.zeros(3, 16, 16)).map
    image = IMAGES[:1].clone().requires_grad_()
    output = made(network, site.path, image)
    value = output[0, 1, 3, 2] if kind == "grid" else output[0, 1 + 4 + 3, 2]
    (expected,) = torch.autograd.grad(value, image)
    torch.testing.assert_close(found, expected.sum(1), atol=1e-5, rtol=1e-4)
