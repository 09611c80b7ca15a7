"""A closer look at a unit: what every class loses at other kinds of ablation, beside what the store holds."""

from functools import partial

import h5py
import numpy as np
import pytest

from explorer import cache
from explorer.pages.closer.ablations import _Kind, alike_words, headline
from explorer.pages.closer.two_accuracies import Changed
from precompute.measures.drops import Answers
from precompute.measures.paired import drop_interval
from precompute.store.answers import answers
from precompute.store.records import Flips
from tests.explorer.conftest import put
from tests.explorer.test_pages import SUMS, without
from tests.explorer.test_what_if_page import drawn
from tests.factory import Recipe

pytestmark = pytest.mark.usefixtures("stand_in")


@pytest.fixture
def look(made, runs, answered):
    put(made("full"), runs)
    return partial(answered, "closer", store="demo", layer="features.10", unit="5", part="ablations")


def test_a_kind_that_the_store_holds_is_shown_without_asking_the_network(look, full_store):
    asked = cache.what_if_process()._n_asked
    shown = look(unit="1")
    assert cache.what_if_process()._n_asked == asked
    before, layer = answers(full_store), full_store.layer("features.10")
    zero, mean = (layer.ablation(kind).drop[1] for kind in ("zero", "mean"))
    for title, row in drawn(shown).items():
        label = full_store.classes.title.index(title)
        right = before.correct[label] / before.count[label]
        assert row["before"] == pytest.approx(100 * (right - zero[label]), abs=1e-4)
        assert row["after"] == pytest.approx(100 * (right - mean[label]), abs=1e-4)
    assert f"r {np.corrcoef(zero, mean)[0, 1]:.2f} over 12 classes" in shown.words.replace("\u2212", "-")


def test_another_kind_is_asked_of_the_network(look, full_store):
    shown = look(change="turned")
    before = answers(full_store)
    now = np.array(before.prediction)
    now[1::2] = (now[1::2] + 1) % full_store.model.n_outputs  # what the stand-in says
    lost, gained = ((before.right & (now != before.target)).sum(), (~before.right & (now == before.target)).sum())
    assert f"{lost:,} images are lost and {gained:,} gained" in shown.words
    row = shown.words.split("<td>turned in sign</td>")[1].split("</tr>")[0]
    assert f">{lost}</td>" in row
    assert f">{gained}</td>" in row


@pytest.mark.parametrize(
    ("lost", "gained", "said"),
    [
        (0, 0, "<b>no image</b> is lost and none is gained."),
        (5, 0, "5 images are lost and 0 gained. The difference is within chance."),  # p = 2 / 2^5, above 0.05
        (6, 0, "<b>6 images are lost and 0 gained</b>."),  # p = 2 / 2^6
        (0, 6, "<b>0 images are lost and 6 gained</b>."),
    ],
)
def test_a_change_is_bold_only_where_an_exact_test_tells_it_from_chance(lost, gained, said):
    label = np.zeros(100, dtype=np.int64)
    before = Answers(np.repeat([0, 1], 50), label, label, 2)
    image = np.r_[np.arange(lost), 50 + np.arange(gained)]
    flips = Flips(image, np.r_[np.ones(lost, dtype=np.int64), np.zeros(gained, dtype=np.int64)])
    assert headline(3, _Kind("halved", flips), before) == f"With unit 3 halved, {said}"


def test_with_mean_looked_at_zero_is_the_other_kind(look):
    words = look(ablation="mean").words
    assert "With unit 5 set to zero, " in words
    assert "<td>set to its mean</td>" in words


def test_of_a_layer_that_was_not_ablated_the_network_as_it_is_stands_beside(made, runs, answered):
    path = put(made("full"), runs)
    with h5py.File(path, "r+") as file:
        del file["/layers/features.10/ablation"]
    words = answered("closer", store="demo", layer="features.10", unit="5", part="ablations", change="off").words
    assert "<td>as it is</td>" in words
    assert "No class loses or gains under one of the two" in words


KINDS = {
    "sums": SUMS,
    "measures": without("measures"),
    "thousand classes": Recipe(n_classes=1000, per_class=1, layers=(("layer4", 6, (7, 7)),)),
    "flat": Recipe(per_class=4, layers=(("classifier.1", 6, ()),)),
}


@pytest.mark.parametrize("part", ["alike", "maps", "ablations"])
@pytest.mark.parametrize("kind", KINDS)
def test_every_part_shows_on_every_kind_of_store(part, kind, made, runs, answered):
    put(made(kind.replace(" ", "_"), KINDS[kind]), runs)
    # The last unit is dead, and like no other; the first ones the stand-in takes for something else.
    asked = {"unit": "1", "other": "3"} if part == "alike" else {"unit": "5"}
    if kind in ("sums", "measures"):
        asked["layer"] = "features.10"
    words = answered("closer", store="demo", part=part, change="turned", **asked).words
    assert "us-sentence" in words
    assert "What it cannot tell" in words
    assert "us-alert" not in words


def test_units_of_a_store_of_sums_are_not_matched_and_it_says_why(made, runs, show):
    put(made("sums", SUMS), runs)
    assert "This store keeps sums only" in show("compare", store="demo", part="matched").words


def test_right_images_under_a_change_follow_from_its_flips(full_store):
    before, rng = answers(full_store), np.random.default_rng(0)
    image = np.sort(rng.choice(len(before.label), 40, replace=False))
    prediction = rng.integers(0, full_store.model.n_outputs, 40)
    now = np.array(before.prediction)
    now[image] = prediction
    changed = Changed.of("so", Flips(image, prediction), before)
    np.testing.assert_array_equal(changed.right, now == before.target)
    for label in range(before.n_classes):
        of_class = before.label == label
        expected = before.right[of_class].mean() - (now == before.target)[of_class].mean()
        assert changed.drop(before)[label] == pytest.approx(expected)


def test_the_interval_beside_is_that_of_the_paired_difference(look, full_store):
    before, layer = answers(full_store), full_store.layer("features.10")
    one, other = (Changed.of("", layer.flips(kind, 1), before).right for kind in ("zero", "mean"))
    for title, row in drawn(look(unit="1")).items():
        of_class = before.label == full_store.classes.title.index(title)
        only = [int((a & ~b & of_class).sum()) for a, b in ((one, other), (other, one))]
        low, high = drop_interval(*map(np.array, only), np.array(of_class.sum()))
        assert row["low"] == pytest.approx(max(0, row["before"] - 100 * high))
        assert row["high"] == pytest.approx(min(100, row["before"] - 100 * low))


def changed(lost, n=50):
    """The network under a change that loses so many of the images of each class; nothing is wrong before."""
    label = np.repeat(np.arange(len(lost)), n)
    place = np.tile(np.arange(n), len(lost))
    return Changed("", place >= np.repeat(lost, n)), Answers(label, label, label, len(lost))


def test_drops_of_a_few_classes_that_go_together_by_chance_are_not_said_to_be_alike():
    one, before = changed([9, 4, 1])
    said = alike_words(one, changed([8, 5, 1])[0], before)
    assert "r 0.97 over 3 classes; by chance they reach 0.97, so they may be unlike." in said
    many, before = changed([20, 0, 0, 1, 9, 0, 2, 0, 0, 5, 0, 1, 14, 0, 0, 3])
    assert "unlike" not in alike_words(many, many, before)
    two, before = changed([9, 4])
    assert alike_words(two, two, before) == "The drops of fewer than three classes cannot be compared."
