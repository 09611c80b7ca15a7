"""A click on a unit opens it in the layer that is shown, whatever layer the URL names."""

import io
import re
from pathlib import Path

import h5py
import pandas as pd
import pytest
import streamlit as st

from explorer import navigate
from precompute.__main__ import main
from tests.explorer import test_dissection_page, test_entropy_page, test_roles_page
from tests.explorer.conftest import FULL, put
from tests.explorer.test_literal import rename
from tests.factory import make_store

ROOT = Path(__file__).parents[2]
SHOWN = "features.10"


@pytest.fixture
def opened(monkeypatch):
    """Click each figure and table as it is drawn, on the third unit or the first cell; return what that opens."""
    found = {}

    def clicked(draw, selection):
        def instead(*given, key=None, on_select=None, **words):
            if not callable(on_select):
                return draw(*given, key=key, **words)
            st.session_state[key] = {"selection": selection}
            monkeypatch.setattr(navigate, "go", lambda page, chosen: found.update({key: (page, chosen)}))
            return on_select()

        return instead

    monkeypatch.setattr(st, "vega_lite_chart", clicked(st.vega_lite_chart, {"pick": [{"unit": 2.0}]}))
    monkeypatch.setattr(st, "dataframe", clicked(st.dataframe, {"cells": [(0, "unit")]}))
    return found


@pytest.fixture(scope="module")
def with_statistics(tmp_path_factory):
    path = make_store(tmp_path_factory.mktemp("opening") / "store.h5", FULL)
    assert main(["experiment", "statistics", str(path), "--layer", SHOWN]) == 0
    return path


@pytest.fixture
def of_one_layer(made, runs, with_statistics):
    """A function that puts a store into the app whose experiment knows one layer, not the one that a URL leads to."""

    def prepare(experiment):
        path = put(with_statistics if experiment == "statistics" else made("full"), runs)
        if experiment == "entropy":
            test_entropy_page.add(path, test_entropy_page.found())
        elif experiment == "roles":
            test_roles_page.add(path)
        elif experiment == "dissection":
            test_dissection_page.add_dissection(path)

    return prepare


@pytest.mark.parametrize(("experiment", "places"), [("entropy", 1), ("roles", 2), ("dissection", 2), ("statistics", 2)])
def test_a_click_on_an_experiments_page_opens_the_unit_of_the_layer_shown(
    experiment, places, of_one_layer, show, opened
):
    of_one_layer(experiment)
    words = show("experiments", store="demo", experiment=experiment, layer="classifier.1").words
    assert f"Not carried out on classifier.1; {SHOWN} is shown." in words
    assert len(opened) == places
    assert {(page, chosen.layer) for page, chosen in opened.values()} == {(navigate.UNIT, SHOWN)}


def test_a_click_in_the_figure_opens_that_unit(of_one_layer, show, opened):
    of_one_layer("entropy")
    show("experiments", store="demo", experiment="entropy")
    assert [chosen.unit for _, chosen in opened.values()] == [2]


@pytest.mark.parametrize("page", ["experiments", "layer"])
def test_a_click_on_a_class_in_a_table_opens_the_class_and_one_on_a_dash_the_unit(
    page, with_statistics, runs, show, monkeypatch
):
    put(with_statistics, runs)
    went = []
    monkeypatch.setattr(navigate, "go", lambda page, chosen: went.append((page, chosen)))
    draw = st.dataframe

    def clicked(frame, *given, key=None, on_select=None, **words):
        drawn = draw(frame, *given, key=key, **words)
        column = "title" if page == "experiments" else "selective_class"
        for place, title in enumerate(frame[column]):
            st.session_state[key] = {"selection": {"cells": [(place, column)]}}
            on_select()
            where, chosen = went.pop()
            if title == "–":
                assert (where, chosen.unit) == (navigate.UNIT, frame["unit"].iloc[place])
            else:
                assert (where, chosen.label) == (navigate.CLASS, title.replace(" ", "_"))
            seen.append(title)
        return drawn

    seen = []
    monkeypatch.setattr(st, "dataframe", clicked)
    show(page, store="demo", layer=SHOWN, experiment="statistics")
    assert len(set(seen) - {"–"}) > 1


def test_a_click_on_a_role_opens_the_unit_under_the_same_kind_of_ablation(of_one_layer, show, opened):
    of_one_layer("roles")
    show("experiments", store="demo", experiment="roles", choice="mean")
    assert {chosen.ablation for _, chosen in opened.values()} == {"mean"}


def test_a_click_on_the_layers_page_opens_a_unit_of_that_layer(made, runs, show, opened):
    put(made("full"), runs)
    show("layer", store="demo", layer="features.8")
    assert len(opened) == 2
    assert {(page, chosen.layer) for page, chosen in opened.values()} == {(navigate.UNIT, "features.8")}


@pytest.mark.parametrize(
    ("way", "place"),
    [
        (r"go\((navigate\.)?UNIT", "navigate.py"),
        (r"st\.(dataframe|table|data_editor)\(", "widgets/number_table.py"),
    ],
)
def test_units_are_opened_and_tables_shown_in_one_place_only(way, place):
    ways = [path for path in ROOT.glob("explorer/**/*.py") if re.search(way, path.read_text("utf-8"))]
    assert ways == [ROOT / "explorer" / place]


def test_a_table_of_classes_that_are_formulas_leaves_as_text(with_statistics, runs, show, monkeypatch):
    with h5py.File(put(with_statistics, runs), "r+") as file:
        titles = [f"={index}+1" for index in range(len(file["/classes/title"]))]
        rename(file, "/classes/title", titles)
    files = {}
    monkeypatch.setattr(st, "download_button", lambda label, make, **given: files.update({given["file_name"]: make}))
    show("experiments", store="demo", layer=SHOWN, experiment="statistics")
    [table] = [make() for name, make in files.items() if name == f"demo-statistics-{SHOWN}-zero.csv"]
    named = pd.read_csv(io.StringIO(table))["title"].dropna()
    assert {title.removeprefix("'=").removesuffix("+1").isdigit() for title in set(named) - {"–"}} == {True}
