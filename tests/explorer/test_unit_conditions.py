"""Units are found that meet all conditions, and only text that means something is a condition."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from explorer.labels import Label
from explorer.unit_conditions import Condition, met, read, with_condition, write
from explorer.unit_criteria import (
    LABEL,
    LABELLED,
    NEEDED,
    SATURATED,
    UNITS,
    InRange,
    Listed,
    Searched,
    criteria_of,
    range_of,
)
from precompute.__main__ import main
from precompute.store.reader import open_store
from tests.explorer.conftest import FULL, put
from tests.factory import Recipe, as_if_written, make_store

LAYER = "features.10"
TESTED = Recipe(n_classes=4, per_class=60, layers=((LAYER, 6, (5, 5)),), seed=3)


@pytest.fixture
def layer(full_store):
    return full_store.layer(LAYER)


@pytest.fixture(scope="module")
def tested(tmp_path_factory):
    """A store with units that a class needs beyond chance, and the statistics that say so."""
    path = make_store(tmp_path_factory.mktemp("tested") / "tested.h5", TESTED)
    assert main(["experiment", "statistics", str(path)]) == 0
    with open_store(path) as store:
        yield store


def found(conditions, store, layer, labels=()):
    return set(
        np.flatnonzero(met(conditions, criteria_of(Searched(store, layer, "zero", labels)), layer.n_units)).tolist()
    )


def in_range(name, least, most):
    return Condition(name, range_of(least, most))


def test_a_range_keeps_units_between_its_ends_and_none_without_a_value(full_store, layer):
    values = layer.measures["class_selectivity"].values
    least, most = sorted(np.round(values[:2].astype(float), 6))
    expected = {unit for unit, value in enumerate(values) if least <= float(f"{value:.6g}") <= most}
    assert found([in_range("class_selectivity", least, most)], full_store, layer) == expected
    assert len(expected) >= 2
    every = {unit for unit, value in enumerate(values) if not np.isnan(value)}
    assert found([in_range("class_selectivity", None, None)], full_store, layer) == every


def test_ranges_of_drops_are_in_points_as_on_the_screen(full_store, layer):
    drop = layer.measures["max_class_drop"].values
    end = float(np.nanmedian(drop)) * 100
    expected = {unit for unit, value in enumerate(drop) if float(f"{100 * value:.6g}") >= float(f"{end:.6g}")}
    assert found([in_range("max_class_drop", end, None)], full_store, layer) == expected
    assert 0 < len(expected) < layer.n_units


def test_a_class_keeps_the_units_that_it_names(full_store, layer):
    index = layer.measures["selective_class"].values
    wanted = int(index[~np.isnan(index)][0])
    name = full_store.classes.name[wanted]
    expected = {unit for unit, value in enumerate(index) if value == wanted}
    assert found([Condition("selective_class", name)], full_store, layer) == expected


@pytest.mark.parametrize(("asked", "value"), [("yes", 1), ("no", 0)])
def test_yes_and_no_divide_the_units(full_store, layer, asked, value):
    expected = set(np.flatnonzero(layer.measures["dead"].values == value).tolist())
    assert found([Condition("dead", asked)], full_store, layer) == expected


def test_a_class_that_needs_a_unit_is_one_that_the_test_tells(tested):
    layer = tested.layers[-1]
    group = tested.experiment("statistics")
    q, named = (group[f"layers/{LAYER}/ablation/zero/{part}"] for part in ("max_drop_q", "named_class"))
    expected = [
        {unit for unit in range(layer.n_units) if q[unit] <= 0.05 and label in named[unit].tolist()}
        for label in range(len(tested.classes))
    ]
    assert any(expected)
    for label, name in enumerate(tested.classes.name):
        assert found([Condition(NEEDED, name)], tested, layer) == expected[label]


def test_no_class_can_be_said_to_need_a_unit_where_nothing_was_tested(full_store, layer):
    assert NEEDED not in criteria_of(Searched(full_store, layer, "zero"))
    text = write([Condition(NEEDED, full_store.classes.name[0])])
    assert [len(part) for part in read(text, criteria_of(Searched(full_store, layer, "zero")))] == [0, 1]


def test_all_conditions_hold_together(full_store, layer):
    one, other = in_range("l1_norm", None, 30), Condition("dead", "no")
    both = found([one, other], full_store, layer)
    assert both == found([one], full_store, layer) & found([other], full_store, layer)


def test_every_choice_can_be_written_and_read_again(full_store, layer):
    criteria = criteria_of(Searched(full_store, layer, "zero", [Label(LAYER, 1, "ann", "a|b & c=d <script>")]))
    of_their_form = {InRange: "-1.5..2", Listed: "0, 2-4"}
    for name, criterion in criteria.items():
        condition = Condition(name, of_their_form.get(type(criterion)) or criterion.answers[-1])
        assert read(write([condition]), criteria) == ([condition], [])


def test_numbers_keep_the_units_that_they_name(full_store, layer):
    assert found([Condition(UNITS, "0, 2-4")], full_store, layer) == {0, 2, 3, 4}


LABELS = [
    Label(LAYER, 1, "ann", "Ship  hull"),
    Label(LAYER, 1, "bob", "water"),
    Label(LAYER, 4, "bob", "ship hull"),
    Label("features.0", 2, "ann", "edge"),
    Label(LAYER, 999, "ann", "of a unit that there is not"),
]


def test_labels_keep_the_units_that_some_rater_calls_so_whatever_the_capitals(full_store, layer):
    assert found([Condition(LABEL, "ship hull")], full_store, layer, LABELS) == {1, 4}
    assert found([Condition(LABEL, "water")], full_store, layer, LABELS) == {1}
    assert found([Condition(LABELLED, "no")], full_store, layer, LABELS) == {0, 2, 3, 5}


def test_only_labels_of_the_layer_can_be_asked_for(full_store, layer):
    assert criteria_of(Searched(full_store, layer, "zero", LABELS))[LABEL].answers == ["ship hull", "water"]
    assert LABEL not in criteria_of(Searched(full_store, layer, "zero", LABELS[3:4]))


def test_a_unit_is_saturated_whose_strongest_images_share_a_value_that_its_weakest_lacks(tmp_path):
    path = make_store(tmp_path / "clipped.h5", Recipe(n_classes=3, layers=((LAYER, 3, (5, 5)),)))
    with as_if_written(path) as file:
        strongest, weakest = (file[f"layers/{LAYER}/exemplar/{kind}/value"] for kind in ("top", "bottom"))
        n_images = strongest.shape[1]
        strongest[...] = [[6.0] * n_images, [2.0] * n_images, np.linspace(3, 2, n_images)]
        weakest[...] = [[1.0] * n_images, [2.0] * n_images, np.linspace(0, 1, n_images)]
    with open_store(path) as store:
        assert found([Condition(SATURATED, "yes")], store, store.layer(LAYER)) == {0}
        assert found([Condition(SATURATED, "no")], store, store.layer(LAYER)) == {1, 2}


def test_a_condition_takes_the_place_of_the_one_before_it():
    text = write([Condition(UNITS, "1"), Condition("dead", "no")])
    assert with_condition(text, Condition(UNITS, "2, 3")) == write([Condition("dead", "no"), Condition(UNITS, "2, 3")])
    assert with_condition(None, Condition(UNITS, "2")) == "units=2"


@given(text=st.text() | st.from_regex(r"[a-z_1]+=[-0-9a-z.]*(&[a-z_1]+=.*)?", fullmatch=True))
def test_no_text_breaks_it(full_store, text):
    layer = full_store.layer(LAYER)
    criteria = criteria_of(Searched(full_store, layer, "zero"))
    conditions, problems = read(text, criteria)
    met(conditions, criteria, layer.n_units)
    assert all("means nothing here" in problem for problem in problems)


@pytest.mark.parametrize(
    "text",
    [
        "class_selectivity=0.3",
        "class_selectivity=a..b",
        "class_selectivity=nan..",
        "dead=perhaps",
        "needed_by=nobody",
        "units=3-1",
        "units=",
    ],
)
def test_what_means_nothing_is_told(full_store, layer, text):
    conditions, problems = read(text, criteria_of(Searched(full_store, layer, "zero")))
    assert conditions == []
    assert len(problems) == 1


def test_the_layer_page_shows_the_units_found_alone(made, runs, show, full_store):
    put(made("full", FULL), runs)
    layer = full_store.layer(LAYER)
    values = layer.measures["l1_norm"].values
    middle = float(np.median(values))
    expected = [unit for unit, value in enumerate(values) if float(f"{value:.6g}") >= float(f"{middle:.6g}")]
    page = show("layer", store="demo", layer=LAYER, find=write([in_range("l1_norm", middle, None)]))
    assert f"{len(expected)} units of {layer.n_units} found" in page.words
    assert page.app.dataframe[0].value["unit"].tolist() == expected
    assert "The units found, in numbers" in page.words


def test_where_no_unit_is_found_the_page_says_so(made, runs, show):
    put(made("full", FULL), runs)
    page = show("layer", store="demo", layer=LAYER, find="l1_norm=1e9..")
    assert "None of the 6 units is found. Ask for something else, or take a condition away." in page.words
    assert not page.app.dataframe


@pytest.mark.parametrize(("plot", "says"), [("answer", "answer alike"), ("break", "loss hurts the same classes")])
def test_the_map_of_units_says_how_much_it_shows(made, runs, show, plot, says):
    put(made("full", FULL), runs)
    page = show("layer", store="demo", layer=LAYER, plot=plot)
    assert says in page.words
    assert "of how the units differ, and would show" in page.words


def test_the_map_is_coloured_by_a_measure_or_by_a_class(made, runs, show, full_store):
    put(made("full", FULL), runs)
    page = show("layer", store="demo", layer=LAYER, plot="answer")
    label = int(full_store.layer(LAYER).measures["selective_class"].values[0])
    name, title = full_store.classes.name[label], full_store.classes.title[label]
    page.app.selectbox(key="map_colour").select(f"class {name}").run()
    assert page.app.query_params["class"] in (name, [name])
    assert f"Blue: units with the highest mean activation for {title}." in page.words
    assert f"coloured by whether they answer most to {title}" in page.charts()[0].proto.alt
    page.app.selectbox(key="map_colour").select("class_selectivity").run()
    assert "class" not in page.app.query_params
    assert "coloured by Class selectivity" in page.charts()[0].proto.alt
    assert "Blue:" not in page.words
