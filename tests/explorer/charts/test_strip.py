"""A measure's place in its layer."""

import re

import numpy as np
import pytest

from explorer.charts.strip import Place, place, rank_strip


@pytest.mark.parametrize(("unit", "rank", "lowest"), [(0, 3, True), (1, 1, False), (2, 2, False), (3, 3, True)])
def test_equal_values_share_the_best_rank_and_are_counted(unit, rank, lowest):
    values = np.array([1.0, 3.0, 2.0, 1.0, np.nan])
    assert place(values, unit) == Place(rank, 4, lowest, tied=int(values[unit] == 1))


def test_an_undefined_value_has_no_place_and_no_mark():
    values = np.array([np.nan, 1.0])
    assert place(values, 0) is None
    assert 'stroke-width="3.5"' not in rank_strip(values, 0)


def test_the_highest_unit_is_marked_at_the_right_end():
    svg = rank_strip(np.array([0.0, 0.5, 1.0]), 2)
    assert re.search(r'd="M197\.0 0v18"', svg)


def test_units_that_are_all_equal_still_make_a_strip():
    assert "M3.0 0v18" in rank_strip(np.array([2.0, 2.0]), 0)
