"""What units lose and prefer, against loops over the definition."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from precompute.measures.comparison import describe_units, quantiles
from precompute.measures.drops import Answers
from precompute.measures.paired import FlipTable


def made_up(seed, n_units=5, n_classes=3, per_class=8):
    """Answers that are mostly right, units that change some of them, one unit that is dead."""
    rng = np.random.default_rng(seed)
    label = np.repeat(np.arange(n_classes), per_class)
    said = np.where(rng.random(len(label)) < 0.7, label, rng.integers(0, n_classes, len(label)))
    before = Answers(said, label, label, n_classes)
    now = np.tile(said, (n_units, 1))
    changed = rng.random(now.shape) < rng.random((n_units, 1)) * 0.5
    changed[-1] = False
    now = np.where(changed, (now + rng.integers(1, n_classes, now.shape)) % n_classes, now)
    unit, image = np.nonzero(now != said)
    flips = FlipTable(unit, image, now[unit, image], n_units)
    return flips, before, now, np.arange(n_units) < n_units - 1, rng.random(n_units)


@given(st.integers(0, 500))
def test_effects_are_those_of_counting_images(seed):
    flips, before, now, alive, selectivity = made_up(seed)
    found = describe_units(flips, before, alive, selectivity)
    label = before.label
    takes = [before.right[label == c].mean() >= 0.1 for c in range(3)]
    for unit in range(4):
        right = now[unit] == label
        drops = [before.right[label == c].mean() - right[label == c].mean() for c in range(3) if takes[c]]
        np.testing.assert_allclose(found.overall_drop[unit], before.right.mean() - right.mean(), atol=1e-12)
        np.testing.assert_allclose(found.max_drop[unit], max(drops), atol=1e-12)
        np.testing.assert_allclose(found.flip_rate[unit], (now[unit] != before.prediction).mean(), atol=1e-12)
        assert found.selectivity[unit] == selectivity[unit]
    assert found.called(1.0) == 4
    assert found.called(0.0) == 0


def test_dead_units_are_left_out_but_counted_in_the_correction():
    flips, before, _, alive, selectivity = made_up(1)
    found = describe_units(flips, before, alive, selectivity)
    everyone = describe_units(flips, before, np.ones(5, dtype=bool), selectivity)
    for name in ("overall_drop", "max_drop", "max_drop_expected", "max_drop_q", "flip_rate", "selectivity"):
        assert np.isnan(getattr(found, name)[-1])
        np.testing.assert_array_equal(getattr(found, name)[:-1], getattr(everyone, name)[:-1])


def test_correlations_are_over_living_units():
    flips, before, _, alive, selectivity = made_up(2, n_units=9)
    found = describe_units(flips, before, alive, selectivity)
    table = found.correlations(draws=50)
    for target in ("overall_drop", "max_drop"):
        values = getattr(found, target)[:-1]
        assert table[target]["spearman"].n_units == 8
        np.testing.assert_allclose(table[target]["spearman"].r, stats.spearmanr(selectivity[:-1], values)[0])
        np.testing.assert_allclose(table[target]["pearson"].r, stats.pearsonr(selectivity[:-1], values)[0])
        assert table[target]["pearson"].low <= table[target]["pearson"].high


def test_quantiles_are_of_what_is_defined():
    np.testing.assert_allclose(quantiles(np.array([np.nan, 1, 2, 3, 4, 5])), [2, 3, 4])
    assert np.isnan(quantiles(np.array([np.nan]))).all()
