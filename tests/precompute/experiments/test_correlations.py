"""Correlations of a made-up store, held to scipy's on the units that are alive."""

import numpy as np
import pytest
from scipy import stats

from precompute.measures.halves import halves
from precompute.store.check import check
from precompute.store.reader import open_store
from tests.precompute.experiments.conftest import content_after

TARGETS = ("overall_drop", "max_class_drop", "max_class_drop_held_out", "max_class_drop_excess")


@pytest.fixture(scope="module")
def found(shared_path):
    content_after(shared_path, "selectivity")
    return content_after(shared_path, "correlations")


@pytest.mark.parametrize("kind", ["zero", "mean"])
@pytest.mark.parametrize("way", ["pearson", "spearman"])
def test_every_measure_is_held_against_every_drop(shared_path, found, kind, way):
    base = f"layers/conv/ablation/{kind}"
    with open_store(shared_path) as store:
        measures = store.layer("conv").measures
    alive = measures["dead"].values == 0
    suffix = "" if kind == "zero" else "_mean"
    assert list(found[f"{base}/target"]) == [f"{target}{suffix}" for target in TARGETS]
    assert alive.sum() == 8
    for row, name in enumerate(found[f"{base}/measure"]):
        for column, target in enumerate(found[f"{base}/target"]):
            x, y = (measures[each].values[alive] for each in (name, target))
            both = ~np.isnan(x) & ~np.isnan(y)
            expected = getattr(stats, f"{way}r")(x[both], y[both]).statistic if np.ptp(x[both]) else np.nan
            np.testing.assert_allclose(found[f"{base}/{way}"][row, column], expected, atol=1e-4)
            assert found[f"{base}/n_units"][row, column] == both.sum()
            if not np.isnan(expected):
                low, high = (found[f"{base}/{way}_{end}"][row, column] for end in ("low", "high"))
                assert -1 <= low <= high <= 1


def test_only_what_describes_a_unit_is_correlated(found):
    names = set(found["layers/deep/ablation/zero/measure"])
    assert {"class_selectivity", "l1_norm", "class_selectivity_held_out", "mutual_information"} <= names
    assert not names & {"dead", "selective_class", "max_class_drop_class", "overall_drop", "max_class_drop_mean"}
    assert not {name for name in names if name.endswith(("_p", "_expected", "_ceiling", "_class"))}


def test_flips_of_another_ablation_describe_no_unit(store_path, experiment):
    experiment("statistics")
    arrays, _ = experiment("correlations")
    for kind, own, other in (("zero", "flip_rate", "flip_rate_mean"), ("mean", "flip_rate_mean", "flip_rate")):
        names = list(arrays[f"layers/conv/ablation/{kind}/measure"])
        assert own in names
        assert other not in names
        assert "drop_reliability" not in names
        circular = arrays[f"layers/conv/ablation/{kind}/circular"]
        assert [name for name, yes in zip(names, circular, strict=True) if yes] == [own]
        # The flip rate cannot be held fixed and vary.
        assert np.isnan(arrays[f"layers/conv/ablation/{kind}/partial"][names.index(own)]).all()


def test_what_is_held_against_drops_are_measures_too(shared_path, found):
    with open_store(shared_path) as store:
        layer = store.layer("conv")
        for target in (*TARGETS, *(f"{name}_mean" for name in TARGETS)):
            assert target in layer.measures
        held_out = layer.measures["max_class_drop_held_out"]
        assert held_out.experiment == "correlations"
        assert (layer.measures["max_class_drop_excess"].values <= layer.measures["max_class_drop"].values + 1e-6)[
            :-1
        ].all()
    assert check(shared_path) == []


def test_measure_and_drop_come_from_different_images(shared_path, found):
    base = "layers/conv/ablation/zero"
    with open_store(shared_path) as store:
        layer, half = store.layer("conv"), store.experiment("selectivity")["half"]
        values = store.experiment("selectivity")["layers/conv/by_half/value"]
        names = list(store.experiment("selectivity")["layers/conv/by_half/measure"])
        right = store.baseline_correct
        target = store.classes.output_index[store.images.label]
        drop = np.zeros((layer.n_units, 2))
        for unit in range(layer.n_units):
            now = store.baseline.prediction.copy()
            flips = layer.flips("zero", unit)
            now[flips.image] = flips.prediction
            drop[unit] = [(right[half == h].mean() - (now == target)[half == h].mean()) for h in (0, 1)]
    row = list(found[f"{base}/measure"]).index("hoyer")
    measure = values[:-1, :, names.index("hoyer")]
    ways = [stats.spearmanr(measure[:, h], drop[:-1, 1 - h]).statistic for h in (0, 1)]
    np.testing.assert_allclose(found[f"{base}/disjoint"][row, 0], np.mean(ways), atol=1e-5)
    alike = stats.spearmanr(*measure.T).statistic
    np.testing.assert_allclose(found[f"{base}/measure_reliability"][row], 2 * alike / (1 + alike), atol=1e-4)
    agree = found[f"{base}/target_reliability"][0] / (2 - found[f"{base}/target_reliability"][0])
    expected = np.mean(ways) / np.sqrt(alike * agree) if min(alike, agree) > 0 else np.nan
    np.testing.assert_allclose(found[f"{base}/disattenuated"][row, 0], expected, atol=1e-4)
    low, high = (found[f"{base}/disjoint_{end}"][row, 0] for end in ("low", "high"))
    assert low <= np.mean(ways) <= high
    scaled = [found[f"{base}/disattenuated_{end}"][row, 0] for end in ("low", "high")]
    np.testing.assert_allclose(scaled, np.array([low, high]) * expected / np.mean(ways), rtol=1e-3)


def test_how_far_drops_agree_is_the_mean_over_ten_ways_to_divide_the_images(shared_path, found):
    with open_store(shared_path) as store:
        layer = store.layer("conv")
        target = store.classes.output_index[store.images.label]
        lost = np.zeros((layer.n_units, len(target)))
        for unit in range(layer.n_units):
            flips = layer.flips("zero", unit)
            now = store.baseline.prediction.copy()
            now[flips.image] = flips.prediction
            lost[unit] = store.baseline_correct.astype(float) - (now == target)
        splits = [halves(store.images.label, seed=seed) for seed in range(10)]
    each = [
        stats.spearmanr(*(lost[:-1, half == h].mean(axis=1).round(12) for h in (0, 1))).statistic for half in splits
    ]
    expected = 2 * np.mean(each) / (1 + np.mean(each))
    np.testing.assert_allclose(found["layers/conv/ablation/zero/target_reliability"][0], expected, atol=1e-5)


def test_weights_are_no_images_and_so_disjoint_from_all(found):
    base = "layers/conv/ablation/zero"
    names = list(found[f"{base}/measure"])
    assert found[f"{base}/measure_reliability"][names.index("l1_norm")] == 1
    assert not np.isnan(found[f"{base}/disjoint"][names.index("l1_norm")]).any()
    assert np.isnan(found[f"{base}/disjoint"][names.index("class_selectivity_held_out")]).all()


def test_chance_lies_within_its_own_limits_and_its_share_is_a_share(found):
    base = "layers/conv/ablation/zero"
    low, middle, high, p = (found[f"{base}/chance{end}"] for end in ("_low", "", "_high", "_p"))
    known = ~np.isnan(middle)
    assert known.any()
    assert ((low <= middle) & (middle <= high))[known].all()
    assert ((p > 0) & (p <= 1))[known].all()
    np.testing.assert_array_equal(known, ~np.isnan(found[f"{base}/spearman"]))
