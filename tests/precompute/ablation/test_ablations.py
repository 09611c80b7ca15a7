"""Ablations against their definition, element by element."""

import pytest
import torch

from precompute.ablation.ablations import Ablation, each_unit


def slow_set(output, units, values):
    changed = output.clone()
    for unit, value in zip(units, values, strict=True):
        for image in range(len(output)):
            changed[image, unit] = value
    return changed


@pytest.mark.parametrize("shape", [(3, 6), (3, 6, 4, 5)])
def test_units_are_set_together_and_the_rest_stays(shape):
    output = torch.randn(shape)
    before = output.clone()
    ablated = Ablation((4, 1), (0.5, -2.0)).apply(output)
    assert torch.equal(ablated, slow_set(output, (4, 1), (0.5, -2.0)))
    assert torch.equal(output, before)


@pytest.mark.parametrize("shape", [(3, 6), (3, 6, 4, 5)])
def test_directions_take_their_values_and_the_other_coordinates_stay(shape):
    basis = torch.linalg.qr(torch.randn(6, 6, dtype=torch.float64)).Q
    output = torch.randn(shape, dtype=torch.float64)
    coordinates = torch.einsum("nu...,uk->nk...", output, basis)
    ablated = torch.einsum("nu...,uk->nk...", Ablation((2, 5), (0.0, 1.5), basis).apply(output), basis)
    torch.testing.assert_close(ablated, slow_set(coordinates, (2, 5), (0.0, 1.5)))


def test_the_layers_own_basis_gives_the_units():
    output = torch.randn(2, 5, 3, 3)
    with_basis = Ablation((1, 3), (0.0, 2.0), torch.eye(5)).apply(output)
    torch.testing.assert_close(with_basis, Ablation((1, 3), (0.0, 2.0)).apply(output))


def test_each_unit_is_silenced_alone_and_in_order():
    ablations = each_unit([0.0, 1.5])
    assert [(ablation.units, ablation.values) for ablation in ablations] == [((0,), (0.0,)), ((1,), (1.5,))]


@pytest.mark.parametrize(("units", "values"), [((1, 2), (0.0,)), ((1, 1), (0.0, 0.0))])
def test_a_malformed_ablation_is_refused(units, values):
    with pytest.raises(ValueError, match="Expected"):
        Ablation(units, values)
