"""Presentations of selectivity, class correlation and correlations with drops, on a store that really has them."""

import shutil

import h5py
import numpy as np
import pytest
from streamlit.dataframe_util import convert_arrow_bytes_to_pandas_df

from precompute.__main__ import main
from precompute.measures.detection import best_area_by_chance
from precompute.store.reader import open_store
from tests.explorer.conftest import FULL, add_experiment
from tests.factory import make_store

LAYER = "features.10"
BASE = f"layers/{LAYER}"


@pytest.fixture(scope="module")
def told_path(tmp_path_factory):
    """A store with selectivity and correlations, as the command line makes them, and made-up class correlations."""
    path = make_store(tmp_path_factory.mktemp("told") / "store.h5", FULL)
    for name in ("selectivity", "correlations"):
        assert main(["experiment", name, str(path)]) == 0
    with open_store(path) as store:
        shape = store.layer(LAYER).n_units, len(store.classes)
        n_images = len(store.images)
    table = np.linspace(-0.4, 0.9, shape[0] * shape[1]).reshape(shape)
    halves = np.stack([table.max(axis=1) - 0.1, table.max(axis=1) + 0.05], axis=1)[:, :, None]
    arrays = {"max_correlation": table, "mean_correlation": table / 2, "by_half/value": halves}
    held = {f"{BASE}/{name}": values for name, values in arrays.items()}
    add_experiment(path, "responses", {"half": np.zeros(n_images, dtype="i4"), **held})
    measures = {"class_correlation": table.max(axis=1), "class_correlation_class": table.argmax(axis=1)}
    with h5py.File(path, "r+") as file:
        for name, values in (measures | {"zero_fraction": np.full(shape[0], 0.5)}).items():
            file[f"/layers/{LAYER}/measure/{name}"] = values.astype("f4")
    return path


@pytest.fixture
def told(told_path, runs):
    """A path to it among the app's, and the same, open."""
    with open_store(shutil.copyfile(told_path, runs / "demo.h5")) as store:
        yield store


def rows_of(chart):
    """The rows that a chart draws, each with its columns."""
    tables = [convert_arrow_bytes_to_pandas_df(held.data.data) for held in chart.proto.datasets]
    return [row for table in tables for row in table.to_dict("records")]


@pytest.mark.parametrize("measure", ["class_selectivity", "class_selectivity_held_out", "precision_at_k"])
def test_every_unit_is_drawn_beside_chance(told, show, measure):
    shown = show("experiments", store="demo", experiment="selectivity", layer=LAYER, choice=measure)
    found = told.experiment("selectivity")
    column = found[f"{BASE}/chance/measure"].tolist().index(measure)
    drawn = {row["unit"]: row for row in rows_of(shown.charts()[0])}
    observed = found[f"{BASE}/chance/observed"][:, column]
    assert set(drawn) == set(np.flatnonzero(~np.isnan(observed)))
    for unit, row in drawn.items():
        assert row["value"] == pytest.approx(observed[unit])
        assert row["low"] == pytest.approx(found[f"{BASE}/chance/expected"][unit, column])
        assert row["called"] == (found[f"{BASE}/chance/q"][unit, column] <= 0.05)
    called = (found[f"{BASE}/chance/q"][:, 0] <= 0.05).sum()
    assert f'<td class="us-number">{called} of 5</td>' in shown.words


def test_a_chosen_class_is_what_the_table_is_about(told, show):
    shown = show("experiments", store="demo", experiment="selectivity", layer=LAYER, class_="red_ball")
    chosen = told.classes.name.index("red_ball")
    table = shown.app.dataframe[0].value.set_index("unit")
    auc = told.experiment("selectivity")[f"{BASE}/auc"][:, chosen]
    np.testing.assert_allclose(table["auc"], auc[table.index], atol=1e-6)
    assert (np.diff(table["auc"]) <= 0).all()
    n_of_class = int((told.images.label == chosen).sum())
    ceiling = best_area_by_chance(n_of_class, len(told.images), told.layer(LAYER).n_units)
    assert f"the largest AUC of 6 units stays below {ceiling:.2f} in 95 % of cases" in shown.words


def test_class_correlations_are_drawn_between_their_halves(told, show):
    shown = show("experiments", store="demo", experiment="responses", layer=LAYER)
    assert "so no dot is told from chance" in shown.words
    assert not any(row["called"] for row in rows_of(shown.charts()[0]))
    for row in rows_of(shown.charts()[0]):
        assert row["low"] < row["value"] < row["high"]
    assert shown.app.dataframe[0].value["of_mean"].iloc[0] == pytest.approx(0.45)


def test_correlations_stand_beside_chance_and_are_read_more_carefully(told, show):
    shown = show("experiments", store="demo", experiment="correlations", layer=LAYER)
    base = f"{BASE}/ablation/zero"
    found = told.experiment("correlations")
    row = found[f"{base}/measure"].tolist().index("class_selectivity")
    drawn = {each["panel"]: each for each in rows_of(shown.charts()[0]) if each.get("row") == row}
    assert list(drawn) == ["Overall drop", "Largest class drop", "same flip rate and activity", "different images"]
    assert drawn["Largest class drop"]["null_low"] == pytest.approx(found[f"{base}/chance_low"][row, 1], abs=1e-6)
    assert drawn["different images"]["r"] == pytest.approx(found[f"{base}/disjoint"][row, 1], abs=1e-6)
    said = [each["said"] for each in rows_of(shown.charts()[0]) if each.get("said")]
    assert "chance is as far from its mean in 100 % of cases" in said
    assert not any("e+" in each for each in said)


@pytest.mark.parametrize(("p", "low", "blue"), [(0.01, 0.5, True), (0.3, 0.5, False), (0.01, -0.5, False)])
def test_on_different_images_it_is_blue_beyond_what_coins_give_and_beyond_zero(told_path, runs, show, p, low, blue):
    with h5py.File(shutil.copyfile(told_path, runs / "demo.h5"), "r+") as file:
        for end, value in (("", 0.5), ("_low", low), ("_high", 0.5), ("_chance_p", p)):
            file[f"/experiments/correlations/{BASE}/ablation/zero/disjoint{end}"][...] = value
    shown = show("experiments", store="demo", experiment="correlations", layer=LAYER)
    rows = [each for each in rows_of(shown.charts()[0]) if each.get("panel") == "different images"]
    assert rows
    assert all(each["strong"] is blue for each in rows)


def test_an_older_store_without_coins_claims_nothing_in_the_careful_panels(told_path, runs, show):
    with h5py.File(shutil.copyfile(told_path, runs / "demo.h5"), "r+") as file:
        group = file[f"/experiments/correlations/{BASE}/ablation/zero"]
        for way in ("partial", "disjoint"):
            for end in ("", "_low", "_high", "_p"):
                del group[f"{way}_chance{end}"]
            for end in ("", "_low", "_high"):
                group[f"{way}{end}"][...] = 0.5
    shown = show("experiments", store="demo", experiment="correlations", layer=LAYER)
    rows = [
        each
        for each in rows_of(shown.charts()[0])
        if each.get("panel") in ("same flip rate and activity", "different images")
    ]
    assert rows
    assert not any(each["strong"] for each in rows)
    assert "nothing there is blue" in shown.words


@pytest.mark.parametrize(
    ("reliability", "said"),
    [
        (0.84, "Split-half reliability of the drop over units: 0.84."),
        (0.12, "On other images other units would come first"),
        (np.nan, "It is not known how similar this drop would be on other images"),
    ],
)
def test_how_far_drops_would_be_the_same_on_other_images_is_said(told_path, runs, show, reliability, said):
    with h5py.File(shutil.copyfile(told_path, runs / "demo.h5"), "r+") as file:
        file[f"/experiments/correlations/{BASE}/ablation/zero/target_reliability"][...] = reliability
    assert said in show("experiments", store="demo", experiment="correlations", layer=LAYER).words


def test_the_overall_drop_is_not_drawn_twice(told, show):
    shown = show("experiments", store="demo", experiment="correlations", layer=LAYER, choice="overall_drop")
    panels = {each["panel"] for each in rows_of(shown.charts()[0]) if "panel" in each}
    assert panels == {"Overall drop", "same flip rate and activity", "different images"}


def test_correlations_of_an_earlier_version_are_said_to_lack_chance(told_path, runs, show):
    path = shutil.copyfile(told_path, runs / "demo.h5")
    with h5py.File(path, "r+") as file:
        del file[f"/experiments/correlations/{BASE}/ablation/zero/chance_p"]
    shown = show("experiments", store="demo", experiment="correlations", layer=LAYER)
    assert "An earlier version made this, without chance levels." in shown.words
    assert shown.charts() == []
