"""What the engine promises beside right outputs, and that a wrong engine is caught."""

import pytest
import torch

from precompute.ablation import suffix
from precompute.ablation.ablations import Ablation, each_unit
from precompute.ablation.suffix import too_close
from tests.precompute.ablation.residual import IMAGES, Residual


@pytest.fixture
def network(alive):
    return alive(Residual(), IMAGES)


def take_the_wrong_channel(engine, _monkeypatch):
    for update in engine.by_unit.suffix.updates.values():
        update.by_channel = update.by_channel.roll(1, 0)


def miss_the_shortcut(_engine, monkeypatch):
    monkeypatch.setattr(suffix.RowBatch, "whole", suffix.RowBatch.old)


@pytest.mark.parametrize("plant", [take_the_wrong_channel, miss_the_shortcut])
def test_an_engine_with_a_planted_error_fails_the_comparison(network, engines, compare, plant, monkeypatch):
    engine = engines(network, ["first"], IMAGES)["first"]
    plant(engine, monkeypatch)
    with pytest.raises(AssertionError):
        compare(engine, IMAGES, each_unit([0.0] * 8)).check()


def test_the_same_engine_without_it_passes(network, engines, compare):
    compare(engines(network, ["first"], IMAGES)["first"], IMAGES, each_unit([0.0] * 8)).check()


@pytest.mark.parametrize("name", ["first", "beside"])
def test_directions_are_swept_through_the_same_interface(network, engines, compare, name):
    basis = torch.linalg.qr(torch.randn(8, 8, generator=torch.Generator().manual_seed(5))).Q
    ablations = [Ablation((k,), (0.3 * k,), basis) for k in range(8)] + [Ablation((1, 5), (0.0, 0.0), basis)]
    mixed = [*ablations, *each_unit([0.0] * 8)]
    compare(engines(network, [name], IMAGES)[name], IMAGES, mixed).check()


def test_sets_of_different_sizes_may_be_mixed(network, engines, compare):
    sets = [Ablation(tuple(range(size)), (0.0,) * size) for size in (3, 1, 8, 3, 2)]
    compare(engines(network, ["first"], IMAGES)["first"], IMAGES, sets).check()


def test_the_smallest_budget_changes_nothing(network, engines, compare):
    engine = engines(network, ["first"], IMAGES, memory_bytes=1)["first"]
    sizes = engine.by_unit.sizes
    assert (sizes.images, sizes.rows, sizes.units(1)) == (1, 1, 1)
    compare(engine, IMAGES, each_unit([0.0] * 8)).check()


def test_images_on_which_the_units_already_have_their_values_are_skipped(network, engines):
    with torch.no_grad():
        network.first.weight[2] = 0
        network.first.bias[2] = -1
    engine = engines(network, ["first"], IMAGES)["first"]
    # Below zero everywhere, the unit is silent already, whatever it is set to below zero.
    swept = list(engine.sweep(IMAGES, [Ablation((2,), (-3.0,)), Ablation((2,), (3.0,))]))
    assert set(torch.cat([changed.ablation for changed in swept]).tolist()) == {1}
    assert (engine.counts.rows, engine.counts.changed) == (60, 30)
    assert list(engine.sweep(IMAGES, [Ablation((2,), (-3.0,))])) == []


def test_each_changed_row_comes_back_once(network, engines):
    engine = engines(network, ["first"], IMAGES, memory_bytes=300_000)["first"]
    assert engine.by_unit.sizes.images < len(IMAGES)
    swept = list(engine.sweep(IMAGES, each_unit([0.0] * 8)))
    rows = [row for changed in swept for row in zip(changed.ablation.tolist(), changed.image.tolist(), strict=True)]
    assert len(set(rows)) == len(rows) == engine.counts.changed
    assert all((changed.ablation.diff() >= 0).all() for changed in swept)


def test_rows_with_tied_outputs_go_to_the_plain_method(network, engines):
    with torch.no_grad():
        for parameter in (network.fc.weight, network.fc.bias):
            parameter[1] = parameter[0]
        network.fc.bias[:2] += 100
    engine = engines(network, ["first"], IMAGES)["first"]
    plain = torch.stack([changed.logits for changed in engine.plain.sweep(IMAGES[:16], each_unit([0.0] * 8))])
    for changed in engine.sweep(IMAGES[:16], each_unit([0.0] * 8)):
        expected = plain[changed.ablation, changed.image]
        torch.testing.assert_close(changed.logits, expected, rtol=0, atol=1e-5)
        assert torch.equal(changed.logits.argmax(1), expected.argmax(1))
    assert engine.counts.rechecked == engine.counts.changed > 0


def test_close_outputs_and_nan_count_as_too_close():
    logits = torch.tensor([[3.0, 1.0, 2.0], [3.0, 2.9, 0.0], [3.0, float("nan"), 0.0]])
    assert too_close(logits, 0.5).tolist() == [False, True, True]
    assert too_close(torch.zeros(2, 1), 0.5).tolist() == [False, False]
