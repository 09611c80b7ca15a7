"""A closer look at a unit: which units are alike, and two of them side by side."""

from types import SimpleNamespace

import numpy as np
import pytest

from explorer.alike_units import AlikeUnits, ByChance, alike_units
from explorer.pages.closer.alike import at_zero_words, headline, most_words, nearest_words
from explorer.pages.closer.two_accuracies import shared_words
from precompute.measures.profiles import ProfileLikeness
from precompute.measures.shared_losses import SharedLosses
from precompute.store.answers import answers
from tests.explorer.conftest import put

WITHOUT = ("without unit 4", "without unit 7")
RNG = np.random.default_rng(0)
NO_DRAWS = ByChance(None, None)


def layer(means, drop, reliability=None):
    measures = {} if reliability is None else {"drop_reliability": SimpleNamespace(values=np.array(reliability))}
    effect = SimpleNamespace(drop=drop)
    return SimpleNamespace(n_units=len(means), class_mean=means, measures=measures, ablation=lambda kind: effect)


@pytest.fixture(scope="module")
def planted():
    """Beside unit 0: 1 is alike in both, 2 in answers, 3 in losses; 4 answers alike and nothing breaks without it."""
    means, drop = RNG.random((12, 40)), RNG.normal(size=(12, 40))
    means[[1, 2, 4]] = means[0] + 0.1 * RNG.random((3, 40))
    drop[[1, 3]] = drop[0] + 0.1 * RNG.normal(size=(2, 40))
    drop[4] = 0
    return alike_units(layer(means, drop, [0.9, 0.4, -0.2, *[0.5] * 9]), 0, "zero", NO_DRAWS)


def test_units_are_told_apart_by_the_way_in_which_they_are_alike(planted):
    assert planted.both.tolist() == [1]
    assert sorted(planted.in_answers_alone.tolist()) == [2, 4]
    assert planted.in_losses_alone.tolist() == [3]


def test_noise_leaves_the_root_of_both_reliabilities(planted):
    assert planted.most[1] == pytest.approx(np.sqrt(0.9 * 0.4))
    assert np.isnan(planted.most[2])


def test_no_bound_is_said_that_the_correlation_exceeds(planted):
    assert planted.losses.r[1] > planted.most[1]
    assert most_words(planted, 1) == "too rough to say"
    assert most_words(planted, 4) == "0.67"


def test_the_headline_counts_them_and_the_note_names_the_nearest(planted):
    said = headline(planted, 0)
    assert "<b>3 units</b> answer to the same classes as unit 0 beyond chance" in said
    assert "Silencing <b>2 other units</b> makes the same classes lose or gain beyond chance; <b>1</b> of them" in said
    in_answers, in_losses = nearest_words(planted)
    assert in_answers.startswith(f"Most alike in answers: unit {np.nanargmax(planted.answers.r)}, r ")
    assert in_losses.startswith(f"Most alike in losses: unit {np.nanargmax(planted.losses.r)}, r ")


def test_without_ablation_only_answers_are_compared():
    found = alike_units(layer(RNG.random((5, 9)), None), 0, None, NO_DRAWS)
    assert not np.isnan(found.answers.r[1:]).any()
    assert np.isnan(found.losses.r).all()
    assert not found.both.size


def test_what_is_drawn_at_zero_is_the_unit_itself_where_nothing_breaks_without_it():
    drop = np.r_[RNG.normal(size=(4, 10)), np.zeros((2, 10))]
    units = layer(RNG.random((6, 10)), drop)
    assert at_zero_words(alike_units(units, 0, "zero", NO_DRAWS), 0, ablated=True).startswith("2 units without which")
    assert at_zero_words(alike_units(units, 4, "zero", NO_DRAWS), 4, ablated=True).startswith("Without unit 4 no class")
    assert "silenced" in at_zero_words(alike_units(units, 0, None, NO_DRAWS), 0, ablated=False)


def test_a_likeness_that_chance_reaches_is_said_so_and_not_by_two_equal_numbers():
    found = AlikeUnits(*(ProfileLikeness(np.array([np.nan, r, 0.1]), 0.9531) for r in (0.9531, 0.957)), np.ones(3))
    assert nearest_words(found) == [
        "Most alike in answers: unit 1, r 0.95, which chance reaches too.",
        "Most alike in losses: unit 1, r 0.96; chance reaches 0.95.",
    ]


def test_shared_losses_are_said_beside_chance():
    assert shared_words(SharedLosses(9, 5, 3, 1.25, 0.9), *WITHOUT) == (
        "9 images are lost without unit 4, 5 without unit 7, and 3 in both cases. If each had lost as many images "
        "of each class at random, both would lose 1.2, give or take 0.9."
    )
    assert (
        shared_words(SharedLosses(9, 0, 0, 0, 0), *WITHOUT) == "No image is lost without unit 7, so the two share none."
    )


def test_the_page_sets_two_units_side_by_side(made, runs, show, full_store):
    put(made("full"), runs)
    shown = show("closer", store="demo", layer="features.10", unit="1", other="3")
    assert "Unit 1 beside unit 3" in shown.words
    before, held = answers(full_store), full_store.layer("features.10")
    lost = []
    for unit in (1, 3):
        flips = held.flips("zero", unit)
        lost.append({image for image in flips.image.tolist() if before.right[image]})
    assert f"and {len(lost[0] & lost[1])} in both cases" in shown.words
    assert len(shown.charts()) == 2


def test_a_unit_that_is_not_there_is_told(made, runs, show):
    put(made("full"), runs)
    assert (
        "unit of features.10 “99”, which is not there"
        in show("closer", store="demo", layer="features.10", unit="1", other="99").words
    )


def test_what_is_chosen_here_does_not_follow_to_other_pages(made, runs, show):
    put(made("full"), runs)
    links = show("closer", store="demo", layer="features.10", unit="1", other="3", part="alike").app.get("page_link")
    assert any(link.proto.label == "The page of unit 1" for link in links)
    assert not any("other" in link.proto.query_string or "part" in link.proto.query_string for link in links)
