"""Every page against every kind of store: no exception, and the right words."""

import json
import sys
from types import SimpleNamespace

import h5py
import numpy as np
import pytest

from explorer import page_registry
from explorer.pages.unit import activation_histogram, measures
from precompute.store.facts import read_fact
from tests.everyday import everyday
from tests.explorer.conftest import FULL, THOUSAND, Page, add_experiment, put, stamp, truncate
from tests.factory import LOSSES, Recipe

PAGES = tuple(page.name for page in page_registry.PAGES)


def without(part: str) -> Recipe:
    return Recipe(per_class=FULL.per_class, layers=FULL.layers, without=frozenset({part}))


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("layer", ["features.10", "classifier.1"])
def test_a_full_store_shows(page, layer, made, runs, show):
    put(made("full"), runs)
    shown = show(page, store="demo", layer=layer)
    assert "us-sentence" in shown.words
    assert "us-alert" not in shown.words


# The pages that show what a run computed; the others show these parts in the same widgets.
SHOWING = ("overview", "layer", "unit")


@pytest.mark.parametrize("page", everyday(PAGES, SHOWING.__contains__))
@pytest.mark.parametrize("part", sorted(LOSSES))
def test_a_store_without_an_optional_part_shows(page, part, made, runs, show):
    put(made(part.replace(" ", "_"), without(part)), runs)
    shown = show(page, store="demo")
    assert "us-sentence" in shown.words
    assert "us-alert" not in shown.words


SUMS = Recipe(
    per_class=FULL.per_class,
    layers=FULL.layers,
    signed=frozenset({"features.10"}),
    tokens=(("features.8", 2),),
    keep="sums",
)
# Pages that show nothing of every unit on every image, beside the store's.
SAY_NOTHING_OF_IT = {"layer", "class", "closer", "name", "compare", "what_if"}


@pytest.mark.parametrize("page", PAGES)
def test_a_store_of_sums_shows_and_says_what_it_lacks(page, made, runs, show):
    put(made("sums", SUMS), runs)
    shown = show(page, store="demo", layer="features.10", unit="1", experiment="roles")
    assert "us-alert" not in shown.words
    assert ("This store keeps sums only and lacks" in shown.words) == (page not in SAY_NOTHING_OF_IT)


def test_of_sums_the_page_of_a_unit_says_what_they_tell(made, runs, show):
    put(made("sums", SUMS), runs)
    shown = show("unit", store="demo", layer="features.8", unit="1")
    assert "Unit 1 has its highest class mean for" in shown.said
    assert "answers most to" not in shown.said
    assert "Other images might name another class." in shown.said
    assert "on the tokens apart from the picture" not in shown.said


def test_the_layer_of_a_store_of_sums_still_says_how_many_tokens_it_has(made, runs, show):
    put(made("sums", SUMS), runs)
    assert "5 × 5 picture tokens and 2 tokens apart from them" in show("layer", store="demo", layer="features.8").said


def test_units_of_a_store_of_sums_cannot_be_set_to_their_means(made, runs, show):
    put(made("sums", SUMS), runs)
    shown = show("what_if", store="demo", layer="features.10", change="mean")
    assert "This store keeps sums only and lacks how strongly each unit fires on each image." in shown.words
    assert "The units are set to zero instead." in shown.words


@pytest.mark.parametrize("page", PAGES)
def test_a_store_of_a_thousand_classes_shows(page, made, runs, show):
    put(made("thousand", THOUSAND), runs)
    assert "us-sentence" in show(page, store="demo").words


@pytest.mark.parametrize("page", PAGES)
def test_a_store_of_mean_ablation_alone_shows(page, made, runs, show):
    path = put(made("full"), runs)
    with h5py.File(path, "r+") as file:
        for layer in file["/layers"].values():
            del layer["ablation/zero"]
            for name in ("overall_drop", "max_class_drop", "max_class_drop_class"):
                del layer[f"measure/{name}"]
    shown = show(page, store="demo", layer="features.10")
    assert "us-sentence" in shown.words
    assert "us-alert" not in shown.words


def test_the_overview_says_how_outputs_were_given(made, runs, show):
    put(made("full"), runs)
    assert "the sorted order of the names: " in show("overview", store="demo").words


def test_the_overview_of_a_store_that_does_not_say_it_says_nothing(made, runs, show):
    with h5py.File(put(made("full"), runs), "r+") as file:
        del file["/classes"].attrs["mapping"]
    assert "outputs given by" not in show("overview", store="demo").words


def test_the_page_says_which_part_is_not_there(made, runs, show):
    put(made("attribution", without("attribution")), runs)
    assert "no attribution maps" in show("unit", store="demo").words
    put(made("measures", without("measures")), runs)
    assert "no measures" in show("layer", store="demo").words


@pytest.mark.parametrize("page", PAGES)
def test_without_a_store_every_address_welcomes(page, show):
    shown = show(page)
    assert "Build the demo" in [button.label for button in shown.app.button]
    assert "every unit" in shown.words


def empty(path):
    path.write_bytes(b"")


def newer(path):
    stamp(path, version="2.0")


def incomplete(path):
    stamp(path, complete=False)


FAULTS = {truncate: "truncated", newer: "Update Unitscope", incomplete: "not complete", empty: "the file is empty"}


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_a_store_that_cannot_be_used_is_refused_in_words(page, fault, made, runs, show):
    fault(put(made("full"), runs))
    shown = show(page, store="demo")
    assert "This cannot be shown." in shown.words
    assert FAULTS[fault] in shown.words


def test_a_refused_store_leaves_the_way_to_the_others(made, runs, show):
    truncate(put(made("full"), runs, "broken"))
    put(made("full"), runs, "good")
    shown = show("overview", store="broken")
    assert [link.proto.label for link in shown.app.get("page_link")] == ["Open good instead"]


def test_a_damaged_block_is_refused_in_words(made, runs, show):
    path = put(made("full"), runs)
    with h5py.File(path, "r") as file:
        where = file["/layers/features.10/activation/max"].id.get_chunk_info_by_coord((2, 0))
    with path.open("r+b") as file:
        file.seek(where.byte_offset + where.size // 2)
        file.write(b"damage")
    assert "cannot be read" in show("unit", store="demo", layer="features.10", unit="2").words
    assert "us-alert" not in show("unit", store="demo", layer="features.10", unit="1").words


def test_a_store_that_is_replaced_is_picked_up_at_the_next_run(made, runs, show):
    put(made("full"), runs)
    shown = show("overview", store="demo")
    assert "12 classes" in shown.words
    put(made("thousand", THOUSAND), runs, "new").replace(runs / "demo.h5")
    shown.app.run()
    assert "1,000 classes" in shown.words


def test_a_store_that_is_overwritten_in_place_is_picked_up_too(made, runs, show):
    put(made("full"), runs)
    shown = show("overview", store="demo")
    put(made("thousand", THOUSAND), runs)
    shown.app.run()
    assert "1,000 classes" in shown.words


def test_a_store_that_goes_away_leaves_the_welcome_page(made, runs, show):
    path = put(made("full"), runs)
    shown = show("overview", store="demo")
    path.unlink()
    shown.app.run()
    assert "every unit" in shown.words


@pytest.mark.parametrize("key", ["conditions", "notes"])
def test_the_overview_says_under_what_conditions_its_numbers_are_right(key, made, runs, show):
    path = put(made("full"), runs)
    with h5py.File(path) as file:
        provenance = json.loads(read_fact(file, "provenance"))
    stamp(path, provenance=json.dumps(provenance | {key: ["The weights are <random>."]}))
    words = show("overview").words
    assert words.count("The weights are &lt;random&gt;.") == 1


def test_a_store_argument_shows_that_store_alone(made, runs, show, monkeypatch):
    put(made("full"), runs, "other")
    monkeypatch.setattr(sys, "argv", ["app.py", "--store", str(made("thousand", THOUSAND))])
    assert "thousand" in show("overview").words


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--store", "nowhere/at-all.h5"], "nowhere/at-all.h5: there is no such file"),
        (["--store"], "expected one argument"),
        (["--stroe", "x.h5"], "Unknown argument &#x27;--stroe&#x27;"),
    ],
)
def test_a_bad_argument_is_a_sentence_on_the_page(arguments, said, show, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["app.py", *arguments])
    assert said in show("overview").words


def test_a_bad_url_is_answered_with_what_is_not_there(made, runs, show):
    put(made("full"), runs)
    asked = {"store": "other", "layer": "nope", "unit": "-3", "class_": "<i>x</i>", "show": "all", "map": "magic"}
    said = show("unit", **asked).words
    for quoted in ("other", "nope", "-3", "&lt;i&gt;x&lt;/i&gt;", "all", "magic"):
        assert f"“{quoted}”" in said


def test_a_dead_unit_says_so(made, runs, show):
    put(made("full"), runs)
    said = show("unit", store="demo", layer="features.10", unit="5").words
    assert "Unit 5 is <b>dead</b>" in said
    assert "It is at zero on every image." in said


def test_the_sentence_tells_the_numbers_of_the_store(made, runs, show, full_store):
    put(made("full"), runs)
    layer = full_store.layer("features.10")
    best = int(np.nanargmax(layer.class_mean[1]))
    said = show("unit", store="demo", layer="features.10", unit="1").said
    assert f"Unit 1 answers most to <b>{full_store.classes.title[best]}</b>" in said


def test_next_wraps_around_and_keeps_the_way_of_looking(made, runs, show):
    put(made("full"), runs)
    shown = show("unit", store="demo", layer="features.10", unit="5", show="bottom", class_="red_ball")
    shown.app.button(key="step_next").click().run()
    assert "Unit 0 answers" in shown.words
    query = shown.app.query_params
    assert query["show"] in ("bottom", ["bottom"])
    assert query["class"] in ("red_ball", ["red_ball"])


def test_a_chosen_class_lists_its_flips_with_what_they_become(made, runs, show, full_store):
    put(made("full"), runs)
    layer = full_store.layer("features.10")
    unit = next(unit for unit in range(layer.n_units) if len(layer.flips("zero", unit).image))
    flips = layer.flips("zero", unit)
    image, after = int(flips.image[0]), int(flips.prediction[0])
    name = full_store.classes.name[full_store.images.label[image]]
    said = show("unit", store="demo", layer="features.10", unit=str(unit), class_=name).said
    row = said[said.index(f"<td>{full_store.images.path[image]}</td>") :].split("</tr>")[0]
    assert f"<td>{full_store.classes.title[full_store.classes.of_output[after]]}</td>" in row


def test_the_reader_chooses_the_measures_of_the_plot(made, runs, show):
    put(made("full"), runs)
    shown = show("layer", store="demo", layer="features.10", x="l1_norm", y="overall_drop")
    assert [shown.app.selectbox(key=f"measure_{axis}").value for axis in "xy"] == ["l1_norm", "overall_drop"]
    spec = shown.charts()[0].proto.spec
    assert '"title": "L1 norm"' in spec
    assert '"title": "Overall drop, points"' in spec


def test_two_classes_of_one_title_can_both_be_found(made, runs, show):
    path = put(made("full"), runs)
    with h5py.File(path, "r+") as file:
        titles = file["/classes/title"].asstr()[...]
        titles[:2] = "crane"
        file["/classes/title"][...] = titles
        names = file["/classes/name"].asstr()[:2]
    shown = show("unit", store="demo", layer="features.10")
    shown.app.text_input(key="find").set_value("crane").run()
    for name in names:
        assert f">crane</a> ({name})" in shown.words


def test_a_wall_names_its_order_where_there_is_no_drop_to_quote(made, runs, show):
    with h5py.File(put(made("full"), runs), "r+") as file:
        measures = file["/layers/features.10/measure"]
        drop = measures["max_class_drop"][...]
        measures.copy("max_class_drop", "quoted_drop")
        measures["quoted_drop"][...] = np.nan
    shown = show("layer", store="demo", layer="features.10")
    assert shown.app.selectbox(key="measure_sort").value == "max_class_drop"
    tiles = json.loads(shown.tiles()[0].proto.json)["tiles"]
    assert [tile["target"] for tile in tiles] == np.argsort(-drop, kind="stable").tolist()


def test_a_measure_without_differences_has_no_highest_unit(made, runs, show):
    with h5py.File(put(made("full"), runs), "r+") as file:
        file["/layers/features.10/measure/overall_drop"][...] = 0
    assert "the same in all 6 units" in show("unit", store="demo", layer="features.10", unit="2").words


def test_a_wall_of_several_pages_can_be_turned_above_and_below(made, runs, show):
    put(made("many units", Recipe(per_class=2, layers=(("features.10", 60, (2, 2)),))), runs)
    shown = show("layer", store="demo", layer="features.10")
    shown.app.query_params["page"] = "2"
    shown.app.run()
    assert len(shown.app.get("pagination")) == 2
    tiles = json.loads(shown.tiles()[0].proto.json)["tiles"]
    assert len(tiles) == 12


def test_a_map_that_was_not_computed_or_is_zero_says_so_in_its_place(made, runs, show):
    base = "/layers/features.10/attribution"
    with h5py.File(put(made("full"), runs), "r+") as file:
        largest = file["/layers/features.10/activation/max"]
        values = largest[1]
        values[np.argsort(values)[-4:]] = 6
        largest[1] = values
        file["/layers/features.10/exemplar/top/value"][1, :4] = 6
        file[f"{base}/gradient/map"][1] = 0
        file[f"{base}/integrated_gradients/computed"][1, 2:] = 0
        file[f"{base}/integrated_gradients/map"][1, 2:] = np.nan
    page = {"store": "demo", "layer": "features.10", "unit": "1"}
    first = show("unit", **page)
    assert first.app.segmented_control(key="method").value == "integrated_gradients"
    assert first.words.count("not computed</span>") == 4
    asked = show("unit", **page, map="gradient").words
    assert asked.count("saturated at 6.00") == 4
    assert asked.count("this map is zero everywhere") == 2


def test_where_several_positions_share_the_peak_the_map_is_said_to_be_of_the_first(made, runs, show):
    put(made("full"), runs, "single")
    with h5py.File(put(made("full"), runs, "shared"), "r+") as file:
        maps = file["/layers/features.10/exemplar/top/map"][1]
        maps[:2, :2, :2] = maps.max() + 1
        file["/layers/features.10/exemplar/top/map"][1] = maps
    said = {name: show("unit", store=name, layer="features.10", unit="1").words for name in ("single", "shared")}
    assert "On 2 of these pictures several positions share the highest value" in said["shared"]
    assert "share the highest value" not in said["single"]


@pytest.mark.parametrize("page", ["layer", "name", "quiz"])
def test_the_layer_is_chosen_on_the_page_itself(page, made, runs, show):
    put(made("full"), runs)
    app = show(page, store="demo", layer="features.10", unit="5").app
    app.selectbox(key="picked_layer").select("classifier.1").run()
    assert app.query_params["layer"] == "classifier.1"
    assert "unit" not in app.query_params
    assert "features.10" not in Page(app).words


def test_a_store_of_one_layer_says_its_name(made, runs, show):
    put(made("thousand", THOUSAND), runs)
    shown = show("layer", store="demo")
    assert "picked_layer" not in [box.key for box in shown.app.selectbox]
    assert "layer4, 3 units" in shown.words


def test_how_an_experiment_came_to_be_is_told_once_and_to_the_minute(made, runs, show):
    add_experiment(put(made("full"), runs), "tuning", {"x": [1.0]}, options='{"seed": 7, "by": "drop"}')
    shown = show("experiments", store="demo", experiment="tuning")
    assert "<dd>2026-01-01 00:00 UTC</dd>" in shown.words
    assert shown.words.count("seed") == 1


def test_the_way_back_to_a_class_is_called_by_its_title(made, runs, show):
    put(made("full"), runs)
    app = show("class", store="demo", layer="features.10", class_="blue_star").app
    assert app.session_state["trail"][-1].name == "blue star"


def test_from_a_layer_to_its_unit_one_link_leads_back(made, runs, show):
    put(made("full"), runs)
    app = show("layer", store="demo", layer="features.10", find="units=2-4").app
    app.switch_page("explorer/views/unit.py")
    app.query_params["unit"] = "3"
    app.run()
    led = [link.proto for link in app.get("page_link") if "features" in link.proto.label]
    assert [link.label for link in led] == [r":material/arrow_back: features\.10"]
    assert "find=units" in led[0].query_string
    alone = show("unit", store="demo", layer="features.10", unit="3").app
    assert [link.proto.label for link in alone.get("page_link") if "features" in link.proto.label] == [r"features\.10"]


def test_another_rater_begins_at_the_first_unit_and_not_where_the_one_before_stood(made, runs, show):
    put(made("full"), runs)
    app = show("name", store="demo", layer="features.10", unit="3").app
    app.session_state["rater"] = "Ada"
    app.run()
    app.button(key="other_rater").click().run()
    assert "unit" not in app.query_params
    app.session_state["rater"] = "Bo"
    app.run()
    assert "Unit <b>0</b> of features.10" in Page(app).words


def test_a_share_of_images_is_as_fine_as_their_number():
    layer, store = SimpleNamespace(n_active=lambda _: 199, goes_below_zero=False), SimpleNamespace(images=range(200))
    assert "<b>99.5 %</b>" in measures._alive(store, layer, 0)
    assert activation_histogram._extremes(np.r_[0, np.ones(199)], signed=False)[0].startswith("0.5 % of the images")


def test_all_measures_are_listed_only_where_they_are_unfolded(made, runs, show):
    put(made("full"), runs)
    app = show("unit", store="demo", layer="features.10", unit="1").app
    app.switch_page("explorer/views/unit.py")
    for unfolded in (True, False):
        app.session_state[measures.FOLD] = unfolded
        app.run()
        assert ("<th>in the layer</th>" in Page(app).words) == unfolded
        assert [box.label for box in app.expander] == ["All measures of this unit"]
