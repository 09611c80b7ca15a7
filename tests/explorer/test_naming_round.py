"""A rater's way through the units of a layer."""

from explorer.labels import LABELS, Label
from explorer.naming_round import MOST_RECENT, round_of
from tests.explorer.conftest import FULL, put

LAYER = "features.10"
UNITS = (0, 1, 3, 4)


def test_the_next_unit_is_the_next_one_without_a_label_and_after_the_last_comes_the_first():
    way = round_of([Label("a", 1, "Ada", "kite")], "Ada", "a", UNITS)
    assert (way.left, way.done) == ((0, 3, 4), 1)
    assert [way.next_after(unit) for unit in (-1, 0, 1, 3, 4)] == [0, 3, 3, 4, 0]


def test_the_last_unit_without_a_label_is_followed_by_none():
    way = round_of([Label("a", unit, "Ada", "kite") for unit in (0, 1, 4)], "Ada", "a", UNITS)
    assert way.next_after(3) is None
    assert way.next_after(4) == 3


def test_steps_go_to_units_with_and_without_a_label_and_pass_those_left_out():
    way = round_of([], "Ada", "a", UNITS)
    assert [way.beside(unit, 1) for unit in UNITS] == [1, 3, 4, 0]
    assert [way.beside(unit, -1) for unit in UNITS] == [4, 0, 1, 3]
    assert way.beside(2, 1) == 4  # one that was left out, by its address
    assert way.beside(9, 1) == 1


def test_only_the_raters_own_labels_count():
    labels = [Label("a", 0, "Bo", "secret"), Label("a", 1, "Ada", "kite"), Label("b", 3, "Ada", "sea")]
    way = round_of(labels, "Ada", "a", UNITS)
    assert way.own == {1: labels[1]}
    assert way.recent == ("sea", "kite")
    assert way.done == 1


def test_recent_labels_are_different_and_the_last_one_comes_first():
    given = [Label("a", unit, "Ada", f"label {unit % 12}") for unit in range(24)]
    assert round_of(given, "Ada", "a", UNITS).recent == tuple(f"label {n}" for n in range(11, 11 - MOST_RECENT, -1))


def test_the_page_asks_who_one_is_and_shows_no_label_of_another(made, runs, show):
    path = put(made("full", FULL), runs)
    LABELS.put(path, Label(LAYER, 0, "Bo", "a secret kite"), Label(LAYER, 1, "Ada", "stars"))
    page = show("name", store="demo", layer=LAYER)
    assert "What do the units of features.10 answer to?" in page.words
    page.app.text_input(key="who_name").set_value(" Ada  ")
    next(button for button in page.app.button if button.label == "Begin").click()
    page.app.run()
    assert "you have named 1, 4 left" in page.words
    assert not [field for field in page.app.text_input if field.key == "find"]
    everything = repr(page.app.main) + page.words + str([one.proto for one in page.app.get("bidi_component")])
    assert "stars" in everything
    assert "secret" not in everything


def test_a_file_of_labels_that_cannot_be_read_is_told(made, runs, show):
    LABELS.file_of(put(made("full", FULL), runs)).write_text("nonsense")
    assert "cannot be read" in show("name", store="demo", layer=LAYER).words
