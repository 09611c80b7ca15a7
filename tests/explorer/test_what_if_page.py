"""The page of what-ifs: the URL, the numbers, the words, and what is said when there is no answer."""

from functools import partial
from urllib.parse import urlencode

import numpy as np
import pyarrow as pa
import pytest

from explorer import cache, saved_what_ifs
from explorer.pages.what_if import all_images, question
from explorer.pages.what_if.one_image import shares
from explorer.store_files import StoreFile
from precompute.measures.interaction import Interaction, losses, luck_of_choice
from precompute.store.answers import answers
from precompute.what_if.request import Change
from precompute.what_if.unit_list import read_units
from tests.explorer.conftest import put
from tests.explorer.test_saved_what_ifs import HOSTILE

pytestmark = pytest.mark.usefixtures("stand_in")


@pytest.fixture
def ask(made, runs, answered):
    """Show the page on a question, once its answer is there."""
    put(made("full"), runs)
    return partial(answered, "what_if", store="demo", layer="features.10")


def drawn(page):
    """The rows of the first chart, by their titles."""
    [rows] = page.charts()[0].proto.datasets
    return {row["title"]: row for row in pa.ipc.open_stream(rows.data.data).read_pandas().to_dict("records")}


def test_without_units_it_says_what_to_do(ask):
    words = ask().words
    assert "What if units of <b>features.10</b> were changed?" in words
    assert "Name the units on the left" in words


def test_the_answer_is_in_the_headline_and_in_every_class(ask, full_store):
    before = answers(full_store)
    now = np.array(before.prediction)
    now[1::2] = (now[1::2] + 1) % full_store.model.n_outputs
    shown = ask(units="1, 3-5")
    n_images = len(now)
    right = np.mean(now == before.target)
    assert "Without units 1 and 3–5" in shown.words
    assert f"<b>{100 * right:.1f} %</b> of the images are right" in shown.words
    lost, gained = (int((losses(now, before) == sign).sum()) for sign in (1, -1))
    changed = int((now != before.prediction).sum())
    assert f"{changed} images change their answer: {lost} lost, {gained} gained" in shown.words
    n_right = int((now == before.target).sum())
    was = int(before.right.sum())
    assert f"{n_right} of {n_images} images are right; before, {was} were: " in shown.words
    n_shown = {badge: shown.words.count(f">{badge}</b>") for badge in ("lost", "gained")}
    assert n_shown == {"lost": min(lost, 36), "gained": min(gained, 36 - min(lost, 36))}
    by_title = drawn(shown)
    for label, title in enumerate(full_store.classes.title):
        of_class = before.label == label
        assert by_title[title]["before"] == pytest.approx(100 * before.right[of_class].mean())
        assert by_title[title]["after"] == pytest.approx(100 * (now == before.target)[of_class].mean())


def test_the_sum_of_the_parts_is_that_of_the_stores_flips(full_store):
    layer, before = full_store.layer("features.10"), answers(full_store)
    for kind in layer.ablations:
        expected = np.zeros(len(before.label), dtype=int)
        for unit in (1, 3, 4):
            flips = layer.flips(kind, unit)
            for image, output in zip(flips.image, flips.prediction, strict=True):
                was, now = before.prediction[image] == before.target[image], output == before.target[image]
                expected[image] += int(was) - int(now)
        np.testing.assert_array_equal(all_images.stored_parts(layer, kind, (1, 3, 4), before), expected)


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (Interaction(0.10, 0.04, 0.02, 0.10), "<b>6.0 points more than the sum of the parts</b>"),
        (Interaction(0.04, 0.10, -0.10, -0.02), "<b>6.0 points less than the sum of the parts</b>"),
        (Interaction(0.05, 0.04, -0.01, 0.03), "It is not settled whether that is more or less"),
    ],
)
def test_more_or_less_is_said_where_the_interval_settles_it(found, said):
    assert said in all_images.parts_words(found, 3, 1000)


def test_a_negative_loss_is_said_to_be_a_gain():
    said = all_images._lost_or_gained(-0.04, -0.06, -0.01, 1000)
    assert said == "4.0 points of accuracy gained, 95 % interval 1.0 to 6.0"
    said = all_images._lost_or_gained(0.04, -0.01, 0.06, 1000)
    assert said == "4.0 points of accuracy lost, 95 % interval −1.0 to 6.0"
    gains = Interaction(together=0.02, parts=-0.01, low=0.01, high=0.05)
    said = all_images.parts_words(gains, 2, 1000)
    assert "add up to −1.0 points. Together they lose 2.0 points (a negative loss is a gain). That is " in said


def test_units_that_stand_out_by_their_drops_are_said_to_owe_some_of_it_to_chance(ask, full_store, runs):
    layer, before = full_store.layer("features.10"), answers(full_store)
    drops = [all_images.stored_parts(layer, "zero", [unit], before).sum() for unit in range(layer.n_units)]
    order = np.argsort(drops)
    lost, gained = cache.lost_and_gained(StoreFile("demo", runs / "demo.h5"), layer, "zero")
    assert (lost - gained).tolist() == drops
    luck = luck_of_choice(lost, gained, order[-2:], len(before.label))
    assert luck > 0
    words = ask(units=", ".join(map(str, sorted(order[-2:].tolist())))).words
    assert "One by one these units lose more than most units of the layer" in words
    assert all_images.luck_words(-0.02, 1000).startswith(" One by one these units lose less than most")
    assert all_images.luck_words(0.0, 1000) == ""


def test_a_change_that_the_store_does_not_hold_has_no_sum_until_pairs_are_computed(ask):
    shown = ask(units="1, 3-5", change="scale:2")
    assert "With units 1 and 3–5 times 2" in shown.words
    assert "holds no drops of single units under this change" in shown.words
    [button] = [each for each in shown.app.button if each.key == "all_pairs"]
    assert button.label == "Compute all 6 pairs"
    button.click().run()
    shown.app.run()
    assert shown.app.query_params["pairs"] == "yes"
    assert "One by one, the losses of the 4 units add up to" in shown.words
    assert "4 and 5" in shown.words
    assert "Of 6 intervals about 0.3 miss zero by chance alone." in shown.words


def test_one_image_shows_its_outputs_and_the_units_maps(ask, full_store):
    shown = ask(units="2, 5", on="7")
    first, second = (full_store.classes.title[full_store.classes.of_output[output]] for output in (0, 1))
    assert f"the answer to image 8 becomes <b>{second}</b>; before, it was {first}." in shown.words
    assert "unit 5" in shown.words
    assert len(drawn(shown)) >= 5


def test_on_one_image_units_are_attributed_by_the_method_that_is_chosen(ask):
    shown = ask(units="2, 5", on="7")
    assert "sum off by" not in shown.words
    shown = ask(units="2, 5", on="7", by="integrated_gradients")
    assert shown.words.count("sum off by 3 %") == 2
    assert "sum off by" not in ask(units="2, 5", by="integrated_gradients").words


def test_shares_are_a_softmax():
    outputs = np.array([1.0, 3.0, -2.0])
    np.testing.assert_allclose(shares(outputs), np.exp(outputs) / np.exp(outputs).sum())


def test_a_refusal_is_shown_as_text_with_a_way_to_ask_again(ask):
    shown = ask(units="3")
    assert "No &lt;b&gt;such&lt;/b&gt; network." in shown.words
    [again] = [each for each in shown.app.button if each.key == "ask_again"]
    again.click().run()
    assert not shown.app.exception


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({"units": "99"}, "There is no unit 99"),
        ({"units": "<b>x</b>"}, "“&lt;b&gt;x&lt;/b&gt;” is not a unit"),
        ({"units": "1, 5", "change": "scale:9"}, "A factor lies between"),
        ({"units": "1, 5", "change": "image:999999"}, "There is no image 999999"),
        ({"units": "1, 5", "on": "x"}, "There is no image “x”"),
    ],
)
def test_what_the_address_asks_and_cannot_be_is_told(ask, query, said):
    assert said in ask(**query).words


def test_units_are_typed_into_the_address(ask):
    shown = ask()
    shown.app.text_input(key="what_if_units").set_value("2, 4").run()
    assert shown.app.query_params["units"] == "2, 4"
    assert "Without units 2 and 4" in shown.words


def test_the_first_units_by_a_measure_are_taken(ask, full_store):
    shown = ask()
    shown.app.selectbox(key="what_if_by").set_value("overall_drop").run()
    shown.app.number_input(key="what_if_first").set_value(3).run()
    shown.app.button(key="take_units").click().run()
    values = full_store.layer("features.10").measures["overall_drop"].values
    expected = sorted(range(len(values)), key=lambda unit: (-values[unit], unit))[:3]
    assert read_units(shown.app.query_params["units"], 6) == tuple(sorted(expected))


def test_what_is_asked_can_be_saved_opened_and_removed(ask, runs):
    shown = ask(units="1, 3-5", change="mean")
    shown.app.text_input(key="what_if_name").set_value(HOSTILE[0])
    shown.app.button(key="save_what_if").click().run()
    [saved] = saved_what_ifs.load(runs / "demo.h5")
    assert saved.name == HOSTILE[0]
    assert saved.asked == {"layer": "features.10", "units": "1, 3-5", "change": "mean"}
    link = next(link for link in shown.app.get("page_link") if "script" in link.proto.label)
    assert urlencode({"units": "1, 3-5"}) in link.proto.query_string
    assert "<script>" not in link.proto.label
    shown.app.button(key="remove_what_if_0").click().run()
    assert saved_what_ifs.load(runs / "demo.h5") == ()


def test_a_file_of_what_ifs_that_is_damaged_is_told(ask, runs):
    saved_what_ifs.file_of(runs / "demo.h5").write_text("{")
    assert "cannot be read" in ask().words


@pytest.mark.parametrize(
    ("units", "change", "said"),
    [
        ((3,), Change(), "Without unit 3"),
        ((3, 7), Change(), "Without units 3 and 7"),
        ((3,), Change("mean"), "With unit 3 at its mean"),
        ((3, 7, 8, 9), Change("mean"), "With units 3 and 7–9 at their means"),
        ((3,), Change("scale", factor=-0.5), "With unit 3 times −0.5"),
        ((3,), Change("scale", factor=2.0), "With unit 3 times 2"),
        ((3, 9), Change("image", image=17), "With units 3 and 9 as on image 18"),
        (tuple(range(0, 60, 2)), Change(), "Without 30 units"),
    ],
)
def test_changes_in_words(units, change, said):
    assert question.change_words(units, change) == said


def test_a_unit_and_the_order_of_a_layer_lead_here(made, runs, show):
    put(made("full"), runs)
    unit = show("unit", store="demo", layer="features.10", unit="4")
    assert sum("units=4" in link.proto.query_string for link in unit.app.get("page_link")) == 1
    layer = show("layer", store="demo", layer="features.10")
    assert any("What if the first 6" in link.proto.label for link in layer.app.get("page_link"))


def test_one_image_is_first_the_one_that_the_reader_comes_from(ask, full_store):
    shown = ask(units="1, 3-5", image=full_store.images.path[5])
    shown.app.segmented_control(key="what_if_on").set_value("one").run()
    assert shown.app.query_params["on"] == "5"
    assert shown.app.number_input(key="what_if_image").value == 6


def test_the_images_that_change_leave_in_a_file_that_names_the_store_and_the_change(ask, monkeypatch):
    names = []
    monkeypatch.setattr(all_images, "csv_button", lambda _, *, name, **__: names.append(name))
    ask(units="1, 3-5")
    assert set(names) == {"demo-features.10-Without-units-1-and-3-5-changed-images"}
