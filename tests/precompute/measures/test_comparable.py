"""Which of all measures are held against drops."""

from precompute.measures.comparable import FROM_PREDICTIONS, FROM_WEIGHTS, describes_unit
from precompute.measures.table import MEASURES, SCIENCE_MEASURES

ROWS = {row.name: row for row in (*MEASURES, *SCIENCE_MEASURES)}
DESCRIBE = {
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
DO_NOT = {
    "class_selectivity_noise",
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


def test_quantities_of_a_unit_are_and_costs_chances_names_and_flags_are_not():
    found = {name for name, row in ROWS.items() if describes_unit(name, row.range)}
    assert found >= DESCRIBE
    assert not found & DO_NOT


def test_so_it_is_under_the_suffix_of_another_ablation():
    assert describes_unit("flip_rate_mean", "0 to 1")
    assert not describes_unit("overall_drop_mean", "-1 to 1")
    assert not describes_unit("max_class_drop_p_mean", "0 to 1")


def test_measures_that_need_care_have_rows_and_are_held_against_drops():
    for name in FROM_PREDICTIONS | FROM_WEIGHTS:
        assert describes_unit(name, ROWS[name].range)
