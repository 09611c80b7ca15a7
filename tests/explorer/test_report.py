"""Reports: the pages of the app as one file that needs nothing else."""

import os
import re
import shutil
import stat
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

from explorer import report
from explorer.charts.theme import PALETTES
from explorer.report import main, write_report
from precompute.store.reader import open_store
from tests.explorer.conftest import put
from tests.explorer.test_literal import NASTY, nasty  # noqa: F401
from tests.factory import Recipe, make_store


@pytest.fixture(autouse=True)
def arguments(monkeypatch):
    """The app reads the process's arguments, which a report sets."""
    monkeypatch.setattr(sys, "argv", ["pytest"])


@pytest.fixture(scope="module")
def written(made, tmp_path_factory):
    """A report of two units."""
    out = tmp_path_factory.mktemp("report") / "report.html"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["pytest"])
        assert write_report(made("full"), "features.10", "1, 4", out) == 2
    return out.read_text("utf-8")


class Read(HTMLParser):
    """What a document consists of."""

    def __init__(self, document):
        super().__init__()
        self.tags, self.addresses, self.ids, self.words = [], [], [], []
        self.feed(document)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.addresses += [value for name, value in attributes if name in ("src", "href", "xlink:href")]
        self.ids += [value for name, value in attributes if name == "id"]
        assert not any(name.startswith("on") for name, _ in attributes)

    def handle_data(self, data):
        self.words.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())


def text_of(body):
    return Read(body).text.replace("\u00a0", " ")


def test_it_says_of_every_unit_what_its_page_says(written, made, runs, show):
    put(made("full"), runs)
    said = text_of(written)
    for unit in (1, 4):
        page = show("unit", store="demo", layer="features.10", unit=str(unit))
        bodies = [each.proto.body for each in page.app.get("html")]
        told = [body for body in bodies if body.startswith(('<p class="us-sentence"', '<dl class="us-measures"'))]
        assert len(told) == 2
        assert all(text_of(body) in said for body in told)


def test_it_says_no_markup_of_the_screen(written):
    assert ":gray[" not in written


def test_it_needs_no_other_file_and_runs_nothing(written):
    read = Read(written)
    assert {"script", "link", "iframe", "object", "form", "input", "button"}.isdisjoint(read.tags)
    assert all(address.startswith(("data:image/", "#")) for address in read.addresses)
    assert "default-src 'none'" in written
    assert "url(http" not in written


def test_it_has_the_charts_and_pictures_of_the_pages(written):
    read = Read(written)
    assert read.tags.count("section") == 2
    assert written.count('<figure class="chart"') == 4
    assert len(read.ids) == len(set(read.ids))
    assert written.count("us-gallery") >= 4


def test_it_names_where_it_comes_from(written, full_store):
    said = text_of(written)
    assert "Units 1, 4 of features.10" in said
    assert f"fingerprint {full_store.fingerprint}" in said


def test_a_report_of_a_layer_has_its_table_and_of_many_units_the_main_things(made, tmp_path, monkeypatch):
    monkeypatch.setattr(report, "MOST_WHOLE", 3)
    out = tmp_path / "layer.html"
    assert write_report(made("full"), "features.10", None, out) == 6
    written = out.read_text("utf-8")
    rows = re.findall(r'<tr><td class="us-number">(\d)</td>', written)
    assert rows == [str(unit) for unit in range(6)]
    assert written.count('class="brief"') == 6
    assert written.count('<figure class="chart"') == 1
    assert all(f'href="#unit-{unit}"' in written for unit in range(6))


def test_hostile_names_are_text(nasty, tmp_path):  # noqa: F811
    out = tmp_path / "nasty.html"
    write_report(nasty, "features.10", "0", out)
    written = out.read_text("utf-8")
    assert "<img src=x" not in written
    assert " ".join(NASTY.split()) in text_of(written)


def test_a_layer_without_ablation_or_exemplars_has_a_report(tmp_path):
    recipe = Recipe(n_classes=3, per_class=4, layers=(("a.b", 3, (4, 4)),), kinds=(), without=frozenset({"bottom"}))
    store = make_store(tmp_path / "bare.h5", recipe)
    write_report(store, "a.b", "0-2", tmp_path / "bare.html")
    assert "ablation" not in (tmp_path / "bare.html").read_text("utf-8").split("</header>")[0].split("<h1>")[1]


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (["--layer", "features.99"], "there is no layer"),
        (["--layer", "features.10", "--units", "6"], "no unit 6"),
        (["--layer", "features.10", "--units", ","], "name at least one unit"),
        (["--layer", "features.10", "--ablation", "sum"], "was ablated by zero"),
    ],
)
def test_what_is_not_there_is_refused_and_nothing_is_written(made, tmp_path, capsys, asked, told):
    out = tmp_path / "report.html"
    assert main([str(made("full")), *asked, "--out", str(out)]) == 1
    assert told in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_is_told(made, tmp_path, capsys):
    assert main([str(made("full")), "--layer", "features.10", "--units", "1", "--out", str(tmp_path / "a" / "b")]) == 1
    assert "cannot be written" in capsys.readouterr().err


def test_nothing_but_a_report_is_replaced(made, tmp_path, capsys):
    store, notes = tmp_path / "demo.h5", tmp_path / "notes.txt"
    shutil.copyfile(made("full"), store)
    notes.write_text("precious")
    before = store.read_bytes()
    for place in (store, notes, tmp_path, Path(os.devnull)):
        assert main([str(store), "--layer", "features.10", "--units", "1", "--out", str(place)]) == 1
        assert "the report would replace it" in capsys.readouterr().err
    assert (store.read_bytes(), notes.read_text()) == (before, "precious")
    assert stat.S_ISCHR(Path(os.devnull).stat().st_mode)


def test_the_command_says_what_it_wrote(made, tmp_path, capsys):
    out = tmp_path / "one.html"
    assert main([str(made("full")), "--layer", "features.10", "--units", "2", "--out", str(out)]) == 0
    assert "one.html: 1 unit, " in capsys.readouterr().out
    with open_store(made("full")) as store:
        assert store.fingerprint in out.read_text("utf-8")


def test_it_is_drawn_in_the_colours_that_are_asked_for(made, tmp_path, written):
    out = tmp_path / "printed.html"
    of_loss = PALETTES["print"].colours[1]
    assert main([str(made("full")), "--layer=features.10", "--units=4", "--palette=print", f"--out={out}"]) == 0
    assert of_loss in out.read_text("utf-8")
    assert of_loss not in written
