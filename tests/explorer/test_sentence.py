"""The sentence about a unit."""

import numpy as np
import pytest

from explorer.evidence import Evidence
from explorer.impact import Impact
from explorer.sentence import as_html, describe, without
from precompute.measures.paired import drop_interval

TITLES = ("striped ball", "red kite", "blue star")


def impact_of(lost, gained, n=50):
    lost, gained = np.array(lost), np.array(gained)
    images = np.full(len(lost), n)
    low, high = drop_interval(lost, gained, images)
    return Impact(images, lost, gained, (lost - gained) / n, low, high)


def say(lost, gained, *, n=50, profile=(3.0, 1.0, 1.0), dead=False, evidence=None):
    loss = without(TITLES, impact_of(lost, gained, n), evidence)
    return "".join(span.text for span in describe(42, TITLES, np.array(profile), loss, dead=dead))


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
    titles = ["<script>x</script>", "b"]
    spans = describe(0, titles, np.array([2.0, 1.0]), without(titles, impact_of([9, 0], [0, 0]), None), dead=False)
    assert as_html(spans).count("<b>&lt;script&gt;x&lt;/script&gt;</b>") == 2


# With held-out evidence


def evidence_of(**changes):
    numbers = {"drop": 0.28, "low": 0.1, "high": 0.46, "lost": 7, "gained": 0, "n_images": 25}
    test = {"p": 0.00043, "q": 0.0031, "expected": 0.034, "ceiling": 0.06}
    return Evidence(**({"chosen": 1} | numbers | test | changes))


def test_the_drop_is_the_held_out_one_with_its_interval_and_its_noise():
    assert say([7, 14, 0], [0, 0, 0], evidence=evidence_of()).endswith(
        "Without it, red kite loses 28 points on held-out images (95 % interval 10 to 46; q = 0.0031); by chance "
        "alone the class hit hardest would lose 3.4 points; all classes together lose 14.0 points."
    )


def test_a_q_value_that_is_not_small_is_not_enough_images():
    said = say([3, 1, 0], [0, 0, 0], evidence=evidence_of(q=0.2, drop=0.04, low=-0.04))
    assert "q = 0.20: not enough images to tell it from chance" in said
    assert "no effect" not in said


def test_a_small_q_value_with_an_interval_over_zero_does_not_speak_for_the_class():
    said = say([3, 1, 0], [0, 0, 0], evidence=evidence_of(drop=0.0, low=-0.1, high=0.1))
    assert "red kite loses 0 points" in said
    assert "some class loses, but not enough images to tell how much this one does" in said


def test_a_gain_on_held_out_images_is_a_gain():
    assert "red kite gains 4 points" in say([3, 1, 0], [0, 0, 0], evidence=evidence_of(drop=-0.04, low=-0.2, q=0.4))


def test_without_a_class_to_choose_none_is_named():
    nothing = evidence_of(chosen=None, drop=np.nan, low=np.nan, high=np.nan, n_images=0, q=0.7)
    said = say([3, 1, 0], [0, 0, 0], evidence=nothing)
    assert "no class loses on the half of the images where one is chosen" in said
    assert "red kite" not in said


def test_where_every_class_is_set_apart_there_is_no_test_to_tell():
    unknown = dict.fromkeys(("drop", "low", "high", "p", "q", "expected", "ceiling"), np.nan)
    said = say([3, 1, 0], [0, 0, 0], evidence=evidence_of(chosen=None, **unknown))
    assert "q =" not in said
    assert "by chance" not in said


def test_a_very_small_probability_is_not_rounded_to_nothing():
    assert "q < 0.0001" in say([9, 9, 0], [0, 0, 0], evidence=evidence_of(q=1e-9))
