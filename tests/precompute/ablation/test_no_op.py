"""The no-op check is silent on a right engine and loud on a wrong one."""

import pytest
import torch

from precompute.ablation import suffix
from precompute.ablation.ablations import Ablation, each_unit
from precompute.ablation.no_op import NoOpCheck, no_ops
from precompute.ablation.plain import PlainAblater
from precompute.ablation.precision import Precision
from tests.precompute.ablation.residual import IMAGES, Residual

PRECISIONS = [Precision.FLOAT32, Precision.BFLOAT16]


@pytest.fixture
def network(alive):
    return alive(Residual(), IMAGES)


def checked(ablater, network, ablations=()):
    with torch.no_grad():
        check = NoOpCheck(ablater, 8, network(IMAGES).argmax(1))
    assert all((changed.ablation < len(ablations)).all() for changed in check.sweep(IMAGES, ablations))
    return check


def take_a_wrong_image(monkeypatch):
    honest = suffix.RowBatch.old
    monkeypatch.setattr(suffix.RowBatch, "old", lambda batch, node: honest(batch, node).roll(1, 0))


def miss_the_shortcut(monkeypatch):
    monkeypatch.setattr(suffix.RowBatch, "whole", lambda batch, node: torch.zeros_like(batch.old(node)))
    monkeypatch.setattr(suffix.RowBatch, "change", lambda batch, node: batch.old(node).fill_(1))


@pytest.mark.parametrize("precision", PRECISIONS)
def test_nothing_flips_where_nothing_changes(network, engines, precision):
    engine = engines(network, ["first"], IMAGES, precision=precision)["first"]
    check = checked(engine, network, each_unit([0.0] * 8))
    assert (check.rows, check.flips) == (30, 0)
    assert engine.counts.rows == 9 * 30


@pytest.mark.parametrize("plant", [take_a_wrong_image, miss_the_shortcut])
@pytest.mark.parametrize("precision", PRECISIONS)
def test_an_error_that_does_not_vanish_with_the_change_is_seen(network, engines, monkeypatch, plant, precision):
    engine = engines(network, ["first"], IMAGES, precision=precision)["first"]
    plant(monkeypatch)
    check = checked(engine, network, each_unit([0.0] * 8))
    assert check.flips_at_first > 0
    assert check.flips > 0


def test_an_error_of_the_reduced_precision_alone_is_seen_before_the_recheck(network, engines):
    engine = engines(network, ["first"], IMAGES, precision=Precision.BFLOAT16)["first"]
    honest = engine.by_unit.in_reduced.run
    engine.by_unit.in_reduced.run = lambda base, block, rows: honest(base, block, rows).roll(1, 0)
    check = checked(engine, network, each_unit([0.0] * 8))
    assert check.flips_at_first > 0
    assert check.flips == 0


def test_the_rows_of_a_no_op_are_never_skipped(network, engines):
    engine = engines(network, ["first"], IMAGES)["first"]
    found = list(engine.sweep(IMAGES, [Ablation((3,), None)]))
    assert sum(len(changed) for changed in found) == len(IMAGES)
    torch.testing.assert_close(torch.cat([changed.logits for changed in found]), network(IMAGES), atol=1e-5, rtol=0)


def test_the_plain_method_is_checked_through_its_hook(network, engines):
    plain = PlainAblater(network, engines(network, ["first"], IMAGES)["first"].plain.site, batch_size=30)
    check = checked(plain, network)
    assert (check.rows, check.flips, check.flips_at_first) == (30, 0, 0)
    plain.run = lambda inputs, ablation: network(inputs).roll(1, 0)
    assert checked(plain, network).flips > 0


@pytest.mark.parametrize(
    ("n_units", "units"), [(1, [0]), (8, [4]), (64, [16, 48]), (2048, [128, 384, 640, 896, 1152, 1408, 1664, 1920])]
)
def test_units_are_spread_evenly_over_the_layer(n_units, units):
    found = no_ops(n_units)
    assert [ablation.units for ablation in found] == [(unit,) for unit in units]
    assert all(ablation.is_no_op for ablation in found)
