"""Cohen's kappa against its definition, and its standard error against the gradient of kappa."""

import numpy as np
import pytest

from precompute.measures.agreement import Agreement, cohens_kappa

NORMAL_95 = 1.959963984540054


def kappa_of(table):
    """Kappa of a table of shares, (ours, theirs), by its definition."""
    agreed = sum(table[i, i] for i in range(len(table)))
    chance = sum(table[i].sum() * table[:, i].sum() for i in range(len(table)))
    return (agreed - chance) / (1 - chance)


def error_by_gradient(table, n, step=1e-6):
    """The standard error of a function of multinomial shares: by the delta method, its gradient taken numerically."""
    gradient = np.zeros_like(table)
    for place in np.ndindex(*table.shape):
        up, down = table.copy(), table.copy()
        up[place] += step
        down[place] -= step
        gradient[place] = (kappa_of(up) - kappa_of(down)) / (2 * step)
    return np.sqrt(((table * gradient**2).sum() - (table * gradient).sum() ** 2) / n)


@pytest.mark.parametrize("seed", range(6))
def test_kappa_and_its_interval_follow_from_the_table(seed):
    rng = np.random.default_rng(seed)
    ours = rng.integers(0, 4, 60)
    theirs = np.where(rng.random(60) < 0.6, ours, rng.integers(0, 4, 60))
    table = np.zeros((4, 4))
    for a, b in zip(ours, theirs, strict=True):
        table[a, b] += 1 / 60
    found = cohens_kappa([str(a) for a in ours], [str(b) for b in theirs])
    expected, margin = kappa_of(table), NORMAL_95 * error_by_gradient(table, 60)
    assert found.kappa == pytest.approx(expected)
    assert (found.low, found.high) == pytest.approx((expected - margin, min(1, expected + margin)), abs=1e-6)
    assert (found.n, found.same) == (60, int((ours == theirs).sum()))


def test_cohens_own_kind_of_example():
    # 50 patients, two raters, 35 alike: 0.7 observed, 0.5 by chance.
    ours = ["yes"] * 25 + ["no"] * 25
    theirs = ["yes"] * 20 + ["no"] * 5 + ["yes"] * 10 + ["no"] * 15
    assert cohens_kappa(ours, theirs).kappa == pytest.approx(0.4)


def test_raters_who_always_agree_have_kappa_one_and_no_interval():
    found = cohens_kappa(["a", "b", "a"], ["a", "b", "a"])
    assert (found.n, found.same, found.kappa) == (3, 3, pytest.approx(1))
    assert np.isnan([found.low, found.high]).all()


@pytest.mark.parametrize(("ours", "theirs"), [([], []), (["a", "a"], ["a", "a"])])
def test_without_a_second_name_there_is_no_kappa(ours, theirs):
    found = cohens_kappa(ours, theirs)
    assert found == Agreement(len(ours), len(ours), found.kappa, found.low, found.high)
    assert np.isnan([found.kappa, found.low, found.high]).all()


def test_of_independent_raters_the_interval_holds_zero_as_often_as_it_says():
    rng = np.random.default_rng(5)
    held = 0
    for _ in range(400):
        found = cohens_kappa(*(rng.choice(["a", "b", "c"], 80, p=[0.5, 0.3, 0.2]).tolist() for _ in range(2)))
        held += found.low <= 0 <= found.high
    assert 0.915 < held / 400 < 0.985


def test_few_things_give_no_interval():
    ours, theirs = ["a", "b"] * 10, ["a", "b", "b", "a"] + ["a", "b"] * 8
    assert not np.isnan(cohens_kappa(ours, theirs).low)
    fewer = cohens_kappa(ours[:-1], theirs[:-1])
    assert np.isnan([fewer.low, fewer.high]).all()
    assert fewer.kappa > 0
