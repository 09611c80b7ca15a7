"""Names that people and folders give, whatever they hold, are text on every page and turn nothing around them."""

from urllib.parse import urlencode

import pytest
from playwright.sync_api import expect

from explorer import saved_what_ifs
from explorer.labels import LABELS, MOST_TEXT, Label
from explorer.rows_beside_store import MOST_RATER
from precompute.__main__ import main
from tests.browser.conftest import serve
from tests.explorer.test_literal import rename
from tests.factory import Recipe, as_if_written, make_store

HOSTILE = [
    *("<script>window.ran = 1</script>", "<img src=x onerror='window.ran = 1'>", "$x^2$ **b** :red[r]"),
    *("[a](http://b.c) www.x.com", "a | b", "א שלום \u202e txet", "🔬🧪 :smile:", "first\nsecond\tthird", "=1+1"),
    *("W" * 300, "`code` ~~s~~ \\ \"q\" 'p'", "&lt;b&gt; & --"),
]
LAYER = "features.10"
PAGES = {
    "/": {},
    "/layer": {"class": 0, "find": f"label:{HOSTILE[0]}"},
    "/unit": {"unit": 9},
    "/class": {"class": 8},
    "/image": {},
    "/experiments": {"experiment": "statistics"},
    "/what_if": {"units": "1,2"},
    "/compare": {"part": "matched"},
    "/closer": {"unit": 1},
    "/quiz": {},
}


@pytest.fixture(scope="module")
def strange(tmp_path_factory):
    """The app on a store whose classes, labels, raters and saved what-ifs are called by such names."""
    runs = tmp_path_factory.mktemp("strange")
    store = make_store(runs / "demo.h5", Recipe(n_classes=len(HOSTILE), per_class=10, k=10))
    with as_if_written(store) as file:
        rename(file, "/classes/title", HOSTILE)
    assert main(["experiment", "statistics", str(store)]) == 0
    for unit, name in enumerate(HOSTILE):
        for rater in ("Ada", name[:MOST_RATER]):
            LABELS.put(store, Label(LAYER, unit, rater, name[:MOST_TEXT], note=name))
        saved_what_ifs.save(store, name[:MOST_TEXT], {"layer": LAYER, "units": "1,2"})
    yield from serve(runs, {"UNITSCOPE_WHAT_IF_COMMAND": "false"})


BEYOND = """() => [...document.querySelectorAll('[data-testid=stMain] .stHtml *')].filter(one => {
    const shown = one.getBoundingClientRect();
    for (let at = one; at; at = at.parentElement) if (getComputedStyle(at).overflowX === 'hidden') return false;
    return shown.width > 0 && shown.right > document.documentElement.clientWidth + 1 && one.checkVisibility();
}).map(one => one.outerHTML.slice(0, 80))"""
TURNING = """() => [...document.querySelectorAll('.stHtml :is(a, b, bdi)')]
    .filter(one => !getComputedStyle(one).unicodeBidi.startsWith('isolate')).length"""


@pytest.mark.parametrize("page", PAGES)
def test_names_are_text_are_seen_whole_and_turn_nothing_around_them(page, tab, strange):
    app = tab(strange)
    app.page.on("dialog", lambda dialog: app.faults.append(dialog.message))
    asked = {**PAGES[page], "store": "demo", "layer": LAYER}
    with_names = {name: classes()[value] if name == "class" else value for name, value in asked.items()}
    app.open(f"{page}?{urlencode(with_names)}")
    expect(app.page.locator(".us-head, .us-sentence").first).to_be_visible()
    assert app.page.evaluate("window.ran") is None
    assert app.page.locator(".stMain :is(.katex, a[href*='b.c'], a[href*='x.com'])").count() == 0
    assert app.page.evaluate(BEYOND) == []
    assert app.page.evaluate(TURNING) == 0


def classes():
    """The folders of the classes, whose titles are the names."""
    shades, shapes = ("blue", "green", "red", "yellow"), ("ball", "kite", "star")
    return sorted(f"{shade}_{shape}" for shade in shades for shape in shapes)


def test_labels_of_such_names_are_read_as_they_were_typed(tab, strange):
    app = tab(strange)
    app.open(f"/unit?{urlencode({'store': 'demo', 'layer': LAYER, 'unit': 0})}")
    expect(app.page.get_by_text(f"“{HOSTILE[0]}” (Ada, fair)")).to_be_visible()
    app.page.get_by_role("textbox", name="Find").fill(HOSTILE[3])
    app.settle(lambda: app.page.get_by_role("textbox", name="Find").press("Enter"))
    # A class is called so too.
    expect(app.page.locator(".us-found")).to_contain_text(f"{LAYER}:3 “{HOSTILE[3]}”")


def test_a_rater_and_labels_of_such_names_are_text_where_units_are_named(tab, strange):
    app = tab(strange)
    app.open(f"/name?{urlencode({'store': 'demo', 'layer': LAYER})}")
    app.page.get_by_label("Your name").fill(HOSTILE[0])
    app.settle(lambda: app.page.keyboard.press("Enter"))
    expect(app.page.locator(".us-place", has_text=HOSTILE[0])).to_be_visible()
    field = app.page.get_by_label("It answers to")
    expect(field).to_be_editable()
    field.fill("<img src=x onerror='window.ran = 1'> $x$ [a](b)")
    app.settle(lambda: app.page.keyboard.press("Enter"))
    expect(app.page.get_by_text("<img src=x onerror='window.ran = 1'> $x$ [a](b)")).to_be_visible()
    assert app.page.evaluate("window.ran") is None
    assert app.page.evaluate(BEYOND) == []
