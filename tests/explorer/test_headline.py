"""The sentence about a unit, and the line below it."""

import re

import numpy as np
import pytest

from explorer import headline_details
from explorer.class_effects import ClassEffects, Move
from explorer.class_preference import Profile, strongest
from explorer.drop_test import DropTest
from explorer.headline import as_html, dead, drive, without
from precompute.measures.paired import drop_interval

TITLES = ("striped ball", "red kite", "blue star")


def impact_of(lost, gained, n=50):
    lost, gained = np.array(lost), np.array(gained)
    images = np.full(len(lost), n)
    low, high = drop_interval(lost, gained, images)
    return ClassEffects(images, lost, gained, (lost - gained) / n, low, high)


def strongest_of(*count):
    """Strongest images with so many of each class."""
    label = np.repeat(np.arange(len(count)), count)
    return strongest(np.ones(len(label)), label, len(count), len(label))


def text(spans):
    return "".join(span.text for span in spans)


def say(lost, gained, *, n=50, test=None):
    return text(without(TITLES, impact_of(lost, gained, n), test))


def below(lost, gained, *, n=50, test=None):
    return " ".join(headline_details.of_loss(TITLES, impact_of(lost, gained, n), test))


def profile(*mean, preferred=(0,), signed=False, times=(2.0, 4.5)):
    return Profile(np.array(mean), preferred, signed, times=times)


def driven_by(*mean, images=(5, 0, 0), **facts):
    return text(drive(42, TITLES, profile(*mean, **facts), strongest_of(*images)))


BY_CHANCE = "With 3 classes, one or two in a hundred units that know no class have one named by chance."


# What drives it


def test_it_says_which_class_the_unit_answers_to_and_how_strongly():
    assert driven_by(3.0, 1.0, 1.0) == (
        "Unit 42 answers most to striped ball, 3.0 times as strongly as to other classes on average."
    )


def test_how_many_times_is_said_only_if_the_images_settle_it_to_a_factor_of_two():
    for times in ((1.2, 7.5), (np.nan, np.nan)):
        assert driven_by(3.0, 1.0, 1.0, times=times) == "Unit 42 answers most to striped ball."
    found = headline_details.of_drive(TITLES, profile(3.0, 1.0, 1.0, times=(1.2, 7.5)), strongest_of(5, 0, 0))
    assert found == [
        "Over all images the mean of striped ball is larger than that of the other classes, not settled how many times "
        "(95 % interval: 1.2 to 7.5).",
        BY_CHANCE,
    ]


def test_a_unit_that_answers_to_one_class_alone_has_no_ratio():
    assert driven_by(1.0, 0.0, 0.0) == "Unit 42 answers most to striped ball and to no other class."
    alone = "All images are of striped ball, so nothing tells which class unit 42 answers to most."
    assert driven_by(1.0, np.nan, np.nan) == alone


def test_where_the_strongest_images_are_of_another_class_both_are_said_with_the_numbers():
    images = strongest_of(0, 7, 2)
    assert text(drive(42, TITLES, profile(3.0, 1.0, 1.0), images)) == (
        "Unit 42 answers most to striped ball on average. "
        "The most frequent class of its strongest images is red kite (7 of 9)."
    )
    assert headline_details.of_drive(TITLES, profile(3.0, 1.0, 1.0), images) == [
        "Over all images the mean of striped ball is 3.0 times that of the other classes (95 % interval: 2.0 to 4.5).",
        "None of its 9 strongest images is of striped ball.",
        BY_CHANCE,
    ]


def test_where_both_meanings_agree_one_is_said():
    assert "strongest" not in driven_by(3.0, 1.0, 1.0, images=(4, 4, 1))


def test_a_class_that_the_images_do_not_settle_is_not_named_alone():
    two = {"preferred": (0, 2)}
    assert driven_by(3.0, 1.0, 2.9, **two) == "Unit 42 answers most to striped ball or blue star, not settled which."
    unsettled = "The images do not settle whether unit 42 answers to one class most."
    assert driven_by(3.0, 2.9, 2.9, preferred=()) == unsettled
    assert driven_by(3.0, 3.0, np.nan, preferred=()) == "Unit 42 answers to all classes alike."
    assert headline_details.of_drive(TITLES, profile(3.0, 1.0, 2.9, **two), strongest_of(4, 1, 2)) == [
        "4 of its 7 strongest images are of striped ball.",
        BY_CHANCE,
    ]


def test_where_classes_are_few_the_page_says_how_often_one_is_named_by_chance():
    images = strongest_of(5, 0, 0)
    assert BY_CHANCE in headline_details.of_drive(TITLES, profile(3.0, 1.0, 1.0), images)
    assert BY_CHANCE not in headline_details.of_drive(TITLES, profile(3.0, 2.9, 2.9, preferred=()), images)
    assert not any(
        "by chance" in said for said in headline_details.of_drive(TITLES, profile(*[3.0] + [1.0] * 9), images)
    )


def test_a_unit_that_is_never_above_zero_says_so():
    assert driven_by(0.0, 0.0, 0.0, signed=True) == "Unit 42 is never above zero."


def test_a_layer_below_zero_says_what_counts():
    said = headline_details.of_drive(TITLES, profile(3, 1, 1, signed=True), strongest_of(3, 0, 0))
    assert "the part above zero" in said[-1]


def test_a_dead_unit_is_dead():
    assert text(dead(42)).startswith("Unit 42 is dead: it is zero everywhere on every image")


# What is lost, where no test stands beside it


def test_it_says_what_is_lost_and_below_it_of_how_many_images():
    assert say([7, 0, 0], [0, 0, 0]) == "Without it, striped ball loses 14 points."
    assert below([7, 0, 0], [0, 0, 0]) == (
        "7 of 50 images of striped ball are lost, 0 gained. All classes together: 7 of 150 images lost, 0 gained."
    )


def test_the_class_that_loses_most_need_not_be_the_one_it_answers_to():
    assert say([1, 12, 0], [0, 2, 0]) == "Without it, red kite loses 20 points."


def test_nothing_lost_is_said_as_such():
    assert say([0, 0, 0], [0, 0, 0]) == "Without it, no image of any class is lost."
    assert below([0, 0, 0], [0, 0, 0]) == "All classes together stay as they were."


def test_gains_alone_are_said():
    assert say([0, 0, 0], [0, 3, 0]) == "Without it, no image of any class is lost and 3 images are gained."
    assert below([0, 0, 0], [0, 3, 0]) == "All classes together: 0 of 150 images lost, 3 gained."


def test_losses_that_gains_make_up_for_are_no_drop():
    assert say([2, 0, 0], [2, 2, 0]) == "Without it, no class loses more images than it gains."
    assert "2 images lost and 4 gained." in below([2, 0, 0], [2, 2, 0])


def test_one_point_is_one():
    assert say([1, 0, 0], [0, 0, 0], n=100) == "Without it, striped ball loses 1 point."


@pytest.mark.parametrize(("lost", "n", "doubted"), [(1, 50, True), (1, 5, True), (7, 50, False), (2, 5, True)])
def test_few_images_are_not_enough_to_tell(lost, n, doubted):
    assert ("not enough images to tell it from chance" in below([lost, 0, 0], [0, 0, 0], n=n)) == doubted
    strong = [span for span in without(TITLES, impact_of([lost, 0, 0], [0, 0, 0], n), None) if span.strong]
    assert bool(strong) != doubted


def test_class_names_stay_literal_in_html():
    titles = ["<script>x</script>", "b"]
    said = as_html(without(titles, impact_of([9, 0], [0, 0]), None))
    assert said.count("<b>&lt;script&gt;x&lt;/script&gt;</b>") == 1


# With evidence


def drop_test_of(**changes):
    numbers = {"drop": 0.28, "low": 0.1, "high": 0.46, "lost": 15, "gained": 0, "n_images": 50}
    test = {"p": 0.00043, "q": 0.0031, "ceiling": 0.06}
    overall = {"overall_q": 0.01, "overall_low": 0.05, "overall_high": 0.2}
    return DropTest(**({"named": (1,)} | numbers | test | overall | changes))


def test_the_drop_is_the_one_to_quote_and_below_it_stand_its_interval_and_both_tests():
    assert say([7, 14, 0], [0, 0, 0], test=drop_test_of()) == (
        "Without it, red kite loses about 28 points. All classes together lose more than chance explains."
    )
    said = below([7, 14, 0], [0, 0, 0], test=drop_test_of())
    assert said.startswith(
        "15 of 50 images of red kite are lost, 0 gained (95 % interval: between 10 and 46 points lost; q = 0.0031)."
    )
    assert said.endswith(
        "All classes together: 21 of 150 images lost, 0 gained (95 % interval: between 5.0 and 20.0 points lost; "
        "q = 0.010). The interval is wide enough to hold for every unit of the layer at once."
    )


def strong(lost, test):
    return [span.text for span in without(TITLES, impact_of(lost, [0, 0, 0]), test) if span.strong]


def test_only_what_a_test_tells_from_chance_is_large_and_strong():
    assert strong([7, 14, 0], drop_test_of()) == ["red kite", "28 points", "lose more than chance explains"]
    assert strong([7, 14, 0], drop_test_of(q=0.2)) == ["lose more than chance explains"]
    assert strong([7, 14, 0], drop_test_of(overall_q=0.2)) == ["red kite", "28 points"]
    assert say([7, 14, 0], [0, 0, 0], test=drop_test_of(q=0.2, overall_q=0.2)) == (
        "Without it, no loss of any class can be told from chance."
    )


@pytest.mark.parametrize("test", [None, drop_test_of(), drop_test_of(drop=np.nan), drop_test_of(named=(0, 1, 2))])
@pytest.mark.parametrize("images", [(5, 0, 0), (0, 5, 0)])
def test_at_most_three_numbers_are_large_beside_the_units_own(test, images):
    said = driven_by(3.0, 1.0, 1.0, images=images) + say([7, 14, 0], [0, 9, 0], test=test)
    numbers = re.findall(r"\d[\d,.]* of \d+|\d[\d.,]*", said.removeprefix("Unit 42"))
    assert len(numbers) <= 3


def test_an_overall_drop_within_chance_is_said_below_alone():
    within = drop_test_of(overall_q=0.4, overall_low=-0.01)
    assert "together" not in say([3, 1, 0], [0, 0, 0], test=within)
    assert below([3, 1, 0], [0, 0, 0], test=within).endswith(
        "All classes together: 4 of 150 images lost, 0 gained, within chance "
        "(95 % interval: between 1.0 points gained and 20.0 points lost; q = 0.40). "
        "The interval is wide enough to hold for every unit of the layer at once."
    )


def test_an_interval_that_includes_zero_beside_a_small_q_is_explained():
    wide = "So it may include zero beside a small q."
    assert below([7, 14, 0], [0, 0, 0], test=drop_test_of(overall_low=-0.01)).endswith(wide)
    assert wide not in below([7, 14, 0], [0, 0, 0], test=drop_test_of())
    assert wide not in below([7, 14, 0], [0, 0, 0], test=drop_test_of(overall_low=-0.01, overall_q=0.4))


def test_what_is_gained_is_said_so_and_has_no_sign():
    gain = drop_test_of(overall_low=-0.05, overall_high=-0.01)
    assert say([1, 0, 0], [0, 4, 0], test=gain).endswith("All classes together gain more than chance explains.")
    said = below([1, 0, 0], [0, 4, 0], test=gain)
    assert "between 1.0 and 5.0 points gained; q" in said
    assert not re.search("[−-]\\d", said)


def test_a_q_value_that_is_not_small_is_not_enough_images():
    said = below([3, 1, 0], [0, 0, 0], test=drop_test_of(q=0.2, drop=0.04, low=-0.04))
    assert said.startswith(
        "15 of 50 images of red kite are lost, 0 gained, the largest loss (95 % interval: between 4 points gained and "
        "46 points lost; q = 0.20: not enough images to tell a loss from chance)."
    )
    assert "no effect" not in said


def test_where_answers_cannot_tell_certainty_may():
    less = {"certainty_class": 2, "certainty_q": 0.001}
    said = below([3, 1, 0], [0, 0, 0], test=drop_test_of(q=0.2, **less))
    assert "But images of blue star become less certain, q = 0.001" in said
    assert "less certain" not in below([3, 1, 0], [0, 0, 0], test=drop_test_of(**less))
    assert below([0, 0, 0], [0, 0, 0], test=drop_test_of(q=1.0, named=(), **less)).startswith("But images of blue star")


def test_classes_between_which_it_is_not_settled_are_named_together_and_without_a_number():
    unsettled = drop_test_of(named=(1, 0, 2), drop=np.nan, low=np.nan, high=np.nan, n_images=0, overall_q=1)
    said = say([3, 4, 0], [0, 0, 0], test=unsettled)
    assert said == "Without it, one of red kite, striped ball and blue star loses most."
    assert "either red kite or blue star loses most." in say([3, 4, 0], [0, 0, 0], test=drop_test_of(named=(1, 2)))
    assert "The largest loss of a class has q = 0.0031." in below([3, 4, 0], [0, 0, 0], test=unsettled)


def test_where_no_class_stands_out_none_is_named():
    nothing = drop_test_of(named=(), drop=np.nan, low=np.nan, high=np.nan, n_images=0, q=0.7, overall_q=1)
    said = say([3, 1, 0], [0, 0, 0], test=nothing) + below([3, 1, 0], [0, 0, 0], test=nothing)
    assert "no loss of any class can be told from chance" in said
    assert "q = 0.70: not enough images to tell a loss from chance" in said
    assert "red kite" not in said


def test_few_images_are_counted_and_have_an_interval():
    few = drop_test_of(drop=np.nan, lost=6, gained=1, n_images=20, overall_q=1)
    assert say([1, 6, 0], [0, 1, 0], n=20, test=few) == "Without it, red kite loses 6 of 20 images."
    said = below([1, 6, 0], [0, 1, 0], n=20, test=few)
    assert "6 of 20 images of red kite are lost, 1 gained (95 % interval: between 10 and 46 points lost" in said


def test_an_interval_that_begins_just_above_zero_does_not_begin_at_zero():
    assert "between just above 0 and 46 points lost" in below([3, 1, 0], [0, 0, 0], test=drop_test_of(low=0.001))


@pytest.mark.parametrize(
    ("drop", "n", "said"),
    [
        (0.02, 50, "2 points lost"),
        (-0.01, 100, "1 point gained"),
        (0, 50, "no change"),
        (0.001, 50, "less than 1 point lost"),
        (-0.0001, 1_000, "less than 0.1 points gained"),
    ],
)
def test_a_drop_in_words_has_its_direction_and_no_more_than_the_images_tell(drop, n, said):
    assert headline_details.lost_or_gained(drop, n) == said


def test_where_every_class_is_set_apart_there_is_no_test_to_tell():
    unknown = dict.fromkeys(("drop", "low", "high", "p", "q", "ceiling"), np.nan)
    said = say([3, 1, 0], [0, 0, 0], test=drop_test_of(named=(), **unknown))
    assert "no loss can be tested: no class has an accuracy of 10 % or more." in said


def test_a_very_small_probability_is_not_rounded_to_nothing():
    assert "q < 0.0001" in below([9, 9, 0], [0, 0, 0], test=drop_test_of(q=1e-9))


def test_images_that_move_from_one_class_to_another_are_said():
    assert headline_details.of_move(TITLES, Move(1, 2, 31, 18, 12, 40)) == [
        "31 images of 40 that change their answer move from red kite to blue star: "
        "red kite loses 18 of them, blue star gains 12."
    ]
    assert headline_details.of_move(TITLES, None) == []
