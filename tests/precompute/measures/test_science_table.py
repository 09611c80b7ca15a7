"""The rows of the measures that experiments add."""

from precompute.measures.table import (
    CLASS_VALUED,
    MEASURES,
    SCIENCE_MEASURES,
    is_class_valued,
    is_index_valued,
    rows_for,
)


def test_names_and_labels_are_unique_among_all_measures():
    rows = (*MEASURES, *SCIENCE_MEASURES, *rows_for("mean"))
    assert len({row.name for row in rows}) == len({row.label for row in rows}) == len(rows)


def test_every_row_says_what_a_reader_needs():
    for row in SCIENCE_MEASURES:
        assert row.label
        assert row.formula
        assert row.range
        assert row.better in {"higher", "lower", "neither"}
        assert (row.range == "class index") == is_class_valued(row.name)
        assert ("index" in row.range) == is_index_valued(row.name)


def test_every_class_valued_measure_has_a_row():
    assert {row.name for row in (*MEASURES, *SCIENCE_MEASURES)} >= CLASS_VALUED


def test_no_measure_of_an_experiment_is_taken_for_one_of_another_ablation():
    assert not {row.name for row in SCIENCE_MEASURES} & {row.name for row in rows_for("mean")}
    assert rows_for("zero") == tuple(row for row in MEASURES if "drop" in row.name)
