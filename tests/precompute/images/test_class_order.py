"""Names are given outputs by their order only where every usual way of sorting gives the same one."""

import random
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from precompute.errors import ClassError
from precompute.images.class_order import ORDERS, in_order, refuse_doubtful_order

MIXED = ["Cat", "Zebra", "apple", "item 10", "item 2"]


def timm_key(name):
    """The key by which timm's training sorts class names, as timm has it."""
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name.lower())]


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ("text", ["Cat", "Zebra", "apple", "item 10", "item 2"]),
        ("number", ["Cat", "Zebra", "apple", "item 2", "item 10"]),
        ("natural", ["apple", "Cat", "item 2", "item 10", "Zebra"]),
    ],
)
def test_each_order_sorts_as_it_says(order, expected):
    assert in_order(random.Random(0).sample(MIXED, len(MIXED)), order) == expected


@pytest.mark.parametrize("order", ["number", "natural"])
def test_a_thousand_numbers_are_in_order_of_their_value(order):
    assert in_order(sorted(map(str, range(1000))), order) == [str(number) for number in range(1000)]


def test_signs_and_fractions_count_where_all_names_are_numbers():
    names = ["0.25", "0.5", "-1", "10", "9"]
    assert in_order(names, "number") == ["-1", "0.25", "0.5", "9", "10"]


@given(st.sets(st.text("aAbB 01923_-", min_size=1, max_size=6), min_size=1, max_size=8))
def test_natural_order_is_timms(names):
    keys = [timm_key(name) for name in names]
    if all(keys.count(key) == 1 for key in keys):
        assert in_order(sorted(names), "natural") == sorted(names, key=timm_key)


@given(st.sets(st.text("aAbB 01923_-", min_size=1, max_size=6), min_size=1, max_size=8))
def test_names_pass_only_if_no_way_of_sorting_moves_one(names):
    try:
        refuse_doubtful_order(sorted(names))
    except ClassError:
        return
    for order in ORDERS:
        assert in_order(sorted(names), order) == sorted(names)
    assert sorted(names, key=str.lower) == sorted(names)


@pytest.mark.parametrize(
    "names",
    [
        [str(digit) for digit in range(10)],
        [f"{number:03}" for number in range(120)],
        ["n01440764", "n02099601", "n15075141"],
        ["ant", "bee", "red_fox"],
        ["Ant", "Bee"],
        ["class 1", "class 2"],
    ],
)
def test_names_that_sort_alike_every_way_pass(names):
    refuse_doubtful_order(names)


def test_the_refusal_shows_where_the_orders_part_and_both_ways_on():
    with pytest.raises(ClassError) as error:
        refuse_doubtful_order(sorted(map(str, range(11))))
    said = str(error.value)
    assert (
        "Outputs 2 to 4 would be 10, 2, 3 (as text, --class-order text); "
        "2, 3, 4 (with numbers read as numbers, --class-order number)." in said
    )
    assert "--classes" in said


def test_of_names_that_capitals_move_both_orders_are_shown_with_their_option():
    with pytest.raises(ClassError) as error:
        refuse_doubtful_order(["Leopards", "airplanes", "bonsai", "camera"])
    assert (
        "Outputs 0 to 2 would be Leopards, airplanes, bonsai (as text, --class-order text); airplanes, bonsai, camera "
        "(with numbers read as numbers and capitals as small letters, --class-order natural)." in str(error.value)
    )


@pytest.mark.parametrize("names", [["B", "a"], ["A2", "a10"], ["-1", "0", "1"], ["v10", "v9"], ["0.25", "0.5"]])
def test_names_that_some_way_of_sorting_moves_are_refused(names):
    with pytest.raises(ClassError, match="The order of the classes depends on how their names are sorted"):
        refuse_doubtful_order(names)


def test_names_that_differ_in_how_an_accent_is_written_are_refused():
    with pytest.raises(ClassError, match="are the same where accents are composed"):
        refuse_doubtful_order(["caf\N{COMBINING ACUTE ACCENT}e", "cafe\N{COMBINING ACUTE ACCENT}", "caf\u00e9"])


@pytest.mark.parametrize("names", [["1", "01"], ["Cat", "cat"], ["item 01", "item 1"]])
def test_names_that_are_one_when_read_otherwise_have_no_order(names):
    with pytest.raises(ClassError, match="are the same"):
        refuse_doubtful_order(sorted(names))
    with pytest.raises(ClassError, match=r"--class-order natural: .* are the same .*--classes"):
        in_order(names, "natural")
    assert in_order(names, "text") == sorted(names)
