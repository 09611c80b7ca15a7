"""The sentence about a unit."""

import numpy as np
import pytest

from explorer.impact import Impact
from explorer.sentence import as_html, as_text, describe
from precompute.measures.paired import drop_interval

TITLES = ("striped ball", "red kite", "blue star")


def impact_of(lost, gained, n=50):
    lost, gained = np.array(lost), np.array(gained)
    images = np.full(len(lost), n)
    low, high = drop_interval(lost, gained, images)
    return Impact(images, lost, gained, (lost - gained) / n, low, high)


def say(lost, gained, *, n=50, profile=(3.0, 1.0, 1.0), dead=False):
    return as_text(describe(42, TITLES, np.array(profile), impact_of(lost, gained, n), dead=dead))


def test_it_says_what_drives_the_unit_and_what_is_lost_without_it():
    assert say([7, 0, 0], [0, 0, 0]) == (
        "Unit 42 answers most to striped ball, 3.0 times as strongly as to other classes on average. Without it, "
        "striped ball loses 14 points (7 of 50 images lost, 0 gained); all classes together lose 4.7 points."
    )


def test_the_class_that_loses_most_need_not_be_the_one_it_answers_to():
    assert "Without it, red kite loses 20 points (12 of 50 images lost, 2 gained)" in say([1, 12, 0], [0, 2, 0])


def test_nothing_lost_is_said_as_such():
    said = say([0, 0, 0], [0, 0, 0])
    assert "Without it, no image of any class is lost; all classes together stay as they were." in said


def test_gains_alone_are_said():
    said = say([0, 0, 0], [0, 3, 0])
    assert "no image of any class is lost and 3 images are gained; all classes together gain 2.0 points." in said


def test_losses_that_gains_make_up_for_are_no_drop():
    assert "no class loses (2 images lost, 4 gained)" in say([2, 0, 0], [2, 2, 0])


@pytest.mark.parametrize(("lost", "n", "doubted"), [(1, 50, True), (1, 5, True), (7, 50, False), (2, 5, True)])
def test_few_images_are_not_enough_to_tell(lost, n, doubted):
    assert ("not enough images to tell it from chance" in say([lost, 0, 0], [0, 0, 0], n=n)) == doubted


def test_a_dead_unit_is_dead():
    said = say([0, 0, 0], [0, 0, 0], profile=(0.0, 0.0, 0.0), dead=True)
    assert said.startswith("Unit 42 is dead: it is zero everywhere on every image")


def test_a_profile_that_is_not_above_zero_has_no_ratio():
    assert "answers most to striped ball. Without" in say([0, 0, 0], [0, 0, 0], profile=(1.0, -1.0, -2.0))


def test_class_names_stay_literal_in_html():
    spans = describe(0, ["<script>x</script>", "b"], np.array([2.0, 1.0]), impact_of([0, 0], [0, 0]), dead=False)
    assert "<b>&lt;script&gt;x&lt;/script&gt;</b>" in as_html(spans)
