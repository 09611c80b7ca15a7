"""What the pages say where a store holds the statistics of its drops."""

import json
import shutil

import h5py
import numpy as np
import pytest

from explorer.drop_test import CALLED, of_unit
from explorer.experiments.statistics import by_chance_among
from precompute.__main__ import main
from precompute.store.reader import open_store
from tests.explorer.conftest import FULL
from tests.factory import Recipe, make_store

LAYER = "features.10"
MANY = Recipe(per_class=60, layers=FULL.layers)
POOR = Recipe(per_class=FULL.per_class, layers=FULL.layers, n_empty=2)
THOUSAND = Recipe(n_classes=1000, per_class=2, layers=(("layer4", 8, (7, 7)),))


@pytest.fixture(scope="module")
def tell(tmp_path_factory):
    """Make a store with statistics and correlations of one layer, each once."""
    folder = tmp_path_factory.mktemp("told")

    def made(name, recipe, layer=LAYER):
        path = folder / f"{name}.h5"
        if not path.exists():
            make_store(path, recipe)
            for experiment in ("statistics", "correlations"):
                assert main(["experiment", experiment, str(path), "--layer", layer]) == 0
        return path

    return made


@pytest.fixture
def told(tell, runs):
    """A path to a store with statistics among the app's, and the same, open."""
    path = shutil.copyfile(tell("many", MANY), runs / "demo.h5")
    with open_store(path) as store:
        yield store


def sure(store, layer=LAYER, kind="zero"):
    """The unit with the lowest p-value."""
    return int(np.argmin(store.experiment("statistics")[f"layers/{layer}/ablation/{kind}/max_drop_p"]))


@pytest.mark.parametrize(("n_called", "said"), [(0, ""), (6, "about 0.3 of"), (25, "about 1 of"), (512, "about 26 of")])
def test_how_many_units_may_be_called_by_chance_is_a_plain_number(n_called, said):
    assert said in by_chance_among(n_called)
    assert bool(by_chance_among(n_called)) == bool(n_called)


# The unit page


@pytest.mark.parametrize("kind", ["zero", "mean"])
def test_the_headline_is_the_drop_to_quote_or_its_interval(told, show, kind):
    units = np.flatnonzero(~np.isnan(told.experiment("statistics")[f"layers/{LAYER}/ablation/{kind}/quoted_low"]))
    assert len(units)
    found = of_unit(told, LAYER, kind, units[0])
    said = show("unit", store="demo", layer=LAYER, unit=str(units[0]), ablation=kind).said
    title, tally = told.classes.title[found.named[0]], f"{found.lost} of {found.n_images} images"
    assert found.q <= CALLED
    assert f"{tally} of {title} are lost, {found.gained} gained" in said
    assert "(95 % interval: between" in said
    if np.isnan(found.drop):
        assert f"{title}</b> loses <b>{tally}</b>." in said
        assert "Only an interval is given" in said
    else:
        assert f"{title}</b> loses about <b>{100 * found.drop:.0f} points</b>." in said


def test_statistics_of_an_earlier_version_are_said_to_be(tell, runs, show):
    with h5py.File(shutil.copyfile(tell("many", MANY), runs / "demo.h5"), "r+") as file:
        held = file[f"/experiments/statistics/layers/{LAYER}/ablation/zero"]
        for name in [name for name in held if name.startswith(("quoted", "named", "overall", "certainty"))]:
            del held[name]
    add = f"python -m precompute experiment statistics {runs / 'demo.h5'}"
    assert add in show("unit", store="demo", layer=LAYER).said
    shown = show("experiments", store="demo", experiment="statistics", layer=LAYER)
    assert "An earlier version made this" in shown.words
    assert show("layer", store="demo", layer=LAYER).said


def test_what_can_be_found_is_computed_for_this_layer(told, show):
    share = told.experiment("statistics")[f"layers/{LAYER}/ablation/zero/found_share"]
    drop = told.experiment("statistics")[f"layers/{LAYER}/ablation/zero/true_drop"]
    said = show("experiments", store="demo", experiment="statistics", layer=LAYER).words
    middle = float(share[np.abs(drop - 0.16).argmin()])
    assert f"16 points in {100 * middle:.0f} %" in said or not 0.01 <= middle <= 0.99


def test_without_statistics_the_page_says_how_to_add_them(made, runs, show):
    path = shutil.copyfile(made("full"), runs / "demo.h5")
    said = show("unit", store="demo", layer=LAYER).said
    assert "loses about" not in said
    assert f"python -m precompute experiment statistics {path}" in said


def test_the_largest_drop_stands_beside_its_noise_level(told, show):
    unit = sure(told)
    ceiling = 100 * told.layer(LAYER).measures["max_class_drop_ceiling"].values[unit]
    shown = show("unit", store="demo", layer=LAYER, unit=str(unit))
    assert f"by chance up to {ceiling:.1f}".removesuffix(".0") in shown.words
    assert "dashed: what the largest drop reaches by chance" in shown.charts()[0].proto.alt
    assert "All measures of this unit" in [box.label for box in shown.app.expander]
    assert "<small>statistics</small>" in shown.words


def test_classes_set_apart_are_named(tell, runs, show):
    path = shutil.copyfile(tell("poor", POOR), runs / "demo.h5")
    with open_store(path) as store:
        titles = [store.classes.title[index] for index in store.experiment("statistics")["set_apart"].nonzero()[0]]
    assert len(titles) == 2
    for page in ("unit", "experiments"):
        said = show(page, store="demo", experiment="statistics", layer=LAYER).words
        assert "The tests leave out 2 classes" in said
        assert all(title in said for title in titles)


# The layer page


def test_the_layer_says_how_many_units_are_sure(told, show):
    q = told.experiment("statistics")[f"layers/{LAYER}/ablation/zero/max_drop_q"]
    n_sure = int((q <= CALLED).sum())
    assert n_sure > 0
    assert f"<b>{n_sure} of them</b>" in show("layer", store="demo", layer=LAYER).said


def test_a_plot_of_the_largest_drop_has_the_noise_in_it_and_others_have_not(told, show):
    plot = show("layer", store="demo", layer=LAYER, y="max_class_drop").charts()[0].proto.spec
    assert '"by chance, 95 %"' in plot
    plot = show("layer", store="demo", layer=LAYER, y="l1_norm").charts()[0].proto.spec
    assert "by chance" not in plot


def test_the_table_begins_with_the_main_measures_and_can_show_all(told, show):
    shown = show("layer", store="demo", layer=LAYER)
    columns = list(shown.app.dataframe[0].value)
    assert columns[0] == "unit"
    assert [name for name in columns if name.startswith("quoted")] == [
        "quoted_drop_class",
        "quoted_drop_low",
        "quoted_drop_high",
    ]
    assert "max_class_drop_p" not in columns
    shown.app.selectbox(key="columns").set_value("all").run()
    assert "max_class_drop_p" in list(shown.app.dataframe[0].value)
    shown.app.selectbox(key="columns").set_value("statistics").run()
    assert "l1_norm" not in list(shown.app.dataframe[0].value)
    assert shown.app.query_params["columns"] in ("statistics", ["statistics"])


def test_p_values_are_no_points_and_their_lowest_come_first(told, show):
    shown = show("layer", store="demo", layer=LAYER, y="max_class_drop_p", sort="max_class_drop_p")
    assert '"title": "Largest class drop: p"' in shown.charts()[0].proto.spec
    tiles = json.loads(shown.tiles()[0].proto.json)["tiles"]
    assert tiles[0]["target"] == sure(told)
    assert " pt" not in tiles[0]["value"]


# The experiments


def test_the_statistics_draw_every_unit_beside_its_noise(told, show):
    shown = show("experiments", store="demo", experiment="statistics", layer=LAYER)
    q = told.experiment("statistics")[f"layers/{LAYER}/ablation/zero/max_drop_q"]
    assert f"<b>{(q <= CALLED).sum()} of {len(q)} units</b>" in shown.words
    assert '"by chance, 95 %"' in shown.charts()[0].proto.spec
    table = shown.app.dataframe[0].value
    assert table["q"].is_monotonic_increasing
    assert sorted(table["unit"]) == list(range(len(q)))


def test_the_correlations_show_both_drops_and_the_numbers_of_one(told, show):
    shown = show("experiments", store="demo", experiment="correlations", layer=LAYER)
    spec = shown.charts()[0].proto.spec
    assert '"Overall drop"' in spec
    assert '"Largest class drop"' in spec
    base = f"layers/{LAYER}/ablation/zero"
    held = told.experiment("correlations")
    row = held[f"{base}/measure"].tolist().index("l1_norm")
    shown.app.segmented_control(key="experiment_choice").set_value("max_class_drop").run()
    table = shown.app.dataframe[0].value.set_index("label")
    assert table.loc["L1 norm", "spearman"] == pytest.approx(held[f"{base}/spearman"][row, 1])
    assert "Largest class drop" not in table.index


@pytest.mark.parametrize(("experiment", "n_charts"), [("statistics", 1), ("correlations", 0)])
def test_a_thousand_classes_show_and_two_living_units_have_no_correlation(experiment, n_charts, tell, runs, show):
    shutil.copyfile(tell("thousand", THOUSAND, "layer4"), runs / "demo.h5")
    shown = show("experiments", store="demo", experiment=experiment)
    assert len(shown.charts()) == n_charts
    assert ("there is nothing to correlate" in shown.words) == (n_charts == 0)
    assert "us-alert" not in shown.words
