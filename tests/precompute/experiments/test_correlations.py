"""Correlations of a made-up store, held to scipy's on the units that are alive."""

import numpy as np
import pytest
from scipy import stats

from precompute.store.reader import open_store
from tests.precompute.experiments.conftest import content_after


@pytest.fixture(scope="module")
def found(shared_path):
    return content_after(shared_path, "correlations")


@pytest.mark.parametrize("kind", ["zero", "mean"])
@pytest.mark.parametrize("way", ["pearson", "spearman"])
def test_every_measure_is_held_against_both_drops(shared_path, found, kind, way):
    base = f"layers/conv/ablation/{kind}"
    with open_store(shared_path) as store:
        measures = store.layer("conv").measures
        alive = measures["dead"].values == 0
        suffix = "" if kind == "zero" else "_mean"
        assert list(found[f"{base}/target"]) == [f"overall_drop{suffix}", f"max_class_drop{suffix}"]
        for row, name in enumerate(found[f"{base}/measure"]):
            for column, target in enumerate(found[f"{base}/target"]):
                x, y = measures[name].values[alive], measures[target].values[alive]
                expected = getattr(stats, f"{way}r")(x, y).statistic
                np.testing.assert_allclose(found[f"{base}/{way}"][row, column], expected, atol=1e-5)
                low, high = (found[f"{base}/{way}_{end}"][row, column] for end in ("low", "high"))
                assert -1 <= low <= high <= 1
                assert found[f"{base}/n_units"][row, column] == alive.sum() == 8


def test_classes_and_deadness_are_no_measures_to_correlate(found):
    names = set(found["layers/deep/ablation/zero/measure"])
    assert {"class_selectivity", "l1_norm", "overall_drop", "max_class_drop_mean"} <= names
    assert not names & {"dead", "selective_class", "max_class_drop_class", "max_class_drop_class_mean"}
