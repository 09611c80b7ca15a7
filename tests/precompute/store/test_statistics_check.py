"""Statistics that do not follow from the flips are found, and counts larger than their class, without any stamp."""

import h5py
import numpy as np
import pytest

from precompute.__main__ import main
from precompute.store.check import check
from precompute.store.experiments.statistics import AS_MEASURES
from tests.factory import as_if_written
from tests.precompute.store.conftest import LAYER

GROUP = "/experiments/statistics"
BASE = f"{GROUP}{LAYER}/ablation/zero"
COMPUTED = [
    "lost", "gained", "mcnemar_p", "class_p", "max_drop", "max_drop_class", "max_drop_expected", "max_drop_ceiling",
    "max_drop_p", "max_drop_q", "held_out_class", "held_out_drop", "held_out_low", "held_out_high", "held_out_lost",
    "held_out_gained", "held_out_images", "overall_p", "overall_q", "overall_low", "overall_high",
    "log_prob_change", "log_prob_p",
]  # fmt: skip


@pytest.fixture(scope="module")
def tested_bytes(good_bytes, tmp_path_factory):
    """The small store with statistics."""
    path = tmp_path_factory.mktemp("tested") / "store.h5"
    path.write_bytes(good_bytes)
    assert main(["experiment", "statistics", str(path)]) == 0
    return path.read_bytes()


@pytest.fixture
def tested(tested_bytes, tmp_path):
    path = tmp_path / "store.h5"
    path.write_bytes(tested_bytes)
    return path


def another(value):
    """Return a value that could be, and is another."""
    if np.issubdtype(value.dtype, np.integer):
        return 1 - value if value in (0, 1) else value - 1
    return np.float64(0.3) if np.isnan(value) or value > 0.5 else value / 2 + 0.2


@pytest.mark.parametrize("name", COMPUTED)
def test_a_number_that_does_not_follow_is_found(name, tested):
    with as_if_written(tested) as file:
        values = file[f"{BASE}/{name}"][...]
        values.flat[0] = another(values.flat[0])
        file[f"{BASE}/{name}"][...] = values
    assert f"{BASE}/{name}" in {problem.path for problem in check(tested)}


@pytest.mark.parametrize("name", ["max_drop_q", "class_p", "held_out_drop"])
def test_nan_where_a_number_stands_is_found(name, tested):
    with as_if_written(tested) as file:
        values = file[f"{BASE}/{name}"][...]
        known = np.flatnonzero(~np.isnan(values))
        values.flat[known[0] if len(known) else 0] = np.nan if len(known) else 0
        file[f"{BASE}/{name}"][...] = values
    assert f"{BASE}/{name}" in {problem.path for problem in check(tested)}


@pytest.mark.parametrize("unit", [2, -1])
def test_p_values_of_log_probabilities_are_computed_anew_for_three_units(unit, tested):
    path = f"{BASE}/log_prob_p"
    with as_if_written(tested) as file:
        values = file[path][...]
        values[unit, 0] = another(values[unit, 0])
        file[path][...] = values
    at = range(len(values))[unit]
    assert f"{path}: the values of unit {at} do not follow from the changes of log-probability" in map(
        str, check(tested)
    )


def test_a_p_value_that_is_small_is_held_to_its_size(tested):
    with as_if_written(tested) as file:
        file[f"{BASE}/overall_p"][...] *= 1.001
    assert f"{BASE}/overall_p" in {problem.path for problem in check(tested)}


def test_another_class_that_is_set_apart_is_found(tested):
    path = f"{GROUP}/set_apart"
    with as_if_written(tested) as file:
        file[path][0] = 1 - file[path][0]
    assert path in {problem.path for problem in check(tested)}


def test_one_class_whose_halves_differ_by_more_than_one_image_is_found(tested):
    path = f"{GROUP}/half"
    with as_if_written(tested) as file:
        of_first = file["/images/label"][...] == 0
        file[path][of_first] = 0
    told = [problem.message for problem in check(tested) if problem.path == path]
    assert "the halves of a class differ by more than one image" in told


@pytest.mark.parametrize("measure", ["max_class_drop_q", "overall_drop_p", "certainty_class", "flip_rate"])
def test_a_measure_that_is_not_its_dataset_is_found(measure, tested):
    assert measure in {*AS_MEASURES, "flip_rate"}
    with as_if_written(tested) as file:
        values = file[f"{LAYER}/measure/{measure}"]
        values[0] = another(values[0])
    assert [problem.path for problem in check(tested)] == [f"{LAYER}/measure/{measure}"]


@pytest.mark.parametrize("path", [f"{LAYER}/ablation/zero/correct", f"{BASE}/lost", f"{BASE}/gained"])
def test_counts_larger_than_their_class_are_found(path, tested):
    with as_if_written(tested) as file:
        file[path][0, 0] = np.bincount(file["/images/label"][...])[0] + 1
    assert [str(p) for p in check(tested)] == [f"{path}: 1 counts are larger than the number of images of the class"]


def test_good_statistics_have_no_problem(tested):
    assert check(tested) == []
    with h5py.File(tested) as file:
        assert set(COMPUTED) <= set(file[BASE])
