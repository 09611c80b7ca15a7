"""The statistics of a made-up store, held to plain loops over its flips."""

import numpy as np
import pytest
from scipy.stats import binomtest

from precompute.store.check import check
from precompute.store.reader import open_store
from tests.factory import as_if_written
from tests.precompute.experiments.conftest import content_after


@pytest.fixture(scope="module")
def found(shared_path):
    return content_after(shared_path, "statistics", "--seed", 3)


CASES = [(layer, kind) for layer in ("conv", "deep") for kind in ("zero", "mean")]


def discordant(store, layer, kind, images):
    """Lost and gained (unit, class) among some images, one flip at a time."""
    view, label = store.layer(layer), store.images.label
    lost = np.zeros((view.n_units, len(store.classes)), int)
    gained = np.zeros_like(lost)
    for unit in range(view.n_units):
        flips = view.flips(kind, unit)
        for image, prediction in zip(flips.image, flips.prediction, strict=True):
            target = store.classes.output_index[label[image]]
            if image in images and store.baseline.prediction[image] == target:
                lost[unit, label[image]] += 1
            elif image in images and prediction == target:
                gained[unit, label[image]] += 1
    return lost, gained


@pytest.mark.parametrize(("layer", "kind"), CASES)
def test_counts_and_mcnemar_are_those_of_a_coin(shared_path, found, layer, kind):
    base = f"layers/{layer}/ablation/{kind}"
    with open_store(shared_path) as store:
        lost, gained = discordant(store, layer, kind, range(len(store.images)))
    np.testing.assert_array_equal(found[f"{base}/lost"], lost)
    np.testing.assert_array_equal(found[f"{base}/gained"], gained)
    for unit, c in np.ndindex(lost.shape):
        n = lost[unit, c] + gained[unit, c]
        p = binomtest(int(lost[unit, c]), int(n)).pvalue if n else 1.0
        np.testing.assert_allclose(found[f"{base}/mcnemar_p"][unit, c], p)
    assert (lost > 0).any()


@pytest.mark.parametrize(("layer", "kind"), CASES)
def test_the_held_out_drop_is_read_on_the_other_half(shared_path, found, layer, kind):
    base = f"layers/{layer}/ablation/{kind}"
    with open_store(shared_path) as store:
        label, half = store.images.label, found["half"]
        first, second = (discordant(store, layer, kind, set(np.flatnonzero(half == h))) for h in (0, 1))
        counts = [np.bincount(label[half == h], minlength=len(store.classes)) for h in (0, 1)]
    for unit in range(len(first[0])):
        drops = [
            -np.inf if found["set_apart"][c] else (first[0][unit, c] - first[1][unit, c]) / counts[0][c]
            for c in range(len(counts[0]))
        ]
        best = int(np.argmax(drops))
        values = {name: found[f"{base}/held_out_{name}"][unit] for name in ("class", "drop", "low", "high", "lost")}
        if drops[best] <= 0:
            assert np.isnan(values["class"])
            continue
        assert values["class"] == best
        assert values["lost"] == second[0][unit, best]
        drop = (second[0][unit, best] - second[1][unit, best]) / counts[1][best]
        np.testing.assert_allclose(values["drop"], drop, rtol=1e-6)
        assert values["low"] <= drop <= values["high"]


def test_halves_divide_every_class_evenly(shared_path, found):
    with open_store(shared_path) as store:
        for c in range(len(store.classes) - 1):
            assert abs(np.where(found["half"][store.images.label == c] == 0, 1, -1).sum()) <= 1


def test_classes_without_anything_to_lose_are_set_apart(shared_path, found):
    with open_store(shared_path) as store:
        for c in range(len(store.classes)):
            right = store.baseline_correct[store.images.label == c]
            assert found["set_apart"][c] == (not len(right) or right.mean() < 0.1)
    assert found["set_apart"][-1] == 1
    assert np.isnan(found["layers/conv/ablation/zero/class_p"][:, -1]).all()


@pytest.mark.parametrize(("layer", "kind"), CASES)
def test_the_largest_drop_stands_beside_its_noise(shared_path, found, layer, kind):
    base = f"layers/{layer}/ablation/{kind}"
    with open_store(shared_path) as store:
        every = store.layer(layer).ablation(kind).drop
    drop = every[:, found["set_apart"] == 0].max(axis=1)
    largest, noise, p, q = (found[f"{base}/max_drop{end}"] for end in ("", "_ceiling", "_p", "_q"))
    np.testing.assert_allclose(largest, np.nanmax(every, axis=1), atol=1e-6)
    assert (p[largest > noise + 1e-6] <= 0.05).all()
    assert (q >= p).all()
    rng = np.random.default_rng(0)
    lost, gained = found[f"{base}/lost"], found[f"{base}/gained"]
    for unit in range(len(p)):
        changed = (lost + gained)[unit, :-1]
        drawn = ((2 * rng.binomial(changed, 0.5, (4000, 5)) - changed) / 12).max(axis=1)
        assert abs((drawn >= drop[unit] - 1e-6).mean() - p[unit]) < 0.04


def test_changes_of_log_probability_are_averaged_over_classes(shared_path, found):
    with open_store(shared_path) as store:
        change = store.layer("deep").log_prob_change("zero", 2)
        expected = [change[store.images.label == c].mean() for c in range(5)]
    np.testing.assert_allclose(found["layers/deep/ablation/zero/log_prob_change"][2, :5], expected, rtol=1e-4)
    p = found["layers/deep/ablation/zero/log_prob_p"][:, :5]
    assert ((p > 0) & (p <= 1)).all()


@pytest.mark.parametrize(("layer", "kind"), CASES)
def test_the_overall_drop_is_tested_as_that_of_one_class(found, layer, kind):
    base = f"layers/{layer}/ablation/{kind}"
    lost, gained = (found[f"{base}/{name}"].sum(axis=1) for name in ("lost", "gained"))
    for unit, (b, c) in enumerate(zip(lost, gained, strict=True)):
        p = binomtest(int(b), int(b + c)).pvalue if b + c else 1.0
        np.testing.assert_allclose(found[f"{base}/overall_p"][unit], p)
    assert (found[f"{base}/overall_q"] >= found[f"{base}/overall_p"]).all()
    drop = (lost - gained) / 60
    assert ((found[f"{base}/overall_low"] <= drop) & (drop <= found[f"{base}/overall_high"])).all()


def test_certainty_is_the_surest_of_the_classes_that_become_less_certain(found):
    base = "layers/conv/ablation/zero"
    change, p = found[f"{base}/log_prob_change"], found[f"{base}/log_prob_p"]
    for unit in range(len(p)):
        falls = [(p[unit, c] * 5, c) for c in range(5) if change[unit, c] < 0]
        smallest, worst = min(falls, default=(1.0, np.nan))
        np.testing.assert_allclose(found[f"{base}/certainty_p"][unit], min(1, smallest))
        np.testing.assert_equal(float(found[f"{base}/certainty_class"][unit]), float(worst))


def test_a_store_without_log_probabilities_has_the_rest(store_path, experiment):
    with as_if_written(store_path) as file:
        for layer, kind in CASES:
            del file[f"layers/{layer}/ablation/{kind}/log_prob_change"]
    arrays, _ = experiment("statistics")
    base = "layers/conv/ablation/zero"
    assert f"{base}/certainty_q" not in arrays
    assert f"{base}/overall_q" in arrays
    assert check(store_path) == []


def test_larger_drops_are_found_more_often(found):
    share = found["layers/conv/ablation/zero/found_share"]
    assert (np.diff(share) >= 0).all()
    assert 0 <= share[0] < share[-1] <= 1
