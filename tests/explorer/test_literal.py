"""Names from a store stay what they are, whatever they hold."""

import html

import h5py
import pytest

from precompute.store.facts import fixed
from tests.explorer.conftest import put

NASTY = "<img src=x onerror=alert(1)>' \" $x^2$ **b** [l](http://x.y) :red[r] www.x.com"


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
    return path


@pytest.mark.parametrize("page", ["overview", "layer", "unit"])
def test_no_name_becomes_markup(page, nasty, show):
    shown = show(page, store="demo", layer="features.10", class_=f"{NASTY} 0")
    bodies = shown.words
    assert "<img src=x" not in bodies
    assert html.escape(NASTY, quote=True) in bodies


def test_markdown_labels_are_escaped(made, runs, show):
    put(made("full"), runs, "a*b*$x$")
    links = show("unit").app.get("page_link")
    assert r"a\*b\*\$x\$" in links[0].proto.label


def test_tiles_carry_names_as_data_which_the_wall_sets_as_text(nasty, show):
    script = show("layer", store="demo", layer="features.10").tiles()[0].proto.js_content
    assert "textContent" in script
    assert "innerHTML" not in script
