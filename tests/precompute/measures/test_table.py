"""The rows that pickers, tables and the store are made from."""

import pytest

from precompute.measures.table import CLASS_VALUED, MEASURES, is_class_valued, rows_for


def test_names_and_labels_of_measures_are_unique():
    rows = (*MEASURES, *rows_for("mean"))
    assert len({row.name for row in rows}) == len({row.label for row in rows}) == len(rows)


def test_zero_ablation_is_the_one_without_a_suffix():
    assert [row.name for row in rows_for("zero")] == ["overall_drop", "max_class_drop", "max_class_drop_class"]
    assert set(rows_for("zero")) <= set(MEASURES)


def test_other_kinds_of_ablation_say_so_in_name_label_and_formula():
    for row, of_zero in zip(rows_for("mean"), rows_for("zero"), strict=True):
        assert row.name == f"{of_zero.name}_mean"
        assert "mean ablation" in row.label
        assert row.formula.startswith(of_zero.formula)
        assert "mean" in row.formula
        assert (row.source, row.range, row.better) == (of_zero.source, of_zero.range, of_zero.better)


def test_every_row_says_what_a_reader_needs():
    for row in (*MEASURES, *rows_for("mean")):
        assert row.label
        assert row.formula
        assert row.range
        assert row.better in {"higher", "lower", "neither"}
        assert (row.range == "class index") == is_class_valued(row.name)


@pytest.mark.parametrize("name", sorted(CLASS_VALUED))
def test_class_valued_measures_stay_so_under_a_suffix(name):
    assert is_class_valued(name)
    assert is_class_valued(f"{name}_mean")


def test_a_measure_whose_name_only_begins_alike_is_not_class_valued():
    assert not is_class_valued("max_class_drop")
    assert not is_class_valued("max_class_drop_mean")
    assert not is_class_valued("selective_classes")
