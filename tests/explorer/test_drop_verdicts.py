"""What is said of the loss of every unit, and which units are worth a look: the same on every page."""

import json
import re
import shutil

import h5py
import numpy as np
import pytest

from explorer.drop_verdicts import LayerVerdicts, Verdict, verdicts_of
from explorer.notable_units import notable_units
from precompute.__main__ import main
from precompute.store.reader import open_store
from tests.factory import Recipe, make_store

TITLES = ("deer", "cat", "ship")
LAYER = "features.10"


def layer_of(q, overall_q, named=((0, np.nan, np.nan),), overall_drop=0.02):
    """A layer of one unit."""
    numbers = (np.array([0.067]), np.array([q]), np.array([0.01]), np.array([overall_q]), np.array([overall_drop]))
    return LayerVerdicts(TITLES, np.array(named), *numbers)


def test_a_unit_within_chance_breaks_nothing():
    assert layer_of(q=0.06, overall_q=0.5).of(0) == Verdict("", "loss within chance", told=False)
    assert layer_of(q=0.05, overall_q=0.5).of(0) == Verdict("breaks", "deer", told=True)


def test_of_several_classes_none_is_named_alone():
    two = layer_of(q=0.01, overall_q=0.5, named=((2, 0, np.nan),))
    assert two.of(0).text == "ship or deer"
    assert layer_of(q=0.01, overall_q=1, named=((np.nan,) * 3,)).of(0).text == "some class, not settled which"


def test_a_loss_of_all_classes_together_is_told_and_a_gain_is_none():
    assert layer_of(q=0.5, overall_q=0.01).of(0) == Verdict("", "all classes together lose", told=True)
    assert not layer_of(q=0.5, overall_q=0.01, overall_drop=-0.02).of(0).told


def test_without_a_test_a_drop_is_called_untested_and_none_is_no_break():
    named, drop = np.array([[1.0], [np.nan], [1.0]]), np.array([0.02, np.nan, 0.0])
    found = LayerVerdicts(TITLES, named, drop)
    assert found.of(0) == Verdict("breaks", "cat (untested)", told=False)
    assert found.of(1) == found.of(2) == Verdict("", "no class loses", told=False)


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    """A store with statistics."""
    made = make_store(
        tmp_path_factory.mktemp("standing") / "demo.h5", Recipe(per_class=60, layers=((LAYER, 8, (5, 5)),))
    )
    assert main(["experiment", "statistics", str(made)]) == 0
    with h5py.File(made, "r+") as file:
        file[f"/layers/{LAYER}/measure/redundancy"] = np.array([0, 5, 1, 1, 0, 0, 0, np.nan], "f4")
    return made


def test_each_reason_has_its_unit(path):
    with open_store(path) as store:
        layer = store.layer(LAYER)
        found = verdicts_of(store, layer, "zero")
        picks = notable_units(store, layer, "zero", found, 20)
        chosen = {reason: pick.unit for pick in reversed(picks) for reason in pick.reason.split(", ")}
        sure = found.by_certainty()
        base = f"layers/{LAYER}/ablation/zero"
        p = store.experiment("statistics")[f"{base}/max_drop_p"]
        assert p[chosen["surest loss"]] == p.min()
        assert {chosen["surest loss"], chosen["sure loss"]} <= set(sure)
        assert chosen["dead"] == 7
        assert chosen["most redundant"] == 1
        firing = [unit for unit in range(7) if (layer.activation(unit).max > 0).sum() >= 60]
        selectivity = layer.measures["class_selectivity"].values
        assert selectivity[chosen["most selective"]] == max(selectivity[unit] for unit in firing)
        general = [unit for unit in range(8) if found.is_general(unit)]
        losing = (layer.ablation("zero").drop > 0).sum(axis=1)
        assert general
        assert losing[chosen["most general"]] == max(losing[unit] for unit in general)


def test_a_unit_is_not_selective_for_being_the_most_selective_of_many(path, tmp_path):
    copy = shutil.copyfile(path, tmp_path / "demo.h5")
    with h5py.File(copy, "r+") as file:
        file[f"/layers/{LAYER}/measure/class_selectivity_p"] = np.array([0.04] + 6 * [0.5] + [np.nan], "f4")
    with open_store(copy) as store:
        found = verdicts_of(store, store.layer(LAYER), "zero")
        picks = notable_units(store, store.layer(LAYER), "zero", found, 20)
        reasons = {reason for pick in picks for reason in pick.reason.split(", ")}
    assert not reasons & {"most selective", "selective"}


def test_there_are_as_many_units_as_there_is_room_for_and_none_is_shown_twice(path):
    with open_store(path) as store:
        layer = store.layer(LAYER)
        found = verdicts_of(store, layer, "zero")
        for n in (1, 3, 6, 20):
            chosen = notable_units(store, layer, "zero", found, n)
            assert len(chosen) == len({pick.unit for pick in chosen})
            assert len(chosen) == n or n == 20


def test_a_unit_that_is_notable_for_two_reasons_is_shown_once_with_both(path):
    with open_store(path) as store:
        layer = store.layer(LAYER)
        [most_redundant] = np.flatnonzero(layer.measures["redundancy"].values == 5)
        found = verdicts_of(store, layer, "zero")
        layer.measures["redundancy"].values[most_redundant] = 0
        surest = found.by_certainty()[0]
        layer.measures["redundancy"].values[surest] = 5
        first = notable_units(store, layer, "zero", found, 20)[0]
    assert first.unit == surest
    assert {"surest loss", "most redundant"} <= {*first.reason.split(", ")}
    assert first.value.endswith("like 5 others")


@pytest.mark.parametrize("tested", [True, False], ids=["with statistics", "without"])
def test_the_overview_explains_every_word_on_its_tiles(path, runs, show, tmp_path, tested):
    if tested:
        shutil.copyfile(path, runs / "demo.h5")
    else:
        made = make_store(tmp_path / "made.h5", Recipe(per_class=60, layers=((LAYER, 8, (5, 5)),)))
        shutil.copyfile(made, runs / "demo.h5")
    with open_store(runs / "demo.h5") as store:
        layer = store.layer(LAYER)
        picks = notable_units(store, layer, "zero", verdicts_of(store, layer, "zero"), 20)
        reasons = {reason for pick in picks for reason in pick.reason.split(", ")}
    terms = re.findall("<tr><td>(.*?)</td>", show("overview", store="demo").words)
    explained = {word for term in terms for word in term.split(", ")}
    assert ("large drop" in reasons) is not tested
    assert reasons <= explained


def test_the_overview_and_the_layer_say_the_same_of_a_unit(path, runs, show):
    shutil.copyfile(path, runs / "demo.h5")
    said = {}
    for page in ("overview", "layer"):
        tiles = json.loads(show(page, store="demo", layer=LAYER).tiles()[0].proto.json)["tiles"]
        said[page] = {tile["target"]: (tile["drive"], tile["verdict"]) for tile in tiles}
    assert said["overview"]
    assert all(said["layer"][unit] == words for unit, words in said["overview"].items())
    assert any(words["told"] for _, words in said["layer"].values() if words)


def test_a_tile_says_both_meanings_of_what_a_unit_sees_where_they_differ(path, runs, show):
    with h5py.File(shutil.copyfile(path, runs / "demo.h5"), "r+") as file:
        label = file["/images/label"][...]
        best = int(np.bincount(label[file[f"/layers/{LAYER}/exemplar/top/image"][0]]).argmax())
        other = (best + 5) % 12
        for name in ("mean", "positive_mean"):
            if name in file[f"/layers/{LAYER}/activation"]:
                file[f"/layers/{LAYER}/activation/{name}"][0] = np.where(label == other, 9.0, 1.0)
        titles = file["/classes/title"].asstr()[...]
    strongest, average = _tile(show, 0)["drive"]
    assert strongest["verb"] == "strongest"
    assert strongest["text"].endswith(f" of 9 {titles[best]}")
    assert average == {"verb": "on average", "text": titles[other]}


@pytest.mark.parametrize(("n_alike", "said"), [(2, "{} or {}"), (12, "a class, not settled which")])
def test_a_tile_names_no_class_alone_that_the_images_do_not_settle(path, runs, show, n_alike, said):
    with h5py.File(shutil.copyfile(path, runs / "demo.h5"), "r+") as file:
        label, rng = file["/images/label"][...], np.random.default_rng(0)
        order = np.argsort(rng.random(len(label)))
        for name in ("mean", "positive_mean"):
            if name in file[f"/layers/{LAYER}/activation"]:
                values = np.zeros(len(label))
                for c in range(n_alike):
                    mine = order[label[order] == c]
                    values[mine] = np.linspace(1, 3, len(mine))
                file[f"/layers/{LAYER}/activation/{name}"][0] = values
        titles = sorted(file["/classes/title"].asstr()[...][:2])
    (drive,) = _tile(show, 0)["drive"]
    assert drive["verb"] == "sees"
    assert " or ".join(sorted(drive["text"].split(" or "))) == said.format(*titles)


def _tile(show, unit):
    return json.loads(show("layer", store="demo", layer=LAYER, sort="unit").tiles()[0].proto.json)["tiles"][unit]
