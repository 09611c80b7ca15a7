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


def say(lost, gained, *, n=50, profile=(3.0, 1.0, 1.0), preferred=(0,), dead=False, evidence=None):
    loss = without(TITLES, impact_of(lost, gained, n), evidence)
    return "".join(span.text for span in describe(42, TITLES, np.array(profile), preferred, loss, dead=dead))


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


def test_a_class_that_the_images_do_not_settle_is_not_named_alone():
    assert "answers most to striped ball or blue star, not settled which. W" in say([0] * 3, [0] * 3, preferred=(0, 2))
    assert "answers most to no few classes that its images settle. W" in say([0] * 3, [0] * 3, preferred=())


def test_class_names_stay_literal_in_html():
    titles = ["<script>x</script>", "b"]
    loss = without(titles, impact_of([9, 0], [0, 0]), None)
    spans = describe(0, titles, np.array([2.0, 1.0]), (0,), loss, dead=False)
    assert as_html(spans).count("<b>&lt;script&gt;x&lt;/script&gt;</b>") == 2


# With evidence


def evidence_of(**changes):
    numbers = {"drop": 0.28, "low": 0.1, "high": 0.46, "lost": 15, "gained": 0, "n_images": 50}
    test = {"p": 0.00043, "q": 0.0031, "ceiling": 0.06}
    overall = {"overall_q": 0.01, "overall_low": 0.05, "overall_high": 0.2}
    return Evidence(**({"named": (1,)} | numbers | test | overall | changes))


def test_the_drop_is_the_one_to_quote_with_its_interval_and_both_tests():
    assert say([7, 14, 0], [0, 0, 0], evidence=evidence_of()).endswith(
        "Without it, red kite loses about 28 points (95 % interval 10 to 46; q = 0.0031); all classes together lose "
        "14.0 points (95 % interval 5.0 to 20.0, q = 0.010)."
    )


def strong(lost, evidence):
    return [span.text for span in without(TITLES, impact_of(lost, [0, 0, 0]), evidence) if span.strong]


def test_only_what_a_test_tells_from_chance_is_strong():
    assert strong([7, 14, 0], evidence_of()) == ["red kite", "28 points", "14.0 points"]
    assert strong([7, 14, 0], evidence_of(q=0.2)) == ["14.0 points"]
    assert strong([7, 14, 0], evidence_of(overall_q=0.2)) == ["red kite", "28 points"]
    assert strong([7, 14, 0], None) == ["red kite", "28 points"]


def test_an_overall_drop_within_chance_is_said_to_be():
    said = say([3, 1, 0], [0, 0, 0], evidence=evidence_of(overall_q=0.4, overall_low=-0.01))
    assert "all classes together lose 2.7 points (95 % interval −1.0 to 20.0, q = 0.40: within chance)." in said
    assert "all classes together gain 2.0 points (95 % interval −5.0 to 1.0, q = 0.40: within chance)." in say(
        [1, 0, 0], [0, 4, 0], evidence=evidence_of(overall_q=0.4, overall_low=-0.01, overall_high=0.05)
    )


def test_a_q_value_that_is_not_small_is_not_enough_images():
    said = say([3, 1, 0], [0, 0, 0], evidence=evidence_of(q=0.2, drop=0.04, low=-0.04))
    assert "q = 0.20: not enough images to tell a loss from chance" in said
    assert "no effect" not in said


def test_where_answers_cannot_tell_certainty_may():
    less = {"certainty_class": 2, "certainty_q": 0.001}
    said = say([3, 1, 0], [0, 0, 0], evidence=evidence_of(q=0.2, **less))
    assert (
        "not enough images to tell a loss from chance, but images of blue star become less certain, q = 0.001" in said
    )
    assert "less certain" not in say([3, 1, 0], [0, 0, 0], evidence=evidence_of(**less))


def test_classes_between_which_it_is_not_settled_are_named_together_and_without_a_number():
    unsettled = evidence_of(named=(1, 0, 2), drop=np.nan, low=np.nan, high=np.nan, n_images=0)
    said = say([3, 4, 0], [0, 0, 0], evidence=unsettled)
    assert "Without it, red kite, striped ball or blue star loses most, not settled which (q = 0.0031);" in said
    assert "red kite or blue star loses most" in say([3, 4, 0], [0, 0, 0], evidence=evidence_of(named=(1, 2)))


def test_where_no_class_stands_out_none_is_named():
    nothing = evidence_of(named=(), drop=np.nan, low=np.nan, high=np.nan, n_images=0, q=0.7)
    said = say([3, 1, 0], [0, 0, 0], evidence=nothing)
    assert "no single class stands out (q = 0.70" in said
    assert "red kite" not in said


def test_few_images_are_counted_and_have_an_interval():
    few = evidence_of(drop=np.nan, lost=6, gained=1, n_images=20)
    said = say([1, 6, 0], [0, 1, 0], n=20, evidence=few)
    assert "red kite loses 6 of 20 images, gains 1 (95 % interval of points 10 to 46; q = 0.0031)" in said


def test_an_interval_that_begins_just_above_zero_does_not_begin_at_zero():
    assert "(95 % interval just above 0 to 46" in say([3, 1, 0], [0, 0, 0], evidence=evidence_of(low=0.001))


def test_where_every_class_is_set_apart_there_is_no_test_to_tell():
    unknown = dict.fromkeys(("drop", "low", "high", "p", "q", "ceiling"), np.nan)
    said = say([3, 1, 0], [0, 0, 0], evidence=evidence_of(named=(), **unknown))
    assert "no single class stands out;" in said


def test_a_very_small_probability_is_not_rounded_to_nothing():
    assert "q < 0.0001" in say([9, 9, 0], [0, 0, 0], evidence=evidence_of(q=1e-9))
