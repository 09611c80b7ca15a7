"""Four roles, and none without evidence."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from precompute.measures.false_discovery import false_discovery
from precompute.measures.log_prob_tests import sign_flip_bound
from precompute.measures.roles import (
    CERTAIN,
    MARGIN,
    ROLES,
    LogOddsEffect,
    LogOddsLosses,
    differences,
    effect_interval,
    log_odds_effects_by_class,
    log_odds_effects_by_unit,
    log_odds_loss,
    roles,
)
from precompute.measures.skewed import skewed_interval
from tests.simulations import planted_roles


@pytest.fixture
def images():
    """Falls of three units on twenty images of four classes, the last without any."""
    rng = np.random.default_rng(5)
    return rng.normal(0.1, 0.4, (3, 20)), rng.integers(0, 3, 20)


# Log-odds


def test_the_fall_of_log_odds_is_that_of_the_odds():
    log_prob, change = np.log([0.9, 0.2, 0.5]), np.log([[0.5 / 0.9, 0.1 / 0.2, 1.0]])
    expected = [math.log(0.9 / 0.1) - math.log(0.5 / 0.5), math.log(0.2 / 0.8) - math.log(0.1 / 0.9), 0.0]
    np.testing.assert_allclose(log_odds_loss(log_prob, change)[0], expected, atol=1e-12)


def test_odds_of_images_that_the_network_is_certain_of_are_cut_off():
    end = math.log((1 - CERTAIN) / CERTAIN)
    found = log_odds_loss(np.array([0.0, -1e-12, 0.0, math.log(0.5)]), np.array([[-1e-9, 1e-6, -65504.0, -65504.0]]))
    np.testing.assert_allclose(found[0], [0, 0, 2 * end, end])


@given(st.floats(1e-3, 0.999), st.floats(0.01, 100))
def test_equal_odds_ratios_are_equal_falls_however_certain_the_network_is(p, ratio):
    odds = p / (1 - p) / ratio
    without = odds / (1 + odds)
    if CERTAIN < without < 1 - CERTAIN:
        found = log_odds_loss(np.array([math.log(p)]), np.array([[math.log(without) - math.log(p)]]))
        assert found[0, 0] == pytest.approx(math.log(ratio), abs=1e-6)


# Sums


def test_falls_are_sums_over_the_images_of_each_class(images):
    fall, label = images
    losses = LogOddsLosses.of(fall, label, 4)
    for c in range(4):
        of_class = [i for i in range(20) if label[i] == c]
        assert losses.count[c] == len(of_class)
        for unit in range(3):
            assert losses.total[unit, c] == pytest.approx(sum(fall[unit, i] for i in of_class))
            assert losses.square[unit, c] == pytest.approx(sum(fall[unit, i] ** 2 for i in of_class))


def test_falls_of_two_shards_add_up_to_those_of_all_images(images):
    fall, label = images
    whole, parts = (
        LogOddsLosses.of(fall, label, 4),
        [LogOddsLosses.of(fall[:, cut], label[cut], 4) for cut in (np.s_[:7], np.s_[7:])],
    )
    joined = parts[0] + parts[1]
    for name in ("count", "total", "square"):
        np.testing.assert_allclose(getattr(joined, name), getattr(whole, name))


# Effects


def test_the_effect_on_a_class_is_the_mean_fall_with_its_standard_error(images):
    fall, label = images
    effect = log_odds_effects_by_class(LogOddsLosses.of(fall, label, 4))
    for c in range(3):
        losses = fall[:, label == c]
        np.testing.assert_allclose(effect.mean[:, c], losses.mean(axis=1))
        np.testing.assert_allclose(effect.error[:, c], losses.std(axis=1, ddof=1) / math.sqrt(losses.shape[1]))
        for unit in range(3):
            above = losses[unit] - MARGIN
            np.testing.assert_allclose(effect.helps[unit, c], sign_flip_bound(above.sum(), (above**2).sum()))
            np.testing.assert_allclose(effect.idle[unit, c], sign_flip_bound(-above.sum(), (above**2).sum()))
    assert np.isnan(effect.mean[:, 3]).all()
    assert (effect.helps[:, 3] == 1).all()
    assert (effect.idle[:, 3] == 1).all()


def test_the_effect_of_a_unit_weighs_classes_alike(images):
    fall, label = images
    taking = np.array([True, False, True, False])
    effect = log_odds_effects_by_unit(LogOddsLosses.of(fall, label, 4), taking=taking)
    for unit in range(3):
        means, variances, weighted = [], [], []
        for c in (0, 2):
            losses = fall[unit, label == c]
            means.append(losses.mean())
            variances.append(losses.var(ddof=1) / len(losses))
            weighted += [(each - MARGIN) / len(losses) / 2 for each in losses]
        assert effect.mean[unit] == pytest.approx(np.mean(means))
        assert effect.error[unit] == pytest.approx(math.sqrt(sum(variances)) / 2)
        assert effect.helps[unit] == pytest.approx(
            float(sign_flip_bound(np.sum(weighted), np.sum(np.square(weighted))))
        )


def test_intervals_take_the_skewness_of_the_mean_from_the_falls(images):
    fall, label = images
    losses, taking = LogOddsLosses.of(fall, label, 4), np.array([True, False, True, False])
    of_class, of_unit = log_odds_effects_by_class(losses), log_odds_effects_by_unit(losses, taking=taking)
    for unit in range(3):
        thirds = []
        for c in (0, 2):
            mine = fall[unit, label == c]
            thirds.append(((mine - mine.mean()) ** 3).mean() / len(mine) ** 2)
            mean, error = of_class.mean[unit, c], of_class.error[unit, c]
            wanted = skewed_interval(mean, error, np.array(thirds[-1] / error**3))
            np.testing.assert_allclose([end[unit, c] for end in effect_interval(of_class)], wanted)
        mean, error = of_unit.mean[unit], of_unit.error[unit]
        wanted = skewed_interval(mean, error, np.array(sum(thirds) / 8 / error**3))
        np.testing.assert_allclose([end[unit] for end in effect_interval(of_unit)], wanted)


def test_a_unit_without_any_class_has_no_effect(images):
    effect = log_odds_effects_by_unit(LogOddsLosses.of(*images, 4), taking=np.zeros(4, dtype=bool))
    assert np.isnan(effect.mean).all()
    assert (effect.helps == 1).all()


def test_one_image_has_no_standard_error():
    effect = log_odds_effects_by_class(LogOddsLosses.of(np.array([[0.5]]), np.array([0]), 1))
    assert effect.mean[0, 0] == 0.5
    assert np.isnan(effect.error[0, 0])


def test_a_dead_unit_helps_nobody():
    effect = log_odds_effects_by_class(LogOddsLosses.of(np.zeros((1, 60)), np.zeros(60, dtype=int), 1))
    assert effect.idle[0, 0] < 1e-10
    assert effect.helps[0, 0] == 1


# Roles


def apart(sign):
    """Falls of one class whose mean is the sign, so that sets of other signs differ beyond doubt."""
    sign = np.nan_to_num(np.asarray(sign, dtype=float))[:, None]
    return {
        "losses": LogOddsLosses(np.array([50]), 50 * sign, 50 * np.ones_like(sign), 50 * sign),
        "taking": np.array([True]),
    }


def told(*signs):
    """Effects whose sign is told, or not: 1 above the margin, -1 below, 0 unknown, NaN without images."""
    sign = np.array(signs, dtype=float)
    return LogOddsEffect(
        np.where(np.isnan(sign), np.nan, sign),
        sign,
        np.where(sign > 0, 1e-9, 1),
        np.where(sign < 0, 1e-9, 1),
        **apart(sign),
    )


EXPECTED = {(1, 1): 1, (1, -1): 2, (-1, 1): 3, (-1, -1): 4}


@pytest.mark.parametrize("there", [1, -1, 0, math.nan])
@pytest.mark.parametrize("here", [1, -1, 0, math.nan])
def test_every_pair_of_answers_has_its_role_and_no_evidence_has_none(here, there):
    found = roles(told(here), told(there))
    assert found.code[0] == EXPECTED.get((here, there), 0)
    assert np.isnan(found.q[0]) == (math.isnan(here) or math.isnan(there))


def test_the_roles_of_the_codes_have_these_names():
    assert ROLES == (
        "undetermined", "helps both", "helps training only", "helps held-out only", "helps neither",
    )  # fmt: skip


@given(st.integers(0, 2**32 - 1))
def test_a_role_is_as_sure_as_the_less_sure_of_its_two_claims_over_all_cells(seed):
    rng = np.random.default_rng(seed)
    p = rng.random((2, 12)) ** 4
    above = rng.random((2, 12)) < 0.5
    sides = [
        LogOddsEffect(np.ones(12), np.ones(12), np.where(a, q, 1), np.where(a, 1, q), **apart(np.where(a, 1, -1)))
        for a, q in zip(above, p, strict=True)
    ]
    found = roles(*sides)
    for cell in range(12):
        role = 1 + 2 * (not above[0, cell]) + (not above[1, cell])
        of_role = [all(above[:, k] == above[:, cell]) for k in range(12)]
        claims = np.where(of_role, p.max(axis=0), 1)
        q = false_discovery(claims)[cell]
        assert found.q[cell] == pytest.approx(q)
        assert found.code[cell] == (role if q <= 0.05 else 0)


# Simulations

SHAPES = {
    "normal": lambda rng, n: rng.normal(0, 0.3, n),
    "a few images change much": lambda rng, n: (rng.random(n) < 0.1) * rng.exponential(1, n) - 0.1,
    "heavy tails": lambda rng, n: 0.1 * rng.standard_t(2, n),
    "nearly certain": lambda rng, n: -0.02 + 0.02 * rng.exponential(1, n),
}
"""Falls of mean zero."""

N_TRAINING, N_HELD_OUT, N_UNITS = 100, 50, 120


def family(rng, mean, shape):
    """The effects of a layer's units for one class on two sets of images of one kind."""
    label = [np.zeros(n, dtype=int) for n in (N_TRAINING, N_HELD_OUT)]
    losses = [mean + SHAPES[shape](rng, (N_UNITS, len(of))) for of in label]
    return [log_odds_effects_by_class(LogOddsLosses.of(fall, of, 1)) for fall, of in zip(losses, label, strict=True)]


@pytest.mark.parametrize("mean", [0.0, MARGIN, 0.1, 0.4])
@pytest.mark.parametrize("shape", SHAPES)
def test_images_of_one_kind_give_a_role_on_one_set_only_at_most_at_the_stated_rate(shape, mean):
    # Each such role would be false, so the false discovery rate is the rate of layers with any.
    rng = np.random.default_rng(0)
    with_any = [np.isin(roles(*family(rng, mean, shape)).code, (2, 3)).any() for _ in range(60)]
    assert np.mean(with_any) <= 0.05


def test_layers_of_many_kinds_of_units_have_no_false_role_either():
    rng = np.random.default_rng(1)
    any_false = []
    for _ in range(40):
        mean = rng.choice([-0.2, 0, MARGIN, 0.05, 0.3, 1], (N_UNITS, 1))
        any_false.append(np.isin(roles(*family(rng, mean, "heavy tails")).code, (2, 3)).any())
    assert np.mean(any_false) <= 0.05


@pytest.mark.parametrize(("fall", "least"), [(0.05, 0.0), (0.2, 0.6), (0.3, 0.95)])
def test_planted_memorising_units_are_found_where_they_are_worth_enough(fall, least):
    rng = np.random.default_rng(2)
    memorises = np.arange(N_UNITS) < 12
    label = [np.zeros(n, dtype=int) for n in (N_TRAINING, N_HELD_OUT)]
    shares, false = [], 0
    for _ in range(20):
        training = np.where(memorises[:, None], fall, 0) + rng.normal(0, 0.3, (N_UNITS, N_TRAINING))
        held_out = rng.normal(-0.2, 0.2, (N_UNITS, N_HELD_OUT))
        sides = [
            log_odds_effects_by_class(LogOddsLosses.of(d, of, 1))
            for d, of in zip((training, held_out), label, strict=True)
        ]
        code = roles(*sides).code[:, 0]
        shares.append(np.mean(code[memorises] == 2))
        false += np.isin(code[~memorises], (1, 2, 3)).sum()
    assert np.mean(shares) >= least
    assert false / 20 <= 0.05 * 12


# Whether the sets differ


def test_differences_are_about_those_of_all_ways_to_divide_the_images():
    rng = np.random.default_rng(8)
    for shape in (lambda n: rng.normal(0, 1, n), lambda n: (rng.random(n) < 0.1) * rng.exponential(3, n)):
        values = shape(90)
        order = np.argsort(values + rng.normal(0, 3 * values.std(), 90))
        values = values[order]
        sides = values[:60], values[60:]
        effects = [log_odds_effects_by_class(LogOddsLosses.of(v[None], np.zeros(len(v), dtype=int), 1)) for v in sides]
        found = [float(p[0, 0]) for p in differences(*effects)]
        drawn = np.array([rng.permutation(values)[:30].mean() for _ in range(20_000)])
        held = sides[1].mean()
        assert found[0] == pytest.approx(np.mean(drawn <= held + 1e-12), abs=0.02)
        assert found[1] == pytest.approx(np.mean(drawn >= held - 1e-12), abs=0.02)


def test_sets_without_images_or_of_equal_falls_do_not_differ():
    nothing = log_odds_effects_by_class(LogOddsLosses.of(np.zeros((1, 0)), np.zeros(0, dtype=int), 1))
    equal = log_odds_effects_by_class(LogOddsLosses.of(np.ones((1, 9)), np.zeros(9, dtype=int), 1))
    for sides in ((nothing, equal), (equal, nothing), (equal, equal)):
        assert [p.tolist() for p in differences(*sides)] == [[[1.0]], [[1.0]]]


@pytest.mark.parametrize("sizes", [(100, 50), (1000, 50), (1300, 500)])
@pytest.mark.parametrize("kind", ["1.5 nat on 10 % of the images", "3 nat on 5 %", "6 nat on 2 %"])
def test_effects_on_few_images_that_one_set_missed_are_no_role(kind, sizes):
    """The small form of `python -m tests.simulations.planted_roles`."""
    rng = np.random.default_rng(9)
    assert not planted_roles.wrong(planted_roles.false_layers(rng, kind, sizes, n_layers=8, n_units=60), 8)


def test_effects_on_few_training_images_alone_are_still_found():
    found, by_two_claims = planted_roles.planted_found(np.random.default_rng(10), "4 nat on 3 %", n_units=120)
    assert found >= by_two_claims / 2 > 0.2


def test_with_few_images_nothing_is_told():
    rng = np.random.default_rng(3)
    label = np.zeros(4, dtype=int)
    sides = [log_odds_effects_by_class(LogOddsLosses.of(rng.normal(0.3, 0.3, (50, 4)), label, 1)) for _ in range(2)]
    assert (roles(*sides).code == 0).all()
