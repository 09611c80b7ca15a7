"""What the audit finds is what a comparison of every row with the plain method finds on the same rows."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from precompute.ablation.ablations import Ablation, Changed, each_unit
from precompute.ablation.audit import Audit
from precompute.ablation.plain import PlainAblater
from precompute.ablation.precision import Precision
from precompute.ablation.sweep_stats import SweepStats, total

IMAGES = torch.randn(20, 3, 12, 12, generator=torch.Generator().manual_seed(3))


class Small(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(4)
        self.first, self.second = nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 8, 3, padding=1)
        self.fc = nn.Linear(8, 6)

    def forward(self, x):
        return self.fc(F.relu(self.second(F.relu(self.first(x)))).mean((2, 3)))


@pytest.fixture
def network(alive):
    return alive(Small(), IMAGES)


@pytest.fixture
def plain(network, engines):
    return PlainAblater(network, engines(network, ["first"], IMAGES)["first"].plain.site, batch_size=20)


def draw(plain, ablations, inputs=IMAGES):
    return Audit.draw(plain, inputs, ablations, n_ablations=4)


def all_rows(ablater, ablations, network):
    with torch.no_grad():
        found = network(IMAGES).repeat(len(ablations), 1, 1)
    for changed in ablater.sweep(IMAGES, ablations):
        found[changed.ablation, changed.image] = changed.logits
    return found


@pytest.mark.parametrize("precision", [Precision.FLOAT32, Precision.BFLOAT16])
def test_the_counts_are_those_of_the_same_rows_compared_by_hand(network, plain, engines, precision):
    engine = engines(network, ["first"], IMAGES, memory_bytes=300_000, precision=precision)["first"]
    ablations = each_unit([0.0] * 8)
    found, exact = all_rows(engine, ablations, network), all_rows(plain, ablations, network)
    audit = Audit.draw(plain, IMAGES, ablations, n_ablations=2 if precision is Precision.FLOAT32 else 4)
    rows = (torch.tensor(audit.ablations)[:, None], audit.images)
    error = (found.log_softmax(2) - exact.log_softmax(2))[rows].abs()
    counts = engine.counts
    assert (counts.audited, counts.differing) == (4 * len(audit.ablations), 0)
    assert counts.largest_log_prob_error == pytest.approx(error.max().item(), abs=1e-6)
    assert counts.log_prob_error == pytest.approx(error.mean().item(), abs=1e-6)
    if precision is Precision.BFLOAT16:
        assert counts.largest_log_prob_error > 1e-4 > counts.largest_error


def test_a_wrong_prediction_is_counted(network, plain):
    ablations = each_unit([0.0] * 8)
    audit, exact = draw(plain, ablations), all_rows(plain, ablations, network)
    audit.note_unablated(torch.arange(20), torch.zeros(20, 6))
    for index in range(8):
        audit.note(Changed(torch.full((20,), index), torch.arange(20), exact[index]))
    assert audit.counts().differing == 0
    index, image = audit.ablations[1], int(audit.images[2])
    beside = next(position for position in range(20) if position not in audit.images)
    audit.note(Changed(torch.tensor([index] * 2), torch.tensor([beside, image]), -exact[index][[beside, image]]))
    assert audit.counts().differing == 1
    assert audit.counts().largest_log_prob_error > 0.1


def test_rows_that_a_sweep_skips_are_compared_with_the_unablated_outputs(network, plain):
    audit = draw(plain, each_unit([0.0] * 8))
    with torch.no_grad():
        baseline = network(IMAGES)
    for images in torch.arange(20).split(7):
        audit.note_unablated(images, baseline[images])
    assert torch.equal(audit.found, baseline[audit.images].expand_as(audit.found))


def test_the_same_images_draw_the_same_rows_and_others_draw_others(plain):
    ablations = each_unit([0.0] * 8)
    again, others = draw(plain, ablations), [draw(plain, ablations, IMAGES[start:]) for start in range(1, 6)]
    first = draw(plain, ablations)
    assert first.ablations == again.ablations
    assert torch.equal(first.images, again.images)
    assert len({other.ablations for other in others}) > 1


def test_ablations_that_change_nothing_are_not_audited(plain):
    audit = draw(plain, [Ablation((0,), None), Ablation((1,), (0.0,)), Ablation((2,), None)])
    assert audit.ablations == (1,)
    assert draw(plain, [Ablation((0,), None)]).counts() == SweepStats()


def test_counts_of_parts_add_up_but_for_the_largest_and_the_mean():
    parts = [
        SweepStats(rows=10, audited=4, differing=1, largest_error=0.1, largest_log_prob_error=0.3, log_prob_error=0.2),
        SweepStats(rows=5, changed=2, audited=8, largest_error=0.2, largest_log_prob_error=0.2, log_prob_error=0.05),
        SweepStats(rechecked=1, in_float32=3),
    ]
    whole = total(parts)
    assert (whole.rows, whole.changed, whole.in_float32, whole.rechecked, whole.audited) == (15, 2, 3, 1, 12)
    assert (whole.differing, whole.largest_error, whole.largest_log_prob_error) == (1, 0.2, 0.3)
    assert whole.log_prob_error == pytest.approx((4 * 0.2 + 8 * 0.05) / 12)
