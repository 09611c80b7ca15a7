"""Units found on a map, in the wall and in the table, in a real browser; what a unit shows when it is asked for."""

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import expect

from explorer.drop_verdicts import verdicts_of
from explorer.labels import LABELS, Label
from precompute.measures.table import measure_row
from precompute.store.reader import open_store
from tests.explorer.conftest import add_experiment
from tests.factory import as_if_written

LAYER = "features.8"
POINTS = "[data-testid=stVegaLiteChart] .mark-symbol path[aria-roledescription=circle]"
PLACES = """all => all.map(one => [one.getAttribute('aria-label'), one.getBoundingClientRect()])
    .map(([label, at]) => [Number(/unit: ([0-9]+)/.exec(label)[1]), at.x + at.width / 2, at.y + at.height / 2])"""


def pick(app, label, text):
    """Choose the first option that what is typed finds."""
    choice = app.page.get_by_role("combobox", name=re.compile(f"^{label}"))
    choice.click()
    choice.fill(text)
    expect(app.page.get_by_role("option").first).to_contain_text(text)
    app.settle(lambda: choice.press("Enter"))


def test_units_on_a_map_are_coloured_by_a_class_and_found_by_a_box(tab, small_server):
    app = tab(small_server)
    app.open(f"/layer?store=demo&layer={LAYER}")
    app.settle(lambda: app.page.get_by_role("radio", name="a map by answers").click())
    app.asks("/layer", plot="answer")
    expect(app.page.get_by_text(re.compile(r"The map shows \d+\s% of how the units differ"))).to_be_visible()
    pick(app, "Coloured by", "Answers most to")
    expect(app.page.get_by_text(re.compile("highest mean activation for"))).to_be_visible()
    assert "class=" in app.page.url
    points = app.page.locator(POINTS)
    points.last.scroll_into_view_if_needed()
    places = sorted(points.evaluate_all(PLACES), key=lambda place: place[1])
    widest = max(range(1, len(places) - 1), key=lambda at: places[at + 1][1] - places[at][1])
    inside, end = places[: widest + 1], (places[widest][1] + places[widest + 1][1]) / 2
    heights = [y for _, _, y in places]
    app.page.mouse.move(places[0][1] - 12, min(heights) - 12)
    app.page.mouse.down()
    app.page.mouse.move(end, max(heights) + 12, steps=4)
    app.settle(app.page.mouse.up)
    found = app.page.get_by_text(re.compile(rf"^{len(inside)} units? of 14 found"))
    expect(found).to_be_visible()
    app.settle(lambda: app.page.get_by_role("radio", name="a map by losses").click())
    app.asks("/layer", plot="break")
    expect(app.page.get_by_role("heading", name=re.compile("^Units whose loss hurts the same classes"))).to_be_visible()
    expect(found).to_be_visible()


def told(n):
    """What the page says of so many units found of the layer's 14."""
    return re.compile("^None of the 14 units" if not n else rf"^{n} units? of 14 found")


def test_units_are_found_by_the_class_that_needs_them_and_by_being_dead(tab, small_server):
    with open_store(small_server.runs / "demo.h5") as store:
        layer, classes = store.layer(LAYER), store.classes
        verdicts, n_dead = verdicts_of(store, layer, "zero"), int((layer.measures["dead"].values == 1).sum())
        needing = [int(verdicts.needed_by(label).sum()) for label in range(len(classes))]
    label = int(np.argmax(needing))
    assert needing[label] > 0
    app = tab(small_server)
    app.open(f"/layer?store=demo&layer={LAYER}")
    by = app.page.get_by_role("combobox", name="Find units by")
    by.fill("Class that needs it")
    app.settle(lambda: by.press("Enter"))
    app.page.keyboard.press("Escape")  # behind its list the page cannot be used
    first = next(at for at, n in enumerate(needing) if n)  # a class that needs none is not asked for
    expect(app.page.get_by_text(told(needing[first]))).to_be_visible()
    if label != first:
        pick(app, "Class that needs it", classes.title[label])
    expect(app.page.get_by_text(told(needing[label]))).to_be_visible()
    app.open(f"/layer?store=demo&layer={LAYER}")
    by.fill("Dead")
    app.settle(lambda: by.press("Enter"))
    app.asks("/layer", find="dead=yes")
    expect(app.page.get_by_text(told(n_dead))).to_be_visible()


CONCEPTS = ["red", "<b>blue</b>", "striped"]


@pytest.fixture
def known(small_server):
    """A second store, with labels on three units, two saturated units, and concepts."""
    path = Path(shutil.copyfile(small_server.runs / "demo.h5", small_server.runs / "known.h5"))
    with as_if_written(path) as file:
        exemplar, measures = file[f"/layers/{LAYER}/exemplar"], file[f"/layers/{LAYER}/measure"]
        for unit in (4, 9):
            exemplar["top/value"][unit] = exemplar["bottom/value"][unit].max() + 1
        measures["concept"] = np.array([0, 1, 2, 1, 0, 1, 2, *[np.nan] * 7], "f4")
        measures["concept"].attrs.update(measure_row("concept").facts())
    add_experiment(path, "dissection", {"concept": CONCEPTS, "category": ["colour", "colour", "texture"]})
    LABELS.put(path, *(Label(LAYER, unit, "Ada", text) for unit, text in ((2, "a kite"), (5, "A  kite"), (6, "wheel"))))
    yield path
    for file in small_server.runs.glob("*known*"):
        file.unlink()


def test_units_are_found_by_label_saturation_concept_and_reliability(tab, small_server, known):
    with open_store(known) as store:
        reliability = store.layer(LAYER).measures["drop_reliability"].values
    least = float(np.nanmedian(reliability))
    n_reliable = int((reliability >= round(least, 3)).sum())
    assert 0 < n_reliable < 14
    app = tab(small_server)
    table = app.page.get_by_test_id("stDataFrame").first
    by = app.page.get_by_role("combobox", name="Find units by")

    def ask(criterion):
        app.open(f"/layer?store=known&layer={LAYER}")
        by.fill(criterion)
        app.settle(lambda: by.press("Enter"))
        app.page.keyboard.press("Escape")  # behind its list the page cannot be used

    ask("Has a label")
    expect(app.page.get_by_text(told(3))).to_be_visible()
    expect(app.page.locator(".st-key-all_units .tile .unit")).to_have_count(3)
    ask("Label")
    pick(app, "Label", "a kite")
    expect(app.page.get_by_text(told(2))).to_be_visible()
    ask("Saturated")
    expect(app.page.get_by_text(told(2))).to_be_visible()
    names = app.page.locator(".st-key-all_units .tile .unit").all_inner_texts()
    assert sorted(names) == ["unit 4", "unit 9"]
    ask("Best concept")
    pick(app, "Best concept", CONCEPTS[1])
    expect(app.page.get_by_text(told(3))).to_be_visible()
    app.asks("/layer", find="concept=%3Cb%3Eblue%3C%2Fb%3E")
    ask("Reliability of the drops")
    number = app.page.get_by_role("spinbutton", name=re.compile("^Reliability of the drops.*at least"))
    number.fill(f"{least:.3f}")
    app.settle(lambda: number.press("Enter"))
    expect(app.page.get_by_text(told(n_reliable))).to_be_visible()
    expect(table).to_be_visible()


def test_the_wall_and_the_table_are_sorted_and_a_cell_leads_to_its_unit(tab, small_server):
    with open_store(small_server.runs / "demo.h5") as store:
        norms = store.layer(LAYER).measures["l1_norm"].values
    app = tab(small_server)
    app.open(f"/layer?store=demo&layer={LAYER}")
    pick(app, "Order, ", "L1 norm")
    app.asks("/layer", sort="l1_norm")
    order = np.argsort(-norms, kind="stable").tolist()
    names = app.page.locator(".st-key-all_units .tile .unit")
    expect(names).to_have_text([f"unit {unit}" for unit in order])
    table = app.page.get_by_test_id("stDataFrame").first
    first = table.locator("td#glide-cell-0-0")
    expect(first).to_have_text("0")
    for _ in range(2):  # ascending, then descending
        table.click(position={"x": 20, "y": 17})
    expect(first).to_have_text("13")
    app.settle(lambda: table.click(position={"x": 20, "y": 52}))
    app.asks("/unit", unit="13")


def test_a_unit_shows_its_weakest_images_another_ablation_and_all_its_measures(tab, small_server):
    app = tab(small_server)
    app.open(f"/unit?store=demo&layer={LAYER}&unit=5")
    pictures = app.page.locator(".us-gallery:not(.us-wide) img:first-child")
    before = pictures.first.get_attribute("src")
    app.settle(lambda: app.page.get_by_role("radio", name="Weakest", exact=True).click())
    app.asks("/unit", show="bottom")
    expect(pictures.first).not_to_have_attribute("src", before)
    app.settle(lambda: app.page.get_by_role("radio", name=re.compile("mean")).first.click())
    app.asks("/unit", ablation="mean", show="bottom")
    listed = app.page.locator(".us-table tr", has_text="Flip rate").first
    app.settle(app.page.get_by_text("All measures of this unit").click)
    expect(listed).to_be_visible()
    app.settle(lambda: app.page.keyboard.press("ArrowRight"))
    app.says("Unit 6 ")
    expect(listed).to_be_visible()


def test_one_store_is_compared_layer_by_layer_and_is_told_how_to_have_two(tab, small_server):
    app = tab(small_server)
    app.open("/compare?store=demo")
    expect(app.page.get_by_text("every store in the same")).to_be_visible()
    expect(app.page.locator(".us-table tr", has_text="classifier.1").first).to_be_visible()


def test_how_a_store_came_to_be_is_a_short_table_with_all_facts_behind_a_click(tab, small_server):
    app = tab(small_server)
    app.open("/?store=demo")
    expect(app.page.locator(".us-short tr", has_text="Network")).to_be_visible()
    facts = app.page.get_by_test_id("stJson")
    expect(facts).to_be_hidden()
    app.page.get_by_text("Everything else").click()
    expect(facts).to_be_visible()


UNSAID = """() => [
    ...[...document.querySelectorAll('[data-testid=stMain] img')]
        .filter(one => !one.hasAttribute('alt') || (!one.alt && !one.closest('figure, dl, a'))),
    ...[...document.querySelectorAll('[data-testid=stMain] figure, [data-testid=stMain] .tile')]
        .filter(one => one.querySelector('img') && ![...one.querySelectorAll('img')].some(picture => picture.alt)),
    ...[...document.querySelectorAll('[data-testid=stVegaLiteChart]')]
        .filter(one => !one.querySelector('[aria-label]:not([aria-label=""])')),
    ...[...document.querySelectorAll('[data-testid=stMain] :is(a, button)')]
        .filter(one => one.checkVisibility() && !one.innerText.trim() && !one.ariaLabel && !one.title
            && !one.querySelector('img[alt]:not([alt=""]), [aria-label]')),
].map(one => one.outerHTML.slice(0, 160))"""


def test_every_picture_chart_link_and_button_has_words_for_those_who_cannot_see_it(tab, small_server):
    app = tab(small_server)
    for page in ("", "layer", "unit", "class", "image", "closer", "compare", "experiments", "what_if"):
        app.open(f"/{page}?store=demo&layer={LAYER}&unit=5&units=5,6&experiment=statistics")
        expect(app.page.locator(".us-sentence, .us-head").first).to_be_visible()
        expect(
            app.page.locator("[data-testid=stVegaLiteChart] .marks").or_(app.page.locator("img")).first
        ).to_be_visible()
        assert app.page.evaluate(UNSAID) == [], page
