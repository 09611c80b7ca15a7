"""Units named by keys alone, in a real browser."""

import re

from playwright.sync_api import expect

from explorer.labels import LABELS, Label
from explorer.quiz_answers import ANSWERS
from precompute.store.reader import open_store


def begin(app, rater, page="name"):
    """Open the page and say who one is; return the layer that it shows."""
    app.open(f"/{page}?store=demo")
    app.page.get_by_label("Your name").fill(rater)
    app.settle(lambda: app.page.keyboard.press("Enter"))
    with open_store(app.stores / "demo.h5") as store:
        return store.layers[-1].name


def unit_on(app):
    """Which unit is to be named, once the field takes keys."""
    expect(app.page.get_by_label("It answers to")).to_be_editable()
    return int(app.page.locator(".us-sentence b").first.inner_text().replace(",", ""))


def test_units_are_named_by_keys_alone_and_one_goes_on_where_one_was(app, tab, server):
    store = server.runs / "demo.h5"
    layer = begin(app, "Eve <i>")
    LABELS.put(store, Label(layer, 0, "Bo", "the secret of another"))
    first = unit_on(app)
    keys = app.page.keyboard
    keys.type("a red car")
    app.settle(lambda: keys.press("Enter"))
    app.says("Unit ")
    second = unit_on(app)
    assert second > first
    keys.press("1")
    expect(app.page.get_by_label("It answers to")).to_have_value("a red car")
    app.settle(lambda: keys.press("Shift+Enter"))
    third = unit_on(app)
    app.settle(lambda: keys.press("ArrowLeft"))
    app.says(f"Unit {second} ")
    expect(app.page.get_by_label("It answers to")).to_have_value("a red car")
    app.settle(lambda: keys.press("ArrowRight"))
    app.says(f"Unit {third} ")
    assert unit_on(app) == third
    app.page.locator(".us-sentence").click()  # the field has lost the keys
    keys.type("cr 3 <script>$x$")
    app.settle(lambda: keys.press("Control+Enter"))
    expect(app.page.locator(".us-sentence")).to_contain_text("you have named 3,")
    expect(app.page.get_by_text("secret")).to_have_count(0)
    mine = [label for label in LABELS.load(store) if label.rater == "Eve <i>"]
    assert [(label.unit, label.text, label.confidence) for label in mine] == [
        (first, "a red car", "fair"),
        (second, "a red car", "sure"),
        (third, "cr 3 <script>$x$", "guess"),
    ]
    later = tab(server)
    begin(later, "Eve <i>")
    expect(later.page.locator(".us-sentence")).to_contain_text("you have named 3,")
    assert unit_on(later) == unit_on(app)


def test_a_key_pressed_before_the_next_unit_is_there_names_nothing(app, server):
    begin(app, "Hasty")
    unit_on(app)
    app.page.keyboard.type("kite")
    app.settle(lambda: [app.page.keyboard.press(key) for key in ("Enter", "1", "Enter", "x", "Enter")])
    expect(app.page.locator(".us-sentence")).to_contain_text("you have named 1,")
    assert [label.text for label in LABELS.load(server.runs / "demo.h5") if label.rater == "Hasty"] == ["kite"]


def test_the_quiz_is_answered_by_keys_and_scored(app, server):
    begin(app, "Quinn", page="quiz")
    app.says("Which of the two makes unit ")
    assert app.page.locator(".st-key-quiz img").count() == 20
    app.settle(lambda: app.page.keyboard.press("ArrowLeft"))
    expect(app.page.locator(".st-key-quiz [role=status]")).to_have_text(re.compile(r"^Unit \d+: (right|wrong, .*)\."))
    app.settle(lambda: app.page.keyboard.press("ArrowRight"))
    expect(app.page.get_by_text(re.compile(r"^You have [012] of 2 questions right"))).to_be_visible()
    app.page.get_by_text("Scores, and the answers as a file").click()
    expect(app.page.get_by_role("cell", name="Quinn")).to_be_visible()
    given = [answer for answer in ANSWERS.load(server.runs / "demo.h5") if answer.rater == "Quinn"]
    assert [answer.chosen for answer in given] == ["left", "right"]
