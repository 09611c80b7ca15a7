"""Cohen's kappa against its definition, and its standard error against the gradient of kappa."""

import numpy as np
import pytest
from scipy.stats import binomtest

from precompute.measures.agreement import FEWEST, Agreement, cohens_kappa, name_by_name

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


def by_chance(table):
    """The table of raters who use names as often and agree by chance."""
    return np.outer(table.sum(axis=1), table.sum(axis=0))


@pytest.mark.parametrize("seed", range(6))
def test_kappa_and_its_interval_follow_from_the_table(seed):
    rng = np.random.default_rng(seed)
    ours = rng.integers(0, 4, 60)
    theirs = np.where(rng.random(60) < 0.6, ours, rng.integers(0, 4, 60))
    table = np.zeros((4, 4))
    for a, b in zip(ours, theirs, strict=True):
        table[a, b] += 1 / 60
    found = cohens_kappa([str(a) for a in ours], [str(b) for b in theirs])
    expected = kappa_of(table)
    error = max(error_by_gradient(table, 60) / (1 - expected), error_by_gradient(by_chance(table), 60))
    ends = [1 - (1 - expected) * np.exp(side * NORMAL_95 * error) for side in (1, -1)]
    assert found.kappa == pytest.approx(expected)
    assert (found.low, found.high) == pytest.approx(ends, abs=1e-6)
    assert (found.n, found.same) == (60, int((ours == theirs).sum()))


def test_cohens_own_kind_of_example():
    # 50 patients, two raters, 35 alike: 0.7 observed, 0.5 by chance.
    ours = ["yes"] * 25 + ["no"] * 25
    theirs = ["yes"] * 20 + ["no"] * 5 + ["yes"] * 10 + ["no"] * 15
    assert cohens_kappa(ours, theirs).kappa == pytest.approx(0.4)


def test_raters_who_always_agree_have_kappa_one_and_an_interval_from_what_so_many_things_leave_open():
    few = cohens_kappa(["a", "b", "a"], ["a", "b", "a"])
    assert (few.n, few.same, few.kappa) == (3, 3, pytest.approx(1))
    assert np.isnan([few.low, few.high]).all()
    many = cohens_kappa(["a", "b"] * 25, ["a", "b"] * 25)
    most_apart = binomtest(0, 50).proportion_ci(0.95, "exact").high
    assert (many.kappa, many.low, many.high) == (1, pytest.approx(1 - most_apart / 0.5, abs=1e-6), 1)


def test_raters_who_agree_on_nothing_have_no_interval():
    found = cohens_kappa(["a", "b"] * 25, ["b", "a"] * 25)
    assert found.kappa == pytest.approx(-1)
    assert np.isnan([found.low, found.high]).all()


CASES = [((0.95, 0.05), 0.4, 30), ((0.95, 0.05), 0, 600), ((0.9, 0.1), 0.2, 300), ((0.5, 0.5), 0.95, 80)]


@pytest.mark.parametrize(("prevalence", "kappa", "n"), [*CASES, ((0.1,) * 10, 0.8, 40)])
def test_intervals_of_kappa_hold_it_also_where_one_name_stands_for_nearly_all_things(prevalence, kappa, n):
    rng, held, told = np.random.default_rng(8), 0, 0
    for _ in range(300):
        ours = rng.choice(len(prevalence), n, p=prevalence)
        theirs = np.where(rng.random(n) < kappa, ours, rng.choice(len(prevalence), n, p=prevalence))
        found = cohens_kappa([str(each) for each in ours], [str(each) for each in theirs])
        if not np.isnan(found.low):
            told, held = told + 1, held + (found.low <= kappa <= found.high)
    assert held >= told * 0.9 - 3 * np.sqrt(told * 0.09)


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
    ours, theirs = ["a", "b"] * 20, ["a", "b", "b", "a"] + ["a", "b"] * 18
    assert not np.isnan(cohens_kappa(ours, theirs).low)
    fewer = cohens_kappa(ours[:-1], theirs[:-1])
    assert np.isnan([fewer.low, fewer.high]).all()
    assert fewer.kappa > 0


@pytest.mark.parametrize("seed", range(4))
def test_a_name_is_shared_as_often_as_one_counts_and_its_kappa_is_that_of_two_names(seed):
    rng = np.random.default_rng(seed)
    ours = rng.choice(["a", "b", "c"], 90, p=[0.5, 0.4, 0.1]).tolist()
    theirs = [name if rng.random() < 0.7 else "a" for name in ours]
    found = name_by_name(ours, theirs)
    assert sorted(one.name for one in found) == sorted({*ours, *theirs})
    for one in found:
        echoed = given = 0
        for mine, yours in zip(ours, theirs, strict=True):
            for said, other in ((mine, yours), (yours, mine)):
                given += said == one.name
                echoed += said == one.name == other
        assert one.shared == pytest.approx(echoed / given)
        so = [["yes" if name == one.name else "no" for name in rater] for rater in (ours, theirs)]
        whole = cohens_kappa(*so)
        assert one.kappa.kappa == pytest.approx(whole.kappa)
        least = min(one.ours, one.theirs, 90 - one.ours, 90 - one.theirs)
        limits = (whole.low, whole.high) if least >= FEWEST else (np.nan, np.nan)
        assert (one.kappa.low, one.kappa.high) == pytest.approx(limits, nan_ok=True)
    uses = [one.ours + one.theirs for one in found]
    assert uses == sorted(uses, reverse=True)


@pytest.mark.parametrize(("both", "either"), [(0, 3), (1, 1), (2, 4), (30, 60)])
def test_the_interval_of_a_name_is_that_of_clopper_and_pearson_in_other_words(both, either):
    ours = ["a"] * either + ["b"] * 20
    theirs = ["a"] * both + ["b"] * (either - both) + ["b"] * 20
    (one,) = [one for one in name_by_name(ours, theirs) if one.name == "a"]
    exact = binomtest(both, either).proportion_ci(0.95, "exact")
    # A share x of the things that either calls so is 2 x / (1 + x) of the times that the name is given.
    assert one.low / (2 - one.low) == pytest.approx(exact.low, abs=1e-8)
    assert one.high / (2 - one.high) == pytest.approx(exact.high, abs=1e-8)
    assert one.low <= one.shared <= one.high


def test_at_the_fewest_uses_the_interval_of_kappa_still_holds_nearly_as_often_as_it_says():
    rng, held, seen = np.random.default_rng(3), 0, 0
    for _ in range(500):
        mine = rng.random(100) < 0.25
        yours = np.where(rng.random(100) < 0.6, mine, rng.random(100) < 0.25)  # kappa 0.6
        one = name_by_name(*(["a" if said else "b" for said in rater] for rater in (mine, yours)))
        kappa = next(each.kappa for each in one if each.name == "a")
        if not np.isnan(kappa.low):
            seen, held = seen + 1, held + (kappa.low <= 0.6 <= kappa.high)
    assert seen > 300
    assert 0.89 < held / seen < 0.98
