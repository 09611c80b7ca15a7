"""A report: units of a layer in one self-contained HTML file, made from the app's pages.

The app starts ``python -m explorer.report`` to make one; users run ``unitscope report``.
"""

import argparse
import os
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import count as counter
from pathlib import Path
from typing import Any, TextIO

from explorer import navigate, paper
from explorer.charts.theme import PALETTES
from explorer.format import count, number, significant
from explorer.origin import Origin
from explorer.page_run import Chart, Choice, Columns, Folded, Html, PageRun, Piece, Table
from explorer.press import MOST_WHOLE
from explorer.selection import Selection
from explorer.widgets import palette
from explorer.widgets.html import escape
from precompute.errors import DiskError, LayerError, UnitscopeError
from precompute.store.damage import reading
from precompute.store.place import keep_rights
from precompute.store.reader import Layer, Store, open_store
from precompute.what_if.unit_list import read_units, write_units
from precompute.words import printable, size

_CHART_WIDTH = 620
_FIRST_PICTURES = 8
_HERE = Path(__file__).parent
_START = "<!DOCTYPE html>"
_SAFE = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


@dataclass(frozen=True, eq=False)
class _Asked:
    """The subject of a report: some units of a layer, or the layer with all its units."""

    store: Store
    layer: Layer
    units: Sequence[int]
    whole_layer: bool
    ablation: str | None
    palette: str

    def query(self, unit: int | None = None) -> dict[str, str]:
        """Return the parameters of the page of a unit, or of the layer."""
        return {**self.shown.to(unit=unit).query(), palette.PARAMETER: self.palette}

    @property
    def shown(self) -> Selection:
        """The selection that its pages show."""
        kind = self.ablation or next(iter(self.layer.ablations), "zero")
        return Selection(printable(self.store.path.stem), layer=self.layer.name, ablation=kind)

    @property
    def title(self) -> str:
        """The title of the report."""
        if self.whole_layer:
            return f"{self.layer.name}, {count(len(self.units), 'unit')}"
        noun = "Unit" if len(self.units) == 1 else "Units"
        return f"{noun} {write_units(self.units).replace('-', '–')} of {self.layer.name}"


def write_report(
    path: Path,
    layer: str,
    units: str | None,
    out: Path,
    *,
    ablation: str | None = None,
    colours: str = palette.USUAL,
) -> int:
    """Write a report.

    Parameters
    ----------
    path : Path
        The store.
    layer : str
        The layer.
    units : str or None
        The units as a list such as ``3, 7, 12-20``; None for the layer with all its units.
    out : Path
        The file. It is moved into place when it is complete.
    ablation : str, optional
        The kind of ablation; the layer's first by default.
    colours : str
        One of `explorer.charts.theme.PALETTES`.

    Returns
    -------
    int
        Number of units in the report.

    Raises
    ------
    UnitscopeError
        Where the store cannot be read, has no such layer, unit or kind of ablation, or the file cannot be written.
    """
    with reading(path), open_store(path) as store:
        held = store.layer(layer)
        chosen = range(held.n_units) if units is None else read_units(units, held.n_units)
        if not len(chosen):
            raise LayerError(f"--units {units}: name at least one unit of {layer}, such as 3, 7, 12-20.")
        if ablation is not None and ablation not in held.ablations:
            raise LayerError(f"--ablation {ablation}: {layer} was ablated by {', '.join(held.ablations) or 'nothing'}.")
        asked = _Asked(store, held, chosen, units is None, ablation, colours)
        try:
            _write_to(_place_of(out), asked)
        except OSError as error:
            raise DiskError(f"{out}: this file cannot be written ({error.strerror}). Name another place.") from error
    return len(chosen)


def _place_of(out: Path) -> Path:
    """Return where the report goes, with links followed.

    Raises
    ------
    DiskError
        Where something is there that is no report: a folder, a device, or a file of another kind, such as the store.
    """
    place = Path(os.path.realpath(out))
    if place.exists() and not (place.is_file() and _may_be_replaced(place)):
        raise DiskError(f"{out} is not an HTML file, and the report would replace it. Name another place.")
    return place


def _may_be_replaced(file: Path) -> bool:
    with file.open("rb") as opened:
        return opened.read(len(_START)).decode("utf-8", "replace").lower() in ("", _START.lower())


def _write_to(place: Path, asked: _Asked) -> None:
    part = place.with_name(f".{place.name}.part")
    part.unlink(missing_ok=True)
    try:
        with part.open("x", encoding="utf-8", errors="backslashreplace", newline="\n") as file:
            keep_rights(part, place)
            _write(asked, file)
        part.replace(place)
    finally:
        with suppress(OSError):
            part.unlink()


def _write(asked: _Asked, file: TextIO) -> None:
    pages, put, name = PageRun(asked.store.path), _Writer(file), asked.shown.store
    silenced = [f"{asked.shown.ablation} ablation"] if asked.layer.ablations else []
    origin = Origin(((name, asked.store),), (asked.layer.name, *silenced))
    put.start(f"{asked.title} · {name}", asked.title, origin)
    if asked.whole_layer:
        put.section("layer", pages.pieces(navigate.LAYER, asked.query()))
    brief = len(asked.units) > MOST_WHOLE
    if len(asked.units) > 1:
        put.contents(asked.units, brief=brief)
    for unit in asked.units:
        pieces = pages.pieces(navigate.UNIT, asked.query(unit))
        if brief:
            put.section(f"unit-{unit}", tuple(_main_things(pieces)), "brief")
        else:
            put.section(f"unit-{unit}", pieces)
    file.write("</main>\n</body>\n</html>\n")


def _main_things(pieces: Sequence[Piece]) -> Iterator[Piece]:
    """Keep the part of a unit's page above its figures, and its first pictures."""
    for piece in pieces:
        if isinstance(piece, Columns):
            walls = (part for part in piece.parts[0] if isinstance(part, Html) and "us-gallery" in part.body)
            yield from (Html(_first_pictures(wall.body)) for wall in walls)
            return
        if isinstance(piece, Html):
            yield piece


def _first_pictures(wall: str) -> str:
    head, *figures = wall.split("<figure")
    if len(figures) <= _FIRST_PICTURES:
        return wall
    return "<figure".join([head, *figures[:_FIRST_PICTURES]]) + "</div>"


class _Writer:
    """Writes pieces of pages into an HTML document."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._charts = counter(1)

    def start(self, title: str, heading: str, origin: Origin) -> None:
        style = "".join(path.read_text("utf-8") for path in (_HERE / "widgets" / "style.css", _HERE / "report.css"))
        self._file.write(
            f'{_START}\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
            f'<meta http-equiv="Content-Security-Policy" content="{_SAFE}">\n'
            '<meta name="viewport" content="width=device-width">\n'
            f"<title>{escape(title)}</title>\n<style>{style}</style>\n</head>\n"
            f'<body class="stApp">\n<header><h1>{escape(heading)}</h1><p class="us-note">{escape(origin.words)}</p>'
            "</header>\n<main>\n"
        )

    def contents(self, units: Sequence[int], *, brief: bool) -> None:
        """Write links to every unit; say what is left out of a long report."""
        links = " ".join(f'<a href="#unit-{unit}">{unit}</a>' for unit in units)
        self._file.write(f"<nav><p>Units: {links}</p>")
        if brief:
            self._file.write(
                '<p class="us-note">Only the main things about each unit are shown; a report of '
                f"{MOST_WHOLE} units or fewer has their figures too.</p>"
            )
        self._file.write("</nav>\n")

    def section(self, name: str, pieces: Sequence[Piece], look: str = "whole") -> None:
        """Write a page as a section."""
        self._file.write(f'<section id="{escape(name)}" class="{look}">\n')
        # Long lists, which are folded away on the screen, come after the figures.
        self._put(sorted(pieces, key=lambda piece: isinstance(piece, Folded)))
        self._file.write("</section>\n")

    def _put(self, pieces: Sequence[Piece]) -> None:
        for piece in pieces:
            if isinstance(piece, Columns):
                self._columns(piece)
            elif isinstance(piece, Folded):
                self._file.write(f'<h2 class="us-head">{escape(piece.title)}</h2>\n')
                self._put(piece.parts)
            else:
                self._file.write(self._html(piece) + "\n")

    def _columns(self, piece: Columns) -> None:
        widths = " ".join(f"minmax(0, {weight:g}fr)" for weight in piece.weights)
        # A table takes the whole width of the page.
        look = "columns wide" if any(isinstance(each, Table) for part in piece.parts for each in part) else "columns"
        self._file.write(f'<div class="{look}" style="--widths: {widths}">\n')
        for part in piece.parts:
            self._file.write("<div>\n")
            self._put(part)
            self._file.write("</div>\n")
        self._file.write("</div>\n")

    def _html(self, piece: Html | Choice | Chart | Table) -> str:
        if isinstance(piece, Html):
            # Links lead to pages of the app, which are not in the report.
            return re.sub(r"</?a\b[^>]*>", "", piece.body)
        if isinstance(piece, Choice):
            return f'<p class="us-note choice">{escape(piece.label)}: <b>{escape(piece.chosen)}</b></p>'
        if isinstance(piece, Chart):
            drawn = paper.draw_chart(piece.spec, _CHART_WIDTH, ids=f"chart-{next(self._charts)}-").svg
            return f'<figure class="chart" role="img" aria-label="{escape(piece.says)}">{drawn}</figure>'
        return _table(piece)


def _table(piece: Table) -> str:
    frame = piece.frame
    kinds = ['class="us-number"' if kind in "iuf" else "" for kind in (each.kind for each in frame.dtypes)]
    head = "".join(f"<th {kind}>{escape(name)}</th>" for name, kind in zip(frame.columns, kinds, strict=True))
    rows = "".join(
        "<tr>"
        + "".join(f"<td {kind}>{_cell(*cell)}</td>" for *cell, kind in zip(row, piece.decimals, kinds, strict=True))
        + "</tr>\n"
        for row in frame.itertuples(index=False, name=None)
    )
    return f'<table class="us-table us-brief"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>'


def _cell(cell: Any, decimals: int | None) -> str:
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, float):
        return significant(cell) if decimals is None else number(cell, decimals)
    return "–" if cell is None else escape(cell)


def main(arguments: Sequence[str] | None = None, *, program: str = "python -m explorer.report") -> int:
    """Write a report and return the exit status: 0 done, 1 refused."""
    parser = argparse.ArgumentParser(
        prog=program,
        description="Writes units of a layer, or the whole layer, as one HTML file that needs nothing else.",
    )
    add = parser.add_argument
    add("store", type=Path, metavar="STORE.h5")
    add("--layer", required=True, metavar="LAYER", help="the layer")
    add("--units", metavar="UNITS", help="units such as 3, 7, 12-20 (the layer and all its units)")
    add("--ablation", metavar="KIND", help="the kind of ablation (the layer's first)")
    add("--palette", default=palette.USUAL, choices=list(PALETTES), help="the colours (%(default)s)")
    add("--out", type=Path, required=True, metavar="FILE.html", help="the file")
    options = parser.parse_args(arguments)
    try:
        n = write_report(
            options.store,
            options.layer,
            options.units,
            options.out,
            ablation=options.ablation,
            colours=options.palette,
        )
    except UnitscopeError as error:
        print(f"error: {printable(str(error))}", file=sys.stderr)
        return 1
    print(f"{printable(str(options.out))}: {count(n, 'unit')}, {size(options.out.stat().st_size)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
