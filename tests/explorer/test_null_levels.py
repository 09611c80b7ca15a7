"""What chance makes of measures, beside every maximum and every entropy that is shown."""

import json
import shutil

import h5py
import numpy as np
import pytest

from explorer.format import significant
from explorer.null_levels import level_words, null_level_of
from precompute.__main__ import main
from precompute.measures.table import measure_row
from precompute.store.reader import open_store
from tests.explorer.conftest import FULL, add_experiment, put
from tests.factory import make_store

LAYER = "features.10"
BASE = f"layers/{LAYER}"
N_UNITS, N_CLASSES = 6, 12
SHUFFLED = ("class_selectivity", "class_selectivity_held_out", "one_against_rest", "precision_at_k")


def add_measures(path, **values):
    with h5py.File(path, "r+") as file:
        for name, each in values.items():
            file[f"/layers/{LAYER}/measure/{name}"] = each.astype("f4")
            file[f"/layers/{LAYER}/measure/{name}"].attrs.update(measure_row(name).facts())


@pytest.fixture(scope="module")
def told_path(tmp_path_factory):
    """A store with selectivity as the command line makes it, and made-up entropies, overlaps and correlations."""
    path = make_store(tmp_path_factory.mktemp("told") / "store.h5", FULL)
    assert main(["experiment", "selectivity", str(path)]) == 0
    shuffled = np.linspace(1.0, 3.0, N_UNITS * N_CLASSES).reshape(N_UNITS, N_CLASSES)
    shuffled[:, 4] = np.nan
    add_experiment(path, "entropy", {f"{BASE}/shuffled_mean": shuffled})
    overlap = np.array([[0.01, 0.02, 0.05, 0.01, 0.0, np.nan], [0.02, 0.01, 0.07, 0.02, 0.0, np.nan]])
    add_experiment(path, "dissection", {f"{BASE}/chance": overlap, "concept": ["red"], "category": ["colour"]})
    rising = np.linspace(0.1, 0.9, N_UNITS)
    add_measures(path, feature_entropy=3 * rising, concept_iou=rising, class_correlation=rising)
    return path


@pytest.fixture
def told(told_path, runs):
    """A path to it among the app's, and the same, open."""
    with open_store(shutil.copyfile(told_path, runs / "demo.h5")) as store:
        yield store


def ceiling(store, name, unit):
    """What 95 of 100 shuffles of the labels keep a measure below."""
    held = store.experiment("selectivity")
    return float(held[f"{BASE}/chance/ceiling"][unit, held[f"{BASE}/chance/measure"].tolist().index(name)])


@pytest.mark.parametrize("name", SHUFFLED)
def test_maxima_over_classes_stand_beside_shuffled_labels(told, name):
    found = null_level_of(told, told.layer(LAYER), name)
    np.testing.assert_allclose(found.level.values, [ceiling(told, name, unit) for unit in range(N_UNITS)])
    assert (
        level_words(told, told.layer(LAYER), name, 2)
        == f"by chance up to {significant(ceiling(told, name, 2), 2)} (95 %)"
    )


def test_the_entropy_of_shuffled_maps_is_a_mean_over_the_classes_that_have_images(told):
    shuffled = told.experiment("entropy")[f"{BASE}/shuffled_mean"]
    for unit, level in enumerate(null_level_of(told, told.layer(LAYER), "feature_entropy").level.values):
        of_class = [float(shuffled[unit, c]) for c in range(N_CLASSES) if c != 4]
        assert level == pytest.approx(sum(of_class) / len(of_class))
    assert level_words(told, told.layer(LAYER), "feature_entropy", 0) == "own maps shuffled: 1.2 on average"


def test_overlaps_with_concepts_stand_beside_the_highest_of_the_shuffles(told):
    level = null_level_of(told, told.layer(LAYER), "concept_iou").level.values
    np.testing.assert_allclose(level, [0.02, 0.02, 0.07, 0.02, 0.0, np.nan])
    assert level_words(told, told.layer(LAYER), "concept_iou", 5) == ""


def test_the_mean_of_shuffled_entropies_has_its_range(told_path, tmp_path):
    path = shutil.copyfile(told_path, tmp_path / "store.h5")
    ends = {f"{BASE}/shuffled_mean_low": np.full(N_UNITS, 1.0), f"{BASE}/shuffled_mean_high": np.full(N_UNITS, 1.5)}
    with h5py.File(path, "r+") as file:
        for name, values in ends.items():
            file[f"/experiments/entropy/{name}"] = values.astype("f4")
    with open_store(path) as store:
        assert (
            level_words(store, store.layer(LAYER), "feature_entropy", 0)
            == "own maps shuffled: 1.2 on average, 1.0 to 1.5"
        )


def test_class_correlation_stands_beside_the_highest_of_its_shuffles(told_path, tmp_path):
    path = shutil.copyfile(told_path, tmp_path / "store.h5")
    add_experiment(path, "responses", {f"{BASE}/shuffled_highest": np.linspace(0.1, 0.2, N_UNITS)})
    with open_store(path) as store:
        assert level_words(store, store.layer(LAYER), "class_correlation", 0) == "by chance up to 0.10 (95 %)"


def test_a_maximum_without_a_level_says_so(told):
    assert level_words(told, told.layer(LAYER), "class_correlation", 0) == "by chance not known"


def test_other_measures_and_other_layers_have_no_level(told):
    assert null_level_of(told, told.layer(LAYER), "l1_norm") is None
    assert null_level_of(told, told.layer("features.8"), "feature_entropy") is None


def test_a_store_without_experiments_has_none(full_store):
    assert null_level_of(full_store, full_store.layer(LAYER), "class_selectivity") is None


def test_the_card_and_the_table_of_a_unit_say_what_chance_gives(told, show):
    said = show("unit", store="demo", layer=LAYER, unit="2").words
    cards, table = said.split('<dl class="us-measures">')[1].split("us-list")
    assert f"by chance up to {significant(ceiling(told, 'class_selectivity', 2), 2)} (95 %)" in cards
    for name in ("one_against_rest", "precision_at_k"):
        assert f"<td>up to {significant(ceiling(told, name, 2), 2)} (95 %)</td>" in table
    assert f"<td>{level_words(told, told.layer(LAYER), 'feature_entropy', 2)}</td>" in table
    assert "<td>not known</td>" in table


def test_plots_draw_the_level_of_either_axis(told, show):
    shown = show("layer", store="demo", layer=LAYER, x="one_against_rest", y="feature_entropy")
    drawn = [layer["mark"] for layer in json.loads(shown.charts()[0].proto.spec)["layer"]]
    assert [mark.get("orient") for mark in drawn] == ["vertical", "horizontal", None]
    where = "upright for the measure across (by chance, 95 %), flat for the measure up (own maps shuffled, mean)"
    assert f"A grey dash marks what chance alone gives each unit, {where}." in shown.words
    shown = show("layer", store="demo", layer=LAYER, x="l1_norm", y="flip_rate")
    assert "grey dash" not in shown.words


def test_the_table_of_a_layer_has_the_level_beside_the_measure(told, show):
    table = show("layer", store="demo", layer=LAYER, columns="all").app.dataframe[0].value
    for name in ("class_selectivity", "feature_entropy"):
        at = list(table).index(name)
        assert list(table)[at + 1] == f"{name}_chance"
        np.testing.assert_allclose(table[f"{name}_chance"], null_level_of(told, told.layer(LAYER), name).level.values)


def test_tiles_have_the_level_in_their_hint(told, show):
    tiles = json.loads(show("layer", store="demo", layer=LAYER, sort="feature_entropy").tiles()[0].proto.json)["tiles"]
    assert tiles[0]["hint"] == "Feature entropy: 0.30; own maps shuffled: 1.2 on average"


def test_without_the_experiment_the_pages_stand_as_they_were(made, runs, show):
    put(made("full"), runs)
    assert "by chance up to" not in show("unit", store="demo", layer=LAYER).words
