"""Lists of units, read and written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from precompute.errors import OptionError
from precompute.what_if.unit_list import read_units, write_units


@given(st.sets(st.integers(0, 59)))
def test_what_is_written_is_read(units):
    assert read_units(write_units(units), 60) == tuple(sorted(units))


@pytest.mark.parametrize(
    ("text", "units"),
    [
        ("3, 7, 12-15", (3, 7, 12, 13, 14, 15)),
        ("7 3;3", (3, 7)),
        ("12 – 14", (12, 13, 14)),
        ("", ()),
        (" , ", ()),
        ("5-5", (5,)),
    ],
)
def test_people_write_them_in_several_ways(text, units):
    assert read_units(text, 20) == units


@pytest.mark.parametrize("text", ["20", "15-20", "7-3", "x", "1.5", "-3", "3--7", "1-2-3", "٣", "12345678", "<b>"])
def test_what_is_no_unit_is_refused_by_its_name(text):
    with pytest.raises(OptionError, match=r"not a unit|no unit|no range"):
        read_units(text, 20)
