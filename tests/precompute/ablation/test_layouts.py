"""Sweeps of units that lie elsewhere than on dimension 1, against a hook that knows by hand where they are."""

from functools import cache

import pytest
import torch

from precompute.ablation.ablations import Ablation, each_unit
from precompute.ablation.capture import Recording, capture
from precompute.ablation.engine import Engine
from precompute.ablation.factory import make_ablaters
from precompute.ablation.graph import size_of
from precompute.ablation.precision import Precision
from precompute.models.forward import logits
from precompute.models.sites import find_site, list_sites
from tests.precompute.layouts import IMAGES, NETWORKS, Windows

CASES = [(kind, name) for kind in NETWORKS for name in kind.last]


@torch.no_grad()
def overwritten(network, path, unit, value):
    """The outputs where a hook overwrites one unit on the last dimension, by a whole pass."""

    def hook(_module, _inputs, output):
        output = output.clone()
        output[..., unit] = value
        return output

    handle = network.get_submodule(path).register_forward_hook(hook)
    try:
        return logits(network, IMAGES)
    finally:
        handle.remove()


def swept(ablater, network, ablations):
    with torch.no_grad():
        found = logits(network, IMAGES).repeat(len(ablations), 1, 1)
    for changed in ablater.sweep(IMAGES, ablations):
        found[changed.ablation, changed.image] = changed.logits
    return found


@pytest.fixture(scope="module")
def swept_by(alive):
    """A function of a kind of network: what sweeps each of its layers, from one recording."""

    @cache
    def make(kind):
        network = alive(kind(), IMAGES)
        sites = [find_site(list_sites(network, IMAGES[:2]), name) for name in kind.last]
        return make_ablaters(network, sites, IMAGES[:4], batch_size=16)

    return make


@pytest.mark.parametrize("kind", NETWORKS)
def test_a_recording_shared_by_many_layers_gives_the_graph_of_a_recording_for_one(kind):
    network = kind().eval()
    sites = [find_site(list_sites(network, IMAGES[:2]), name) for name in (*kind.first, *kind.last)]
    shared = Recording(network, sites, IMAGES[:4])
    for site in (sites[0], sites[-1]):
        together, alone = shared.program(site.name), capture(network, [site], IMAGES[:4])
        assert [(node.op, node.shape) for node in together.nodes] == [(node.op, node.shape) for node in alone.nodes]
        assert list(together.marks) == [site.name]


@pytest.mark.parametrize(("kind", "name"), CASES, ids=[f"{kind.__name__} {name}" for kind, name in CASES])
def test_the_engine_silences_the_units_that_a_hook_on_the_last_dimension_does(kind, name, swept_by):
    ((site, (engine, reason)),) = (found for found in swept_by(kind).items() if found[0].name == name)
    network = engine.plain.network
    assert reason is None
    ablations = each_unit([0.0] * site.n_units) + each_unit([0.7] * site.n_units)
    expected = torch.stack([overwritten(network, name, each.units[0], each.values[0]) for each in ablations])
    for ablater in (engine, engine.plain):
        found = swept(ablater, network, ablations)
        torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)
        assert torch.equal(found.argmax(2), expected.argmax(2))
    with torch.no_grad():
        assert (expected.argmax(2) != logits(network, IMAGES).argmax(1)).any()


@pytest.mark.parametrize("kind", NETWORKS)
def test_predictions_are_the_plain_methods_in_reduced_precision_and_for_directions(
    kind, alive, engines, compare, ablations_of
):
    network = alive(kind(), IMAGES)
    for engine in engines(network, kind.last, IMAGES).values():
        n_units = engine.plain.site.n_units
        basis = torch.linalg.qr(torch.randn(n_units, n_units, generator=torch.Generator().manual_seed(5))).Q
        ablations = [*ablations_of(n_units), *(Ablation((k,), (0.0,), basis) for k in range(4))]
        assert compare(engine, IMAGES, ablations).wrong == 0
        quick = Engine(engine.by_unit.plan, engine.plain, memory_bytes=2**28, precision=Precision.BFLOAT16)
        assert compare(quick, IMAGES, ablations).wrong == 0


@pytest.mark.parametrize(("kind", "name", "closed"), [(NETWORKS[0], "down", True), (NETWORKS[1], "mlp.2", False)])
def test_a_linear_layer_on_the_last_dimension_is_updated(kind, name, closed, engines):
    network = kind().eval()
    plan = engines(network, ["act" if closed else "mlp.1"], IMAGES).popitem()[1].by_unit.plan
    assert len(plan.updates) == 1
    assert len(next(iter(plan.updates)).shape) == 3


def test_windows_of_images_count_with_all_their_elements():
    network = Windows().eval()
    site = find_site(list_sites(network, IMAGES[:2]), "norm")
    nodes = {node.name: node for node in capture(network, [site], IMAGES[:3]).nodes}
    inside = nodes["linear"]
    assert not inside.batched
    assert size_of(inside) == 4 * 4 * 24
