"""Names that people and folders give, whatever they hold, are text on every page and turn nothing around them."""

import csv
import io
from pathlib import Path
from urllib.parse import urlencode
from xml.etree import ElementTree

import pytest
from PIL import Image
from playwright.sync_api import expect

from explorer import saved_what_ifs
from explorer.csv_text import harmless
from explorer.labels import LABELS, MOST_TEXT, Label
from explorer.rows_beside_store import MOST_RATER
from precompute.__main__ import main
from tests.browser.conftest import serve
from tests.browser.test_take_away import CHART, open_menu, take
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
        file["/model"].attrs["spec"] = HOSTILE[1]
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


FORMULAS = tuple("=+-@\t\r\n")


def cells_of(text):
    return [cell for row in csv.reader(io.StringIO(text, newline="")) for cell in row]


def is_text(cell):
    """Whether a spreadsheet shows a cell as it is: it is a number, or begins no formula."""
    return not cell.startswith(FORMULAS) or cell.lstrip("+-").replace(".", "").replace("e-", "").isdigit()


def test_figures_leave_with_such_names_as_text(tab, strange):
    app = tab(strange)
    app.open(f"/unit?{urlencode({'store': 'demo', 'layer': LAYER, 'unit': 0})}")
    expect(app.page.locator("[class*=st-key-class_profile] .mark-text").first).to_be_visible()
    open_menu(app, CHART)
    root = ElementTree.fromstring(take(app, "SVG")[1])
    parts = list(root.iter())
    texts = [part.text for part in parts if part.tag.endswith("}text")]
    assert {"a | b", "=1+1", "$x^2$ **b** :red[r]", "[a](http://b.c) www.x.com", "&lt;b&gt; & --"} <= set(texts)
    assert any(text and text.startswith("<script>window.ran = 1</") for text in texts)
    assert f"network {HOSTILE[1]}, " in root[1].text
    assert not {part.tag.rpartition("}")[2] for part in parts} & {"script", "img", "foreignObject", "a"}
    assert not [name for part in parts for name in part.attrib if name.startswith("on")]
    _, pdf = take(app, "PDF")
    assert pdf.startswith(b"%PDF")
    assert not [word for word in (b"/URI", b"/JavaScript", b"/Annots") if word in pdf]
    assert Image.open(io.BytesIO(take(app, "PNG")[1])).width > 1000
    cells = cells_of(take(app, "CSV")[1].decode())
    assert {harmless(name) for name in (HOSTILE[0], HOSTILE[3], HOSTILE[7], "=1+1")} <= set(cells)
    assert [cell for cell in cells if not is_text(cell)] == []


def test_a_report_holds_such_names_as_text_and_runs_nothing(tab, strange, tmp_path):
    app = tab(strange)
    app.open(f"/unit?{urlencode({'store': 'demo', 'layer': LAYER, 'unit': 0})}")
    app.settle(app.page.locator("[class*=st-key-share] button").first.click)
    file = tmp_path / "report.html"
    file.write_bytes(take(app, "Report of unit 0")[1])
    reader = app.page.context.new_page()
    asked = []
    reader.on("request", lambda request: asked.append(request.url))
    reader.goto(file.as_uri())
    expect(reader.get_by_text(f"“{HOSTILE[0]}” (Ada, fair)")).to_be_visible()
    words = reader.locator("body").inner_text().replace("\u00a0", " ")
    for name in (*HOSTILE[:2], "[a](http://b.c) www.x.com", "=1+1"):
        assert name in words
    assert reader.evaluate("window.ran") is None
    assert reader.locator(":is(script, img[src=x], .katex, a[href*='b.c'], a[href*='x.com'])").count() == 0
    assert [url for url in asked if not url.startswith("data:")] == [file.as_uri()]
    reader.close()


def test_labels_of_such_names_leave_as_cells_that_compute_nothing_and_come_back_as_they_were(tab, strange):
    app = tab(strange)
    app.open("/?store=demo")
    with app.page.expect_download(timeout=30_000) as started:
        app.page.get_by_role("button", name="Labels as CSV").click()
    text = Path(started.value.path()).read_bytes().decode("utf-8-sig")
    cells = cells_of(text)
    assert "'=1+1" in cells
    assert [cell for cell in cells if not is_text(cell)] == []
    given = {label.of: label for label in LABELS.read(text)}
    held = {label.of: label for label in LABELS.load(strange.runs / "demo.h5")}
    assert len(held) >= 2 * len(HOSTILE)
    assert given == held
