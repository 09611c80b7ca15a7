"""Words and numbers for the screen."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from explorer import format
from precompute import words


@pytest.mark.parametrize(
    ("value", "decimals", "said"),
    [(1234.5, 1, "1,234.5"), (-2.0, 0, "−2"), (-0.001, 2, "0.00"), (math.nan, 1, "–"), (0, 0, "0")],
)
def test_numbers_have_a_true_minus_and_no_negative_zero(value, decimals, said):
    assert format.number(value, decimals) == said


@pytest.mark.parametrize(
    ("value", "said"), [(0.123456, "0.123"), (12.3456, "12.3"), (1234.5, "1,234"), (-0.05, "−0.0500"), (0, "0")]
)
def test_quantities_keep_three_digits(value, said):
    assert format.significant(value) == said


@pytest.mark.parametrize(
    ("fraction", "n", "said"), [(0.14, 50, "14"), (0.002, 500, "0.2"), (0.0021, 10_000, "0.21"), (-0.2, 5, "−20")]
)
def test_points_are_as_fine_as_the_images_can_tell(fraction, n, said):
    assert format.points(fraction, n) == said


@pytest.mark.parametrize("halves", [1, 5, 9, 10, 13, 30, 90])
def test_a_stored_drop_reads_as_the_same_drop_from_counts(halves):
    # n / 800 is 0.125 points: every other one lies half-way between two decimals.
    assert format.points(float(np.float32(halves / 800)), 800) == format.points(halves / 800, 800)


def test_halves_are_rounded_away_from_zero():
    assert format.points(10 / 800, 800) == "1.3"
    assert format.points(-10 / 800, 800) == "−1.3"


def test_nouns_agree_with_their_number():
    assert format.count(1, "image") == "1 image"
    assert format.count(2000, "class", "classes") == "2,000 classes"


@pytest.mark.parametrize(
    ("n", "said"), [(1, "1st"), (2, "2nd"), (3, "3rd"), (11, "11th"), (112, "112th"), (121, "121st")]
)
def test_ordinals_end_as_they_are_spoken(n, said):
    assert format.ordinal(n) == said


@pytest.mark.parametrize("name", ["a*b*", "$x$", "[l](http://x.y)", ":red[x]", "<b>x</b>", "www.x.com", "a--b", "`c`"])
def test_markdown_text_is_the_name_once_its_escapes_are_gone(name):
    shown = format.md_text(name)
    assert shown != name
    assert shown.replace("\u2060", "").replace("\\", "") == name


@given(st.text())
def test_what_markdown_shows_is_the_text_that_was_made_literal(text):
    shown = " ".join(format.writable(text).split())
    assert format.without_markdown(format.md_text(text)) == shown.replace("\u2060", "")
    assert format.without_markdown(format.md_small(format.md_text(text), "0.41")) == f"{shown} (0.41)".replace(
        "\u2060", ""
    )


@pytest.mark.parametrize(
    ("value", "said"), [(1.44e-8, "1.44e−08"), (-2e-7, "−2.00e−07"), (0.00123, "0.00123"), (0, "0")]
)
def test_a_very_small_quantity_is_not_rounded_to_zero(value, said):
    assert format.significant(value) == said


@pytest.mark.parametrize(
    ("share", "n_images", "said"),
    [
        (0.935, 800, "93.5 %"),
        (0.97917, 240, "97.9 %"),
        (1.0, 800, "100 %"),
        (0, 5000, "0 %"),
        (0.99998, 10**5, "100.00 %"),
    ],
)
def test_the_command_line_and_the_pages_round_percentages_alike(share, n_images, said):
    assert words.percent(share, n_images) == format.percent(share, n_images) == said


@pytest.mark.parametrize(
    ("share", "decimals", "said"),
    [
        *((0.9996, 1, "> 99.9 %"), (0.9994, 1, "99.9 %"), (0.0004, 1, "< 0.1 %"), (0.0006, 1, "0.1 %")),
        *((1.0, 1, "100 %"), (0.0, 1, "0 %"), (0.997, 0, "> 99 %"), (0.62, 0, "62 %"), (float("nan"), 1, "–")),
    ],
)
def test_a_network_is_never_said_to_be_surer_than_it_is(share, decimals, said):
    assert format.certainty(share, decimals) == said


def test_an_interval_never_reaches_zero_by_rounding():
    assert format.interval(0.002, 0.21, 50) == "just above 0 to 21"
    assert format.interval(-0.21, -0.002, 50) == f"{format.MINUS}21 to just below 0"
    assert format.interval(-0.04, 0.0, 50) == f"{format.MINUS}4 to 0"
    assert format.interval(0.002, 0.21, 1000) == "0.2 to 21.0"


def test_a_median_is_of_what_is_known():
    assert format.median(np.array([np.nan, 1.0, 4.0])) == "2.50"
    assert format.median(np.array([np.nan, np.nan])) == format.median(np.array([])) == "–"
