"""Names from a store stay what they are, whatever they hold."""

import csv
import html
import io
import json
import re
from dataclasses import replace
from types import SimpleNamespace
from xml.etree import ElementTree

import h5py
import numpy as np
import pytest

from explorer.csv_text import as_it_was, csv_of
from explorer.format import isolated, md_text, not_isolated, writable
from explorer.pages.what_if.all_images import changed_frame
from explorer.paper import drawable_text
from explorer.widgets import take_away
from explorer.widgets.html import escape, said_by
from precompute.__main__ import main
from precompute.store.facts import fixed
from precompute.store.reader import open_store
from tests.explorer.conftest import put
from tests.factory import as_if_written

NASTY = "<img src=x onerror=alert(1)>' \" $x^2$ **b** [l](http://x.y) :red[r] www.x.com"

BREAKING = "x\" + 'y' \\ \n\r z"


def rename(file, path, names):
    """Put other texts, which may be longer, in the place of those of a dataset."""
    facts = dict(file[path].attrs)
    del file[path]
    file[path] = fixed(names)
    file[path].attrs.update(facts)


@pytest.fixture
def nasty(made, runs):
    path = put(made("full"), runs)
    with h5py.File(path, "r+") as file:
        for name in ("title", "name"):
            rename(file, f"/classes/{name}", [f"{NASTY} {index}" for index in range(len(file[f"/classes/{name}"]))])
        rename(file, "/images/path", [f"{NASTY}/{path}" for path in file["/images/path"].asstr()[...]])
        rename(file, "/images/skipped/path", [NASTY])
        file["/model"].attrs["spec"] = NASTY
        for layer in file["/layers"].values():
            for measure in layer["measure"].values():
                label = f"{measure.attrs['label']} {BREAKING}"
                measure.attrs.update(label=label, formula=BREAKING)
    return path


def titles(part):
    """Every title anywhere in the specification of a chart."""
    if isinstance(part, list):
        return [title for each in part for title in titles(each)]
    if not isinstance(part, dict):
        return []
    own = [part["title"]] if isinstance(part.get("title"), str) else []
    return own + [title for each in part.values() for title in titles(each)]


@pytest.mark.parametrize("page", ["overview", "layer", "unit"])
def test_no_name_becomes_markup(page, nasty, show):
    shown = show(page, store="demo", layer="features.10", class_=f"{NASTY} 0")
    bodies = shown.words
    assert "<img src=x" not in bodies
    assert html.escape(NASTY, quote=True) in bodies


def test_no_label_breaks_the_expressions_that_charts_are_made_into(nasty, show):
    found = [
        title
        for page in ("layer", "compare")
        for chart in show(page, store="demo", layer="features.10").charts()
        for title in titles(json.loads(chart.proto.spec))
    ]
    assert any("x” + 'y' / z" in title for title in found)
    assert not any(sign in title for title in found for sign in '"\\\n\r')


def test_markdown_labels_are_escaped(made, runs, show):
    put(made("full"), runs, "a*b*$x$")
    links = show("unit").app.get("page_link")
    assert r"a\*b\*\$x\$" in links[0].proto.label


def test_tiles_carry_names_as_data_which_the_wall_sets_as_text(nasty, show):
    script = show("layer", store="demo", layer="features.10").tiles()[0].proto.js_content
    assert "textContent" in script
    assert "innerHTML" not in script


@pytest.mark.parametrize("page", ["overview", "unit"])
def test_figures_leave_with_such_names_as_text_in_drawings_and_harmless_in_tables(page, nasty, show, monkeypatch):
    with h5py.File(nasty, "r+") as file:
        rename(file, "/classes/title", [f"={NASTY} {index}" for index in range(len(file["/classes/title"]))])
    figures = []
    monkeypatch.setattr(take_away, "show", lambda figure, **_: figures.append(figure))
    show(page, store="demo", layer="features.10", unit="2")
    cells = []
    for figure in (make() for make in figures):
        drawing = ElementTree.fromstring(figure.made(180, "svg", figure.caption))
        kinds = {part.tag.rpartition("}")[2] for part in drawing.iter()}
        assert not kinds & {"script", "foreignObject", "a"}
        cells += [cell for row in csv.reader(io.StringIO(csv_of(figure.numbers()))) for cell in row]
    assert not [cell for cell in cells if cell.startswith("=")]
    assert any(cell.startswith("'=<img src=x") for cell in cells)


def test_signs_that_turn_what_follows_are_seen_and_turn_nothing():
    turned = "a\u202eb\u2067c"
    assert escape(turned) == md_text(turned).replace("\\\\", "\\") == r"a\u202eb\u2067c"
    assert said_by("\u202e<b>") == r"<bdi>\u202e&lt;b&gt;</bdi>"
    assert writable("שלום") == "שלום"


def test_a_name_that_is_written_from_right_to_left_turns_nothing_in_a_sentence():
    name = "א שלום 3"
    assert isolated(name) == f"\u2068{name}\u2069"
    assert isolated("deer") == "deer"
    sentence = f"of {isolated(name)} and {isolated('ق')}, 2 of 3"
    assert escape(sentence) == md_text(sentence) == sentence
    assert not_isolated(sentence) == f"of {name} and ق, 2 of 3"
    assert drawable_text(sentence) == f"of \u200e{name}\u200e and \u200eق\u200e, 2 of 3"
    assert isolated("א\u2069b\u2068") == "\u2068א\\u2069b\\u2068\u2069"
    assert writable("a\u2068b\u202ec\u2069") == r"a\u2068b\u202ec\u2069"


HEBREW = "אבגדהוזחטיכלמנסעפצקרשת"
SAID = re.compile('<(?:p|h2)[^>]*class="us-(?:note|sentence|head|plain)[^>]*>(.*?)</(?:p|h2)>', re.S)
ISOLATED = re.compile("<(a|b|bdi)[ >].*?</\\1>|\u2068[^\u2069]*\u2069", re.S)


@pytest.fixture(scope="module")
def from_right_to_left(made, tmp_path_factory):
    """A store with statistics whose classes are called by Hebrew words and numbers."""
    path = put(made("full"), tmp_path_factory.mktemp("hebrew"))
    with as_if_written(path) as file:
        names = file["/classes/title"].asstr()[...]
        rename(file, "/classes/title", [f"{letter} שם" for letter, _ in zip(HEBREW, names, strict=False)])
    assert main(["experiment", "statistics", str(path)]) == 0
    return path


@pytest.mark.parametrize(
    ("page", "names"),
    [("unit", True), ("class", True), ("image", True), *((each, False) for each in ("overview", "layer", "closer"))],
)
def test_no_sentence_of_a_page_is_turned_by_such_a_name(page, names, from_right_to_left, runs, show):
    put(from_right_to_left, runs)
    words = "".join(
        show(page, store="demo", layer="features.10", unit=str(unit), class_="blue_star").words for unit in range(3)
    )
    assert [said for said in SAID.findall(words) if " שם" in ISOLATED.sub("", said)] == []
    assert (" שם" in words) >= names


def test_such_names_turn_nothing_in_figures_and_are_plain_in_their_tables(from_right_to_left, runs, show, monkeypatch):
    put(from_right_to_left, runs)
    figures = []
    monkeypatch.setattr(take_away, "show", lambda figure, **_: figures.append(figure))
    show("layer", store="demo", layer="features.10")
    show("class", store="demo", layer="features.10", class_="blue_star")
    drawn, cells = "", set()
    for figure in (make() for make in figures):
        drawn += figure.made(180, "svg", figure.caption).decode()
        cells |= {cell for row in csv.reader(io.StringIO(csv_of(figure.table()))) for cell in row}
    assert re.search("class \u200e. שם\u200e", drawn)
    assert not set("\u2068\u2069") & set(drawn)
    assert [cell for cell in cells if " שם" in cell]
    assert not [cell for cell in cells if set("\u2068\u2069\u200e") & set(cell)]


PATHS = [
    *("<script>alert(1)</script>.png", "$x$ [a](b) | :red[r].png", "א שלום.png", "🔬.png", "a\nb.png"),
    *("=1+1.png", "＝1.png", " -1.png", "@x.png", "'=1.png"),
]


@pytest.fixture
def strange_paths(made, runs):
    """A store whose images, all that some unit flips among them, lie at such paths."""
    path = put(made("full"), runs)
    with h5py.File(path, "r+") as file:
        n = len(file["/images/path"])
        rename(file, "/images/path", [PATHS[at % len(PATHS)].replace(".png", f"{at}.png") for at in range(n)])
    return path


def test_image_paths_are_cells_that_compute_nothing_and_tell_what_they_were(strange_paths):
    with open_store(strange_paths) as store:
        layer = store.layer("features.10")
        flips = max((layer.flips("zero", unit) for unit in range(layer.n_units)), key=lambda each: len(each.image))
        every = replace(flips, image=np.arange(10), prediction=np.resize(flips.prediction, 10))
        rows = list(csv.reader(io.StringIO(csv_of(changed_frame(SimpleNamespace(store=store), every)), newline="")))
        paths = [store.images.path[image] for image in range(10)]
    cells = [row[1] for row in rows[1:]]
    assert [as_it_was(cell) for cell in cells] == paths
    assert [cell.startswith("'") for cell in cells] == [False] * 5 + [True] * 5


@pytest.mark.parametrize("at", range(len(PATHS)))
def test_an_image_path_is_text_on_its_page_and_in_a_figure_that_names_it(at, strange_paths, show, monkeypatch):
    figures = []
    monkeypatch.setattr(take_away, "show", lambda figure, **_: figures.append(figure))
    with open_store(strange_paths) as store:
        path = store.images.path[at]
    words = show("image", store="demo", layer="features.10", image=path).words
    assert "<script>" not in words
    assert escape(path) in words
    made_of = [ElementTree.fromstring(figure.made(180, "svg", figure.caption)) for figure in (f() for f in figures)]
    kinds = {part.tag.rpartition("}")[2] for drawing in made_of for part in drawing.iter()}
    assert not kinds & {"script", "foreignObject", "a"}
    captions = " ".join(" ".join("".join(part.itertext()).split()) for drawing in made_of for part in drawing.iter())
    assert " ".join(path.split()) in captions
