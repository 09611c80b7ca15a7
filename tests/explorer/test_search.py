"""What a typed text is taken for: a unit by its number, a class by part of its name, an image by part of its path."""

import pytest

from explorer.labels import LABELS, Label
from explorer.search import MOST_SHOWN, search
from tests.explorer.conftest import put

LAYER = "features.10"


def test_a_number_is_the_unit_of_every_layer_that_has_it_this_one_first(full_store):
    assert search("3", full_store, LAYER).units == ((LAYER, 3), ("features.8", 3), ("classifier.1", 3))
    assert search("5", full_store, "features.8").units == ((LAYER, 5),)
    assert search("17", full_store, LAYER).units == ()


@pytest.mark.parametrize("text", ["unit 2", "Unit 2", " unit  2 "])
def test_a_unit_by_its_number_is_nothing_else(full_store, text):
    found = search(text, full_store, LAYER)
    assert (LAYER, 2) in found.units
    assert (found.n_classes, found.n_images) == (0, 0)


@pytest.mark.parametrize("text", ["features.8:4", "FEATURES.8 4", "features.8 unit 4"])
def test_a_layer_and_a_number_are_one_unit(full_store, text):
    found = search(text, full_store, LAYER)
    assert found.units == (("features.8", 4),)
    assert found.is_one


def test_classes_are_found_by_any_part_of_their_name_in_any_case(full_store):
    found = search("BALL", full_store, LAYER)
    expected = {index for index, title in enumerate(full_store.classes.title) if "ball" in title}
    assert set(found.classes) == expected
    assert found.n_classes == len(expected)


def test_a_name_that_begins_so_comes_first_and_the_whole_name_before_all(full_store):
    titles = full_store.classes.title
    assert titles[search("red ball", full_store, LAYER).classes[0]] == "red ball"
    first = search("r", full_store, LAYER).classes[0]
    assert titles[first].startswith("r")


def test_images_are_found_by_any_part_of_their_path(full_store):
    path = full_store.images.path[7]
    assert search(path, full_store, LAYER).images == (7,)
    found = search(path.split("/")[1], full_store, LAYER)
    assert found.n_images == sum(one.endswith(path.split("/")[1]) for one in full_store.images.path)
    assert len(found.images) == min(MOST_SHOWN, found.n_images)


@pytest.mark.parametrize("text", ["", "  ", "no such thing", "9" * 40, "unit -1", "(", "[a", "\0"])
def test_what_means_nothing_finds_nothing(full_store, text):
    found = search(text, full_store, LAYER)
    assert (found.units, found.n_classes, found.n_images) == ((), 0, 0)


# In the page


def typed(show, text, page="overview"):
    shown = show(page, store="demo", layer=LAYER)
    shown.app.text_input(key="find").set_value(text).run()
    return shown


def test_what_means_several_things_is_a_list_of_links(made, runs, show, full_store):
    put(made("full"), runs)
    words = typed(show, "ball").words
    listed = words.split("us-found")[1]
    assert all(title in listed for title in full_store.classes.title if "ball" in title)
    assert 'href="class?' in listed


def test_nothing_found_is_said_with_what_was_typed_as_text(made, runs, show):
    put(made("full"), runs)
    assert "Nothing is called “&lt;i&gt;$x$&lt;/i&gt;” here." in typed(show, "<i>$x$</i>").words


def test_units_are_found_by_any_part_of_a_label_of_units_that_the_store_has(full_store):
    given = [
        Label(LAYER, 2, "Ada", "A kite, striped"),
        Label(LAYER, 4, "Bo", "kite"),
        Label(LAYER, 99, "Ada", "kite"),
        Label("gone", 0, "Ada", "kite"),
        Label(LAYER, 1, "Ada", "sea"),
    ]
    found = search("KITE", full_store, LAYER, given)
    assert found.labelled == (given[1], given[0])
    assert found.n_labelled == 2
    assert search("striped, ", full_store, LAYER, given).n_labelled == 0
    assert search("a kite, s", full_store, LAYER, given).labelled == (given[0],)


def test_the_field_shows_labels_as_text(made, runs, show):
    LABELS.put(put(made("full"), runs), Label(LAYER, 2, "Ada", "<b>blob</b> one"), Label(LAYER, 3, "Ada", "blob two"))
    page = show(store="demo")
    page.app.text_input(key="find").set_value("blob").run()
    assert "“<bdi>&lt;b&gt;blob&lt;/b&gt; one</bdi>”" in page.words
    assert f"{LAYER}:3" in page.words
