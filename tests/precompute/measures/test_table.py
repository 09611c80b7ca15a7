"""The rows that pickers, tables and the store are made from."""

import numpy as np
import pytest

from precompute import ablation_kinds
from precompute.experiments.selectivity.class_statistics import shuffled
from precompute.measures.measure_row import SHUFFLED_LABELS
from precompute.measures.responses import Labels, Responses
from precompute.measures.table import ROWS, computed, find, in_points, measure_name, measure_row, rows_for

NAMES = [measure_name(row.name, kind) for row in ROWS for kind in ablation_kinds.names()]
QUANTITIES = {
    "class_selectivity",
    "class_selectivity_held_out",
    "class_correlation",
    "concept_iou",
    "feature_entropy",
    "flip_rate",
    "l1_norm",
    "mutual_information",
    "redundancy",
    "zero_fraction",
}
NO_QUANTITIES = {
    "class_selectivity_expected",
    "class_selectivity_p",
    "concept",
    "dead",
    "drop_reliability",
    "held_out_drop",
    "held_out_effect",
    "max_class_drop_ceiling",
    "max_class_drop_excess",
    "overall_drop",
    "selective_class",
}


def test_names_and_labels_are_unique():
    rows = [measure_row(name) for name in dict.fromkeys(NAMES)]
    assert len({row.name for row in rows}) == len({row.label for row in rows}) == len(rows)


def test_every_row_says_what_a_reader_needs():
    for row in ROWS:
        assert row.label
        assert row.formula
        assert row.range
        assert row.better in {"higher", "lower", "neither"}
        assert (row.range == "class index") == (row.kind == "class")
        assert (row.range == "concept index") == (row.kind == "concept")
        assert (row.range == "0 or 1") == (row.kind == "flag")


def test_the_class_that_a_measure_is_about_has_a_row():
    for row in ROWS:
        if row.of_class:
            found = measure_row(row.of_class)
            assert (found.kind, found.per_ablation) == ("class", row.per_ablation)


def test_what_chance_makes_of_a_measure_is_a_measure_or_a_dataset():
    for row in ROWS:
        if row.chance is not None and row.chance.measure:
            level = measure_row(row.chance.measure)
            assert (level.kind, level.per_ablation) == ("chance", row.per_ablation)


def test_each_measure_that_shuffled_labels_give_a_level_is_shuffled():
    """A row that only says so would have no level, and nothing on any page would tell."""
    assert {row.name for row in ROWS if row.chance is SHUFFLED_LABELS} <= set(shuffled())


def test_each_measure_with_a_level_by_shuffled_labels_depends_on_the_labels():
    """Otherwise every shuffle would give the value itself, and pages would show the value as its chance level."""
    rng = np.random.default_rng(0)
    label, activation = np.repeat(np.arange(3), 40), rng.random((4, 120))
    responses = Responses(activation, activation, activation)
    for row in computed():
        if row.chance is SHUFFLED_LABELS:
            found, shuffled_labels = (
                row.compute(responses, Labels(of_images, 3, 8)) for of_images in (label, rng.permutation(label))
            )
            assert not np.array_equal(found, shuffled_labels), row.name


def test_quantities_of_a_unit_are_no_costs_chances_names_and_flags():
    found = {row.name for row in ROWS if row.kind == "quantity"}
    assert found >= QUANTITIES
    assert not found & NO_QUANTITIES


def test_a_row_without_a_kind_of_ablation_has_one_name():
    assert measure_name("dead", "mean") == "dead"
    assert find("dead_mean") is None
    assert find("dead").ablation == ""


def test_the_usual_kind_is_the_one_without_a_suffix():
    assert [row.name for row in rows_for("zero")] == ["overall_drop", "max_class_drop", "max_class_drop_class"]
    assert {row.ablation for row in rows_for("zero")} == {"zero"}


def test_other_kinds_of_ablation_say_so_in_name_label_and_formula():
    for row, of_zero in zip(rows_for("mean"), rows_for("zero"), strict=True):
        assert row.name == f"{of_zero.name}_mean"
        assert "mean ablation" in row.label
        assert row.formula == f"{of_zero.formula}, set to its mean instead of zero"
        assert (row.source, row.range, row.better) == (of_zero.source, of_zero.range, of_zero.better)
        assert (row.base, row.kind, row.ablation) == (of_zero.name, of_zero.kind, "mean")


def test_drops_and_their_levels_by_chance_are_in_points():
    assert in_points("quoted_drop_low_mean")
    assert in_points("max_class_drop_ceiling")
    assert not in_points("max_class_drop_class_mean")
    assert not in_points("max_class_drop_q")
    assert not in_points("nobody_knows_it")


def test_an_unknown_name_has_no_row():
    assert find("nobody_knows_it") is None
    with pytest.raises(KeyError):
        measure_row("nobody_knows_it")


def test_measures_of_activations_alone_bring_their_function():
    assert {"hoyer", "mutual_information", "class_selectivity"} <= {row.name for row in computed()}
    assert all(row.made_of == "activations" for row in computed())
