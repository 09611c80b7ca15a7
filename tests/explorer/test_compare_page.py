"""Stores beside each other on one page."""

import json
import os
import re
import shutil
from urllib.parse import urlencode

import h5py
import numpy as np
import pandas as pd
import pytest

from explorer import page_registry
from explorer.charts.comparison import Row, correlations, distributions
from explorer.matched_units import matched_units
from explorer.pages.compare import same_images
from precompute.errors import StoreError
from precompute.store.reader import open_store
from tests.explorer.conftest import FULL, THOUSAND, put, truncate
from tests.factory import Recipe

OTHER = Recipe(per_class=FULL.per_class, layers=FULL.layers[:2], seed=9)


@pytest.fixture
def several(made, runs):
    put(made("full"), runs, "plain")
    put(made("other", OTHER), runs, "varied")


def test_stores_of_the_same_images_are_chosen_at_first(several, made, runs, show):
    put(made("fewer", Recipe(per_class=3, layers=FULL.layers)), runs, "fewer images")
    truncate(put(made("full"), runs, "broken"))
    for store, chosen in (("plain", ["plain", "varied"]), ("fewer images", ["fewer images"])):
        assert show("compare", store=store).app.multiselect(key="compared_stores").value == chosen


def drawn(shown):
    return [json.dumps(json.loads(chart.proto.spec)) for chart in shown.charts()]


def test_all_stores_are_set_beside_each_other_layer_by_layer(several, show):
    shown = show("compare", store="plain")
    drops, related = drawn(shown)
    for spec in (drops, related):
        for row in ("plain · features.8", "varied · features.8", "plain · classifier.1"):
            assert json.dumps(row) in spec
    assert "varied · classifier.1" not in shown.words
    rows = [shown.words.index(row) for row in ("plain · features.8", "varied · features.8", "plain · features.10")]
    assert rows == sorted(rows)
    assert "mean by chance" in shown.words


def test_the_reader_chooses_the_stores(several, show):
    shown = show("compare", store="plain")
    shown.app.multiselect(key="compared_stores").set_value(["varied"]).run()
    assert "plain · " not in shown.words
    assert shown.app.query_params["store"] in ("varied", ["varied"])
    shown.app.multiselect(key="compared_stores").set_value(["varied", "plain"]).run()
    assert "plain · features.8" in shown.words
    assert shown.app.query_params["beside"] in ("plain", ["plain"])


@pytest.mark.parametrize("choice", ["overall_drop", "flip_rate", "selectivity"])
def test_other_numbers_of_every_unit_can_be_shown(choice, several, show):
    shown = show("compare", store="plain", choice=choice)
    assert "grey bar" not in shown.words
    assert len(shown.charts()) == 2


def test_a_store_that_is_not_there_is_named(several, show):
    shown = show("compare", store="plain", beside="<b>gone/varied")
    assert "not there: &lt;b&gt;gone" in shown.words
    assert "varied · features.8" in shown.words


def test_a_store_that_cannot_be_used_is_left_out_and_said(several, made, runs, show):
    truncate(put(made("full"), runs, "broken"))
    said = show("compare", store="plain").words
    assert "broken is left out: " in said
    assert "varied · features.8" in said


def test_of_a_folder_of_very_many_stores_the_newest_are_opened(several, runs, show, monkeypatch):
    monkeypatch.setattr(same_images, "MOST_OPENED", 1)
    os.utime(runs / "plain.h5", (10**9, 10**9))
    shown = show("compare", store="varied")
    assert "Of 2 stores in this folder, the newest 1 were looked at" in shown.words
    assert shown.app.multiselect[0].value == ["varied"]


def test_other_images_are_said_to_be_others(several, made, runs, show):
    assert "not of the same images" not in show("compare", store="plain").words
    put(made("thousand", THOUSAND), runs, "thousand")
    assert "not of the same images" in show("compare", store="plain", beside="thousand").words


@pytest.mark.parametrize("page", [page.name for page in page_registry.PAGES])
def test_every_page_leads_here_with_one_store_too(page, made, runs, show):
    put(made("full"), runs, "plain")
    assert "Compare" in [link.proto.label for link in show(page, store="plain").app.get("page_link")]


def test_what_is_chosen_here_does_not_follow_to_the_experiments(several, show):
    links = show("compare", store="plain", choice="selectivity", beside="varied").app.get("page_link")
    assert any(link.proto.label == "Experiments" for link in links)
    assert not any("choice" in link.proto.query_string for link in links)


def test_one_store_alone_says_how_to_make_others(made, runs, show):
    put(made("full"), runs, "plain")
    assert "demo --variants" in show("compare", store="plain").words


# Units matched


def matched_of(path, layer, other, other_layer):
    with open_store(path) as one, open_store(other) as two:
        return matched_units(one, layer, two, other_layer)


def test_the_nearest_layer_of_another_store_is_matched_first(several, show):
    shown = show("compare", store="plain", part="matched", layer="features.8")
    assert [shown.app.selectbox(key=key).value for key in ("match_layer", "match_store", "match_other")] == [
        "features.8",
        "varied",
        "features.8",
    ]
    assert "units of <b>plain · features.8</b> that vary" in shown.words


def test_what_is_said_of_the_matches_is_what_was_found(several, runs, show):
    shown = show("compare", store="plain", part="matched", layer="features.8", against="plain/features.10", unit="2")
    found = matched_of(runs / "plain.h5", "features.8", runs / "plain.h5", "features.10")
    assert f"<b>{int(found.beyond.sum())}</b> have a match in <b>plain · features.10</b> beyond chance" in shown.words
    assert "Unit 2 beside its match" in shown.words
    assert f">Unit {found.found.unit[2]}</a>" in shown.words
    assert "same number" not in shown.words.replace("Units of the same number", "")


def test_the_classes_of_a_unit_and_of_its_match_lead_to_their_pages_each_in_its_store(several, runs, show):
    shown = show("compare", store="plain", part="matched", layer="features.8", against="varied/features.8", unit="2")
    match = matched_of(runs / "plain.h5", "features.8", runs / "varied.h5", "features.8").found.unit[2]
    _, _, cells = shown.words.partition("Preferred class")
    row = cells.partition("</tr>")[0]
    for store, unit in (("plain", 2), ("varied", match)):
        with open_store(runs / f"{store}.h5") as held:
            label = int(held.layer("features.8").measures["selective_class"].values[unit])
            asked = urlencode({"class": held.classes.name[label]})
            title = re.escape(held.classes.title[label])
        assert re.search(rf'href="class\?store={store}&[^"]*{asked}[^"]*">{title}</a>', row)


def test_a_store_beside_its_copy_has_every_unit_matched_by_its_own_number(several, runs, show):
    put(runs / "plain.h5", runs, "copy")
    found = matched_of(runs / "plain.h5", "features.10", runs / "copy.h5", "features.10")
    assert found.n_same == found.known.sum()
    np.testing.assert_allclose(found.found.r[found.known], 1, atol=1e-5)
    shown = show("compare", store="plain", part="matched", layer="features.10", against="copy/features.10")
    assert f"{found.n_same} of {found.n_same}" in shown.words
    assert "1.00 (−1.00 to 1.00)" in shown.words, "five units leave a correlation open"


def test_images_are_found_by_their_path_whatever_their_order(made, tmp_path):
    reversed_ = shutil.copyfile(made("full"), tmp_path / "reversed.h5")
    with h5py.File(reversed_, "r+") as file:
        for name in ("path", "label"):
            file[f"/images/{name}"][...] = file[f"/images/{name}"][()][::-1]
        mean = file["/layers/features.8/activation/mean"]
        mean[...] = mean[()][:, ::-1]
    found = matched_of(made("full"), "features.8", reversed_, "features.8")
    np.testing.assert_allclose(found.found.r[found.known], 1, atol=1e-5)


def test_stores_of_other_images_are_refused(made, tmp_path):
    with pytest.raises(StoreError, match="not of the same images"):
        matched_of(made("full"), "features.8", made("fewer", Recipe(per_class=3, layers=FULL.layers)), "features.8")


def test_one_layer_alone_says_what_a_match_needs(made, runs, show):
    put(made("thousand", THOUSAND), runs, "plain")
    assert (
        "needs a second layer in this store, or another store" in show("compare", store="plain", part="matched").words
    )


def test_a_match_that_cannot_be_is_named(several, show):
    words = show("compare", store="plain", part="matched", against="gone/<b>x").words
    assert "match with “gone/&lt;b&gt;x”" in words


def test_a_hostile_name_of_a_store_is_text_among_the_matches(several, runs, show):
    name = "<b>$x$ [a](b) |"
    put(runs / "varied.h5", runs, name)
    shown = show("compare", store="plain", part="matched", layer="features.8", against=f"{name}/features.8")
    assert "&lt;b&gt;$x$ [a](b) | · features.8" in shown.words
    assert "<b>$x$" not in shown.words


# Charts


def test_circles_hold_every_unit_and_bars_the_means():
    rng = np.random.default_rng(0)
    rows = [Row("a · x", "a", rng.normal(2, 1, 300), 1.5), Row("b · x", "b", np.r_[np.nan, 1.0, 1.0], np.nan)]
    spec = distributions(rows, "largest class drop, points").to_dict()
    data = spec["datasets"]
    circles, summaries = (pd.DataFrame(data[spec["layer"][layer]["data"]["name"]]) for layer in (0, 1))
    assert circles.groupby("row")["units"].sum().to_dict() == {"a · x": 300, "b · x": 2}
    mean = (circles["value"] * circles["units"]).groupby(circles["row"]).sum() / circles.groupby("row")["units"].sum()
    np.testing.assert_allclose(mean["a · x"], np.mean(rows[0].values))
    np.testing.assert_allclose(summaries["mean"], [np.mean(rows[0].values), 1])


def test_a_correlation_that_is_not_defined_has_a_row_and_no_mark():
    frame = pd.DataFrame({"row": ["a", "b"], "store": ["a", "b"], "r": [0.2, np.nan], "low": [0, np.nan], "high": 0.4})
    spec = correlations(frame, "selectivity against drop").to_dict()
    assert [len(rows) for rows in spec["datasets"].values() if "row" in rows[0]] == [1]
    assert spec["layer"][1]["encoding"]["y"]["sort"] == ["a", "b"]
