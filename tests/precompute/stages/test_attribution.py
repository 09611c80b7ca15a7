"""Attributions, held to backward passes written out by hand."""

import captum.attr
import numpy as np
import pytest
import torch
from torch import nn

from precompute.ablation.capture import capture
from precompute.attribution_methods import METHODS
from precompute.models.sites import find_site, list_sites
from precompute.stages.activation_at import WholeNetwork
from precompute.stages.attribution import Points, Targets, attribute, peaks
from precompute.stages.exemplar_maps import MOST_STEPS, TOLERANCE, Look, attribution_maps
from precompute.stages.exemplars import Wanted
from precompute.stages.windowed_network import WindowedNetwork


@pytest.fixture
def network():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 5, 3, padding=1), nn.ReLU(inplace=True), nn.Conv2d(5, 4, 3, padding=1), nn.ReLU(inplace=True)
    ).eval()


@pytest.fixture
def inputs():
    return torch.randn(6, 3, 8, 8, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def targets(network, inputs):
    unit = torch.tensor([0, 1, 2, 3, 0, 2])
    with torch.no_grad():
        y, x = peaks(network(inputs)[torch.arange(6), unit])
    return Targets(unit, y, x)


def by_hand(network, image, start, rule):
    """One backward pass through conv, ReLU, conv, ReLU; `rule` says what a ReLU passes back."""
    first, _, second, _ = network
    before_1 = first(image[None]).detach()
    before_2 = second(before_1.clamp_min(0)).detach()
    gradient = rule(start, before_2)
    gradient = nn.grad.conv2d_input(before_1.shape, second.weight, gradient, padding=1)
    gradient = rule(gradient, before_1)
    return nn.grad.conv2d_input((1, *image.shape), first.weight, gradient, padding=1)[0].sum(0).detach()


RULES = {
    "gradient": lambda gradient, before: gradient * (before > 0),
    "deconvolution": lambda gradient, before: gradient.clamp_min(0),
    "guided_backpropagation": lambda gradient, before: gradient.clamp_min(0) * (before > 0),
}
"""What a ReLU passes back by each method of one backward pass."""


def run(name, network, inputs, targets, baseline=None):
    baseline = torch.zeros_like(inputs[0]) if baseline is None else baseline
    return attribute(METHODS[name], at(network, inputs), inputs, targets, baseline=baseline).map


def at(network, inputs, layer="3"):
    return WholeNetwork(network, find_site(list_sites(network, inputs[:2]), layer))


def windowed(network, site):
    return WindowedNetwork(
        capture(nn.Sequential(*network, nn.Flatten()).eval(), [site], torch.zeros(2, 3, 8, 8)), site.name
    )


@pytest.mark.parametrize("name", RULES)
def test_each_row_has_its_own_unit_and_position(name, network, inputs, targets):
    found = run(name, network, inputs, targets)
    for row, image in enumerate(inputs):
        start = torch.zeros(1, 4, 8, 8)
        start[0, targets.unit[row], targets.y[row], targets.x[row]] = 1
        torch.testing.assert_close(found[row], by_hand(network, image, start, RULES[name]), atol=1e-5, rtol=1e-4)


def test_every_method_is_held_to_its_definition():
    """Integrated gradients are held to a sum of gradients, all other methods to their rule."""
    assert {*RULES, "integrated_gradients"} == set(METHODS), "give RULES the new method, or write a test of its own"


def test_the_three_rules_differ(network, inputs, targets):
    found = [run(name, network, inputs, targets) for name in RULES]
    assert not torch.allclose(found[0], found[1], atol=1e-3)
    assert not torch.allclose(found[1], found[2], atol=1e-3)


def test_integrated_gradients_follow_the_straight_path_from_the_baseline(network, inputs, targets):
    baseline = torch.full_like(inputs[0], -0.5)
    found = run("integrated_gradients", network, inputs, targets, baseline)
    for row, image in enumerate(inputs):
        unit, y, x = int(targets.unit[row]), int(targets.y[row]), int(targets.x[row])
        total = torch.zeros_like(image)
        for step in range(400):
            point = (baseline + (image - baseline) * (step + 0.5) / 400).requires_grad_()
            network(point[None].clone())[0, unit, y, x].backward()
            total += point.grad / 400
        expected = ((image - baseline) * total).sum(0)
        # Twelve steps against four hundred.
        assert (found[row] - expected).abs().max() < 0.15 * expected.abs().max() + 1e-3


@pytest.mark.parametrize("by", [WholeNetwork, windowed])
def test_integrated_gradients_are_captums_at_the_same_steps(by, network, inputs, targets):
    """The first convolution is computed at the ends of the path only; Captum itself computes it at every step."""
    baseline = torch.full_like(inputs[0], -0.5)
    site = find_site(list_sites(network, inputs[:2]), "3")
    method, end = METHODS["integrated_gradients"], by(network, site)
    found = attribute(method, end, inputs, targets, baseline=baseline, points=Points(5))
    expected, missed = captum.attr.IntegratedGradients(WholeNetwork(network, site)).attribute(
        inputs,
        baseline.expand_as(inputs).clone(),
        target=0,
        additional_forward_args=(targets.unit, targets.y, targets.x),
        n_steps=5,
        method="riemann_middle",
        return_convergence_delta=True,
    )
    torch.testing.assert_close(found.map, expected.sum(1).float(), atol=1e-6, rtol=1e-4)
    with torch.no_grad():
        change = [end(at, targets.unit, targets.y, targets.x) for at in (inputs, baseline.expand_as(inputs))]
    share = missed / (change[0] - change[1]).flatten().abs()
    torch.testing.assert_close(found.missed, share.float(), atol=1e-5, rtol=1e-3)


def test_steps_that_memory_does_not_hold_together_go_one_after_the_other(network, inputs, targets):
    method, seen = METHODS["integrated_gradients"], []
    end = at(network, inputs)
    end.up_to_layer.register_forward_hook(lambda _module, args, _output: seen.append(len(args[0])))
    baseline = torch.full_like(inputs[0], -0.5)
    together, apart = (
        attribute(method, end, inputs, targets, baseline=baseline, points=Points(12, together=together))
        for together in (None, 2 * len(inputs))
    )
    assert max(seen) == 12 * len(inputs)
    assert seen.count(2 * len(inputs)) == 6
    torch.testing.assert_close(apart.map, together.map)


def test_the_network_is_left_as_it_was(network, inputs, targets):
    before = network(inputs)
    for name in METHODS:
        run(name, network, inputs, targets)
    assert network[1].inplace
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in network.modules())
    assert all(parameter.grad is None for parameter in network.parameters())
    assert torch.equal(network(inputs), before)


def test_a_layer_without_space_has_no_position(inputs):
    torch.manual_seed(0)
    network = nn.Sequential(nn.Flatten(), nn.Linear(192, 7), nn.ReLU()).eval()
    none = torch.zeros(6, dtype=torch.int64)
    unit = torch.tensor([0, 6, 3, 2, 1, 5])
    targets = Targets(unit, none, none)
    found = attribute(METHODS["gradient"], at(network, inputs, "1"), inputs, targets, baseline=torch.zeros(3, 8, 8))
    torch.testing.assert_close(found.map, network[1].weight[unit].reshape(6, 3, 8, 8).sum(1).detach())


def test_the_error_is_what_the_sum_misses_of_the_change(network, inputs, targets):
    baseline = torch.full_like(inputs[0], -0.5)
    end = at(network, inputs)
    found = attribute(METHODS["integrated_gradients"], end, inputs, targets, baseline=baseline, points=Points(3))
    for row, image in enumerate(inputs):
        unit, y, x = int(targets.unit[row]), int(targets.y[row]), int(targets.x[row])
        with torch.no_grad():
            change = float(network(image[None])[0, unit, y, x] - network(baseline[None])[0, unit, y, x])
        assert float(found.missed[row]) == pytest.approx((float(found.map[row].sum()) - change) / abs(change), rel=0.01)


def test_methods_that_promise_no_sum_have_no_error(network, inputs, targets):
    found = attribute(METHODS["gradient"], at(network, inputs), inputs, targets, baseline=torch.zeros(3, 8, 8))
    assert found.missed.isnan().all()


@pytest.fixture
def kinked(network, inputs):
    """A network whose units switch on and off on the way from the baseline, which few steps miss."""
    with torch.no_grad():
        network[0].bias.normal_(0, 3, generator=torch.Generator().manual_seed(0))
    return at(network, inputs), torch.full_like(inputs[0], -6.0)


def maps_of(end, baseline, inputs, targets, advance=lambda _n: None, rows=64):
    wanted = Wanted(targets.unit.numpy(), np.zeros(len(targets), dtype=np.int64), np.arange(len(targets)))
    look = Look(end, baseline, rows=rows, side=112)
    peak = targets.y.numpy(), targets.x.numpy()
    return attribution_maps(look, METHODS["integrated_gradients"], inputs, wanted, peak, advance)


def error_at(n_points, end, baseline, inputs, targets):
    found = attribute(METHODS["integrated_gradients"], end, inputs, targets, baseline=baseline, points=Points(n_points))
    return found.missed.abs().numpy(), found.map.numpy()


def test_a_map_that_misses_its_sum_gets_three_times_the_steps_and_no_other_does(kinked, inputs, targets):
    """Each ends as the map of 12, 36 or 108 points taken at once does: the first whose sum is within the tolerance."""
    tries = [error_at(n, *kinked, inputs, targets) for n in (12, 36, 108)]
    found = maps_of(*kinked, inputs, targets)
    ends = [next((k for k in range(2) if tries[k][0][row] <= TOLERANCE), 2) for row in range(len(inputs))]
    assert len(set(ends)) > 1, "the case must have maps of both kinds"
    for row, k in enumerate(ends):
        expected = tries[k][1][row]
        np.testing.assert_allclose(found.map[row], expected, atol=2e-3 * np.abs(expected).max())
        assert found.error[row] == pytest.approx(tries[k][0][row], abs=1e-4)


def test_steps_that_were_taken_are_not_taken_again(kinked, inputs, targets):
    end, passes = kinked[0], []
    end.up_to_layer.register_forward_hook(
        lambda _module, args, _output: passes.append(len(args[0])) if args[0].requires_grad else None
    )
    first, second = (error_at(n, *kinked, inputs, targets)[0] > TOLERANCE for n in (12, 36))
    second &= first
    before = sum(passes)
    maps_of(*kinked, inputs, targets)
    assert sum(passes) - before == 12 * len(inputs) + 24 * first.sum() + 72 * second.sum()
    assert MOST_STEPS == 108


@pytest.mark.parametrize("rows", [1, 30, 1000])
def test_a_map_does_not_depend_on_which_go_together(kinked, inputs, targets, rows):
    together, told = maps_of(*kinked, inputs, targets), []
    found = maps_of(*kinked, inputs, targets, told.append, rows=rows)
    assert sum(told) == len(inputs)
    assert max(told) <= max(1, rows // 12), "the progress stood still while several maps were made"
    np.testing.assert_allclose(found.map, together.map, atol=1e-3)
    np.testing.assert_allclose(found.error, together.error, atol=1e-4)


def test_the_peak_is_the_first_of_equals():
    maps = torch.tensor([[[0.0, 2.0], [2.0, 1.0]], [[5.0, 5.0], [5.0, 5.0]]])
    y, x = peaks(maps)
    assert y.tolist() == [0, 0]
    assert x.tolist() == [1, 0]
