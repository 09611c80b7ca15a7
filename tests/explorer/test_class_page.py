"""The page of a class says of it what the predictions and flips of the store say."""

import contextlib
import html
import re
from urllib.parse import parse_qs

import h5py
import numpy as np
import pytest

from explorer.pages.class_.images import others_words
from precompute.measures.preferred import preferred_classes
from precompute.store.reader import open_store
from tests.explorer.conftest import put
from tests.explorer.test_literal import NASTY, nasty  # noqa: F401 (a fixture)
from tests.factory import Recipe

LAYER = "features.10"
SURE = Recipe(n_classes=4, per_class=60, layers=(("features.8", 4, (5, 5)), (LAYER, 6, (5, 5))), seed=3)


def text(words):
    return html.unescape(re.sub("<[^>]+>", "", words))


def rows_of(words, title):
    """The cells of the first table below a heading, row by row, without its head."""
    table = words.split(f">{title}<")[1].split("</table>")[0]
    return [re.findall(r"<td[^>]*>(.*?)</td>", row) for row in table.split("<tr>")[2:]]


@pytest.fixture
def sure(made, runs):
    put(made("sure", SURE), runs)
    return made("sure", SURE)


@pytest.fixture
def opened():
    with contextlib.ExitStack() as stack:
        yield lambda path: stack.enter_context(open_store(path))


def losses(store, layer, label):
    """Lost and gained images of a class for each unit, by a loop."""
    own, found = int(store.classes.output_index[label]), []
    for unit in range(layer.n_units):
        flips = layer.flips("zero", unit)
        of_class = [
            (int(store.baseline.prediction[i]), int(p))
            for i, p in zip(flips.image, flips.prediction, strict=True)
            if store.images.label[i] == label
        ]
        found.append((sum(old == own for old, _ in of_class), sum(new == own for _, new in of_class)))
    return found


def test_the_first_sentence_counts_its_right_images(made, runs, show, full_store):
    put(made("full"), runs)
    label = 2
    own = np.asarray(full_store.images.label) == label
    right = int((own & full_store.baseline_correct).sum())
    said = text(show("class", store="demo", class_=full_store.classes.name[label]).words)
    assert f"{full_store.classes.title[label]}: {right} of {own.sum()} images are right" in said


@pytest.mark.parametrize(
    ("n", "of", "said"),
    [(1, 1, "the other one is"), (3, 3, "all 3 others are"), (1, 2, "1 of the 2 others is"), (2, 5, "2 of the 5")],
)
def test_the_others_are_counted_in_plain_words(n, of, said):
    assert others_words(n, of).startswith(said)


def test_the_units_it_needs_stand_with_what_they_lose_and_gain(sure, show, opened):
    store = opened(sure)
    layer, label = store.layer(LAYER), 1
    words = show("class", store="demo", layer=LAYER, class_=store.classes.name[label]).words
    shown = {int(text(row[0])): (int(row[1]), int(row[2])) for row in rows_of(words, "Units it needs most")}
    expected = {unit: pair for unit, pair in enumerate(losses(store, layer, label)) if pair[0] > pair[1]}
    assert shown == expected
    assert shown


def test_in_all_layers_each_row_names_its_layer(sure, show, opened):
    store = opened(sure)
    words = show("class", store="demo", span="all", class_=store.classes.name[1]).words
    shown = {(row[0], int(text(row[1]))) for row in rows_of(words, "Units it needs most")}
    expected = {
        (layer.name, unit)
        for layer in store.layers
        for unit, (lost, gained) in enumerate(losses(store, layer, 1))
        if lost > gained
    }
    assert shown == expected
    assert {layer for layer, _ in shown} == {layer.name for layer in store.layers}


def test_where_its_images_go_adds_up_to_all_losses(sure, show, opened):
    store = opened(sure)
    words = show("class", store="demo", layer=LAYER, class_=store.classes.name[1]).words
    all_lost = sum(lost for lost, _ in losses(store, store.layer(LAYER), 1))
    assert sum(int(row[2]) for row in rows_of(words, "Where its images go")) == all_lost
    assert f"{all_lost} losses in all" in text(words)


def test_confusions_are_those_of_the_predictions(made, runs, show, full_store):
    put(made("full"), runs)
    store, wrong = full_store, ~full_store.baseline_correct
    label = int(store.images.label[np.flatnonzero(wrong)[0]])
    words = show("class", store="demo", class_=store.classes.name[label]).words
    outputs = store.baseline.prediction[(np.asarray(store.images.label) == label) & wrong]
    named, n_images = np.unique(outputs, return_counts=True)
    titles = [store.classes.title[store.classes.of_output[int(output)]] for output in named]
    expected = dict(zip(titles, n_images.tolist(), strict=True))
    assert {text(name): int(n) for name, n in rows_of(words, "With what it is confused")} == expected


def test_the_units_that_answer_most_are_ranked_by_selectivity_for_the_class(sure, show, opened):
    store = opened(sure)
    layer, label = store.layer(LAYER), 1
    words = show("class", store="demo", layer=LAYER, class_=store.classes.name[label]).words
    gallery = words.split("Units that answer to it most")[1].split("us-head")[0]
    shown = [int(unit) for unit in re.findall(r">unit (\d+)</span>", gallery)]
    means = layer.class_mean
    rest = (means.sum(axis=1) - means[:, label]) / (means.shape[1] - 1)
    total = means[:, label] + rest
    index = np.where(total > 0, (means[:, label] - rest) / np.where(total > 0, total, 1), -1)
    assert shown == [unit for unit in np.argsort(-index, kind="stable") if index[unit] > 0]
    activation, images = layer.activation(slice(None)).mean, np.asarray(store.images.label)
    beside = re.findall(r"selectivity [\d.]+(, [^<]*)?<", gallery)
    for unit, said in zip(shown, beside, strict=True):
        preferred = preferred_classes(activation[unit], images, len(store.classes))
        assert (said == "") == (preferred == (label,))
        assert (said == ", not settled") == (len(preferred) != 1)


def test_pictures_lead_to_images_and_names_to_classes(made, runs, show, full_store):
    put(made("full"), runs)
    words = show("class", store="demo", class_=full_store.classes.name[2]).words
    images = {parse_qs(html.unescape(q))["image"][0] for q in re.findall(r'href="image\?([^"]+)"', words)}
    assert images
    assert all(full_store.images.label[full_store.images.path.index(path)] == 2 for path in images)


def test_a_class_without_images_says_so(made, runs, show):
    put(made("hollow", Recipe(n_classes=5, per_class=6, layers=((LAYER, 4, (3, 3)),), n_empty=1)), runs)
    with h5py.File(runs / "demo.h5") as file:
        name = file["/classes/name"].asstr()[4]
    assert "has no images in this store" in show("class", store="demo", class_=name).words


@pytest.mark.parametrize("older", [False, True])
def test_a_layer_that_goes_below_zero_has_units_by_their_part_above_zero(made, runs, show, older):
    """Of an older store only the class that a unit prefers is known."""
    without = frozenset({"later_sums"} if older else set())
    recipe = Recipe(per_class=8, layers=((LAYER, 12, (3, 3)),), signed=frozenset({LAYER}), without=without)
    put(made(f"signed {older}", recipe), runs)
    with h5py.File(runs / "demo.h5") as file:
        held = file[f"/layers/{LAYER}"]
        preferred, names = held["measure/selective_class"][...], file["/classes/name"].asstr()[...]
        label = int(preferred[~np.isnan(preferred)][0])
        means = None if older else held["class_positive_mean"][...]
    words = show("class", store="demo", layer=LAYER, class_=names[label]).words
    gallery = words.split("Units that answer to it most")[1].split("us-head")[0]
    shown = {int(unit) for unit in re.findall(r">unit (\d+)</span>", gallery)}
    answering = preferred == label if older else means[:, label] > np.delete(means, label, axis=1).mean(axis=1)
    assert shown == set(np.flatnonzero(answering)[:10].tolist())


def test_hostile_class_names_appear_as_text(nasty, show):  # noqa: F811
    words = show("class", store="demo", class_=f"{NASTY} 2").words
    assert "<img src=x" not in words
    assert html.escape(f"{NASTY} 2", quote=True) in words
