"""What units do to one class against a loop over the images, and q against the rule over all units."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from explorer.class_losses import ClassLosses, class_losses, false_discovery_rates
from precompute.measures.drops import Answers
from precompute.measures.false_discovery import discrete_false_discovery
from precompute.measures.paired import FlipTable, mcnemar, mcnemar_attainable

N_UNITS, N_IMAGES, N_OUTPUTS = 3, 7, 4


@st.composite
def cases(draw):
    """Flips on the images of class 1, which are all there are, and the answers before."""
    prediction = np.array([draw(st.integers(0, N_OUTPUTS - 1)) for _ in range(N_IMAGES)])
    pairs = sorted(draw(st.sets(st.tuples(st.integers(0, N_IMAGES - 1), st.integers(0, N_UNITS - 1)))))
    image, unit = (np.array([pair[at] for pair in pairs], dtype=np.int64) for at in (0, 1))
    steps = np.array([draw(st.integers(1, N_OUTPUTS - 1)) for _ in pairs], dtype=np.int64)
    label = np.full(N_IMAGES, 1)
    before = Answers(prediction, np.full(N_IMAGES, 2), label, 3)
    return FlipTable(unit, image, (prediction[image] + steps) % N_OUTPUTS, N_UNITS), before


@given(cases())
def test_losses_gains_and_where_the_lost_go_follow_from_each_flip(case):
    flips, before = case
    found = class_losses(flips, before, N_IMAGES)
    for unit in range(N_UNITS):
        changes = [
            (int(before.prediction[i]), int(p))
            for u, i, p in zip(flips.unit, flips.image, flips.prediction, strict=True)
            if u == unit
        ]
        lost = [new for old, new in changes if old == 2]
        assert found.lost[unit] == len(lost)
        assert found.gained[unit] == sum(new == 2 for _, new in changes)
        went = dict(zip(found.outputs.tolist(), found.destination[unit].tolist(), strict=True))
        assert {output: n for output, n in went.items() if n} == {output: lost.count(output) for output in set(lost)}
        assert found.drop[unit] == (found.lost[unit] - found.gained[unit]) / N_IMAGES


@given(cases(), cases())
def test_all_units_of_all_layers_are_one_family(first, second):
    layers = [class_losses(*case, N_IMAGES) for case in (first, second)]
    found = np.concatenate(false_discovery_rates(layers))
    lost, gained = (np.concatenate([getattr(layer, part) for layer in layers]) for part in ("lost", "gained"))
    changed = np.flatnonzero(lost + gained)
    p = mcnemar(lost[changed], gained[changed])
    expected = np.full(2 * N_UNITS, np.nan)
    expected[changed] = discrete_false_discovery(p, [mcnemar_attainable(int((lost + gained)[u])) for u in changed])
    np.testing.assert_array_equal(found, expected)


def test_a_class_without_images_has_no_drop():
    nothing = np.zeros(0, dtype=np.int64)
    before = Answers(nothing, nothing, nothing, 2)
    found = class_losses(FlipTable(nothing, nothing, nothing, N_UNITS), before, 0)
    assert np.isnan(found.drop).all()
    assert np.isnan(found.interval()).all()
    assert np.isnan(false_discovery_rates([found])[0]).all()


@pytest.mark.parametrize(("n_images", "n_units", "drop"), [(50, 512, 0.08), (500, 48, 0.0), (500, 512, 0.08)])
def test_intervals_of_the_units_of_the_largest_losses_hold_the_truth(n_images, n_units, drop):
    rng, held, usual = np.random.default_rng(0), [], []
    for _ in range(40):
        lost, gained = rng.binomial(n_images, 0.02 + drop, n_units), rng.binomial(n_images, 0.02, n_units)
        found = ClassLosses(lost, gained, np.zeros((n_units, 0), dtype=int), np.zeros(0, dtype=int), n_images)
        first = np.argsort(-found.drop, kind="stable")[:12]
        for kept, chosen in ((held, 12 / n_units), (usual, 1)):
            low, high = (limit[first] for limit in found.interval(chosen=chosen))
            kept.append(((low <= drop) & (drop <= high)).mean())
    assert np.mean(held) >= 0.95
    assert np.mean(usual) < 0.95  # what an interval says that knows nothing of the choice
