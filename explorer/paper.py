"""Figures on paper: a chart or a wall of pictures with its caption below, as SVG, PDF or PNG.

A chart is drawn from the specification that the page shows, in the colours of the light page. Everything is done on
this machine, with the font that comes with the converter, so that the same figure gives the same file everywhere.
"""

import html
import io
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal
from xml.etree import ElementTree

from PIL import ImageFont

from explorer.format import not_isolated, writable
from explorer.pictures import data_uri, opened

Kind = Literal["svg", "pdf", "png"]
KINDS: tuple[Kind, ...] = ("svg", "pdf", "png")

INK, QUIET, FAINT = "#1c2126", "#5d666f", "#dfe3e6"
FONT = "Liberation Sans, Arial, Helvetica, sans-serif"
_SVG, _XLINK = "http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"

# Type of 13 px on the screen is printed at 7.3 points, as journals set figures.
_PIXELS_A_MM = 448 / 89
_PNG_DPI, _CSS_DPI, _POINTS = 300, 96, 72
_MARGIN, _GAP = 14, 12
_NARROWEST, _WIDEST = 120, 420
_CAPTION_SIZES = (13.0, 11.0)
_LINE, _DESCENT = 1.4, 0.3
# Widths are measured with another font than the printed one, whose lines are at most this much wider.
_SURELY = 1.08

# Characters that XML cannot hold, and those that would reverse the direction of a line.
_NO_TEXT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\u202a-\u202e\u2066-\u2069\ufffe\uffff]")
# An invisible sign, which every program knows: what follows a name goes on from left to right.
_LEFT_TO_RIGHT = "\u200e"
# A private-use character that fonts leave empty; it is printed like a character that no font has.
_IN_NO_FONT = "\U0010fffd"
# A line may end between words, but not between a number and %.
_WORD = re.compile(r"[^ \t\r\n]+(?: %[^ \t\r\n]*)?")

# The settings that the page's theme adds to every chart, in light colours.
_LABELS = {"labelFontSize": 12, "labelColor": QUIET, "labelFontWeight": "normal", "labelPadding": 8}
_TITLES = {"titleFontSize": 14, "titleColor": QUIET, "titleFontWeight": "normal"}
_LOOK = {
    "font": FONT,
    "background": "#ffffff",
    "axis": {**_LABELS, **_TITLES, "ticks": False, "domain": False, "gridColor": FAINT, "labelOverlap": True}
    | {"labelFlush": True, "labelFlushOffset": 1, "labelLimit": 100, "labelSeparation": 4, "titlePadding": 12},
    "legend": {**_LABELS, **_TITLES, "labelFontSize": 14, "padding": 8, "columnPadding": 8, "rowPadding": 4},
    "axisXBand": {"grid": False},
    "axisDiscrete": {"grid": False},
}


@dataclass(frozen=True)
class Drawing:
    """A picture without its caption.

    Parameters
    ----------
    svg : str
        Its ``<svg>`` element.
    width, height : float
        Its size, in pixels of the screen.
    """

    svg: str
    width: float
    height: float


@dataclass(frozen=True)
class Tile:
    """One picture of a wall.

    Parameters
    ----------
    jpeg : bytes
        The image; empty where there is none.
    title, value : str
        The two lines below it.
    overlay : bytes or None
        A transparent PNG that lies over it.
    faded : bool
        Whether the image is pale and grey under its overlay.
    said : str
        Text written over it.
    """

    jpeg: bytes
    title: str
    value: str = ""
    overlay: bytes | None = None
    faded: bool = False
    said: str = ""


def pixels_of(width_mm: float) -> float:
    """Return how many pixels of the screen fit into a width on paper, without the margins."""
    return width_mm * _PIXELS_A_MM - 2 * _MARGIN


def draw_chart(spec: dict[str, Any], width: float, *, ids: str = "") -> Drawing:
    """Draw a chart from its Vega-Lite specification.

    Parameters
    ----------
    spec : dict
        The specification, with its data inside.
    width : float
        How wide, in pixels of the screen.
    ids : str
        A prefix for every name in the drawing, so that several drawings can be in one document.

    Raises
    ------
    ValueError
        Where it cannot be drawn.
    """
    import vl_convert  # imported here, because it loads 100 MB, which only exported figures need

    own = spec.get("config", {})
    config = {**_LOOK, **{name: {**_LOOK.get(name, {}), **part} for name, part in own.items()}}  # type: ignore[dict-item]
    full = {**_written(spec), "width": max(width, 1), "config": config}
    drawn = vl_convert.vegalite_to_svg(full, allowed_base_urls=[])
    root = ElementTree.fromstring(drawn)
    _rename(root, ids)
    shown_width, shown_height = (float(root.attrib[side]) for side in ("width", "height"))
    return Drawing(_text_of(root), shown_width, shown_height)


def _written(part: Any) -> Any:
    """Return a part of a specification in which every text can be written into an SVG."""
    if isinstance(part, dict):
        return {name: _written(value) for name, value in part.items()}
    if isinstance(part, list):
        return [_written(value) for value in part]
    return drawable_text(part) if isinstance(part, str) else part


def drawable_text(text: object) -> str:
    """Return text that an SVG can hold; other characters become the replacement character."""
    # Not every program that shows an SVG knows the signs that isolate a name; some show a box for them.
    return _NO_TEXT.sub("\ufffd", not_isolated(writable(text), _LEFT_TO_RIGHT))


def _rename(root: ElementTree.Element, ids: str) -> None:
    """Put a prefix before all names in a drawing and before all references to them; texts do not change."""
    if not ids:
        return
    for element in root.iter():
        for name, value in element.attrib.items():
            if name == "id":
                element.set(name, ids + value)
            elif value.startswith("url(#"):
                element.set(name, f"url(#{ids}{value[5:]}")
            elif name in ("href", f"{{{_XLINK}}}href") and value.startswith("#"):
                element.set(name, f"#{ids}{value[1:]}")


def _text_of(root: ElementTree.Element) -> str:
    ElementTree.register_namespace("", _SVG)
    ElementTree.register_namespace("xlink", _XLINK)
    return ElementTree.tostring(root, encoding="unicode")


def draw_wall(tiles: Sequence[Tile], aspect: float, width: float, columns: int) -> Drawing:
    """Draw pictures in a grid, in reading order.

    Parameters
    ----------
    tiles : sequence of Tile
        The pictures.
    aspect : float
        Their width over their height.
    width : float
        Width of the wall, in pixels of the screen.
    columns : int
        How many pictures to put in a row, if there is room for the words below them.
    """
    columns = max(1, min(columns, int(width // _NARROWEST)))
    side = min(_WIDEST, (width - _GAP * (columns - 1)) / columns)
    tall = side / aspect
    below = (2 * _LINE + _DESCENT) * _CAPTION_SIZES[1]
    step = tall + below + _GAP
    placed = (
        _tile(tile, (place % columns) * (side + _GAP), (place // columns) * step, side, tall)
        for place, tile in enumerate(tiles)
    )
    height = math.ceil(len(tiles) / columns) * step - _GAP if tiles else 0
    inner = "".join(placed)
    return Drawing(_element(inner, width, height), width, height)


def _tile(tile: Tile, x: float, y: float, side: float, tall: float) -> str:
    place = f'x="{x:.2f}" y="{y:.2f}" width="{side:.2f}" height="{tall:.2f}"'
    parts = [f'<rect {place} fill="#eef0f2"/>']
    picture = f'<image {place} preserveAspectRatio="none" href="%s"/>'
    if tile.jpeg:
        parts.append(picture % (data_uri(_paled(tile.jpeg), "png") if tile.faded else data_uri(tile.jpeg, "jpeg")))
    if tile.overlay:
        parts.append(picture % data_uri(tile.overlay, "png"))
    size = _CAPTION_SIZES[1]
    if tile.said:
        parts.append(_line(_cut(tile.said, side, size), x + 4, y + size * _LINE, size, INK, halo=True))
    for place_of_line, (said, colour) in enumerate(((tile.title, INK), (tile.value, QUIET)), start=1):
        parts.append(_line(_cut(said, side, size), x, y + tall + place_of_line * _LINE * size, size, colour))
    return "".join(parts)


def _paled(jpeg: bytes) -> bytes:
    """Return a picture as the page shows it under a map: grey, and almost white."""
    with opened(jpeg) as picture:
        grey = picture.convert("L").point(lambda level: round(255 - 0.22 * (255 - level)))
    out = io.BytesIO()
    grey.save(out, "PNG")
    return out.getvalue()


def as_file(drawing: Drawing, caption: Sequence[str], width_mm: float, kind: Kind) -> bytes:
    """Return a drawing with its caption below it as a file; a PNG has 300 dots an inch.

    Parameters
    ----------
    drawing : Drawing
        What is shown.
    caption : sequence of str
        Its paragraphs: first what is shown, then where it comes from.
    width_mm : float
        Width on paper; the height follows from it.
    kind : str
        One of `KINDS`.

    Raises
    ------
    ValueError
        Where it cannot be converted.
    """
    page, width, height = _page(drawing, caption, width_mm)
    # The converter treats a pixel as a point, 72 to an inch; in an SVG there are 96 pixels to an inch.
    unit = 1.0 if kind == "svg" else _POINTS / _CSS_DPI
    tall = width_mm * height / width
    svg = _element(page, width, height, size=f'width="{unit * width_mm:.2f}mm" height="{unit * tall:.2f}mm"')
    if kind == "svg":
        return f'<?xml version="1.0" encoding="UTF-8"?>\n{svg}\n'.encode()
    import vl_convert

    return bytes(vl_convert.svg_to_pdf(svg) if kind == "pdf" else vl_convert.svg_to_png(svg, ppi=_PNG_DPI))


def _page(drawing: Drawing, caption: Sequence[str], width_mm: float) -> tuple[str, float, float]:
    """Return the contents of a page, and its width and height in pixels of the screen."""
    width = width_mm * _PIXELS_A_MM
    room = width - 2 * _MARGIN
    # A drawing that cannot become narrow enough is scaled down.
    scale = min(1.0, room / drawing.width) if drawing.width else 1.0
    lines, y = [], _MARGIN + scale * drawing.height + _GAP
    for number, paragraph in enumerate(caption):
        size, colour = (_CAPTION_SIZES[0], INK) if number == 0 else (_CAPTION_SIZES[1], QUIET)
        for said in wrapped(paragraph, room, size):
            y += size * _LINE
            lines.append(_line(said, _MARGIN, y, size, colour))
    height = y + _MARGIN
    said = f"<title>{_literal(' '.join(caption[:1]))}</title><desc>{_literal(' '.join(caption[1:]))}</desc>"
    paper = f'<rect width="{width:.2f}" height="{height:.2f}" fill="#ffffff"/>'
    figure = f'<g transform="translate({_MARGIN} {_MARGIN}) scale({scale:.4f})">{drawing.svg}</g>'
    return said + paper + figure + "".join(lines), width, height


def _element(inner: str, width: float, height: float, *, size: str = "") -> str:
    size = size or f'width="{width:.2f}" height="{height:.2f}"'
    look = f'font-family="{FONT}" color="{INK}"'
    return f'<svg xmlns="{_SVG}" {size} viewBox="0 0 {width:.2f} {height:.2f}" {look}>{inner}</svg>'


# Text


def without_font(signs: Iterable[str]) -> str:
    """Return the characters that no font on this machine has, sorted; PDF and PNG show a box for each."""
    boxed = _printed_sign(_IN_NO_FONT)
    return "".join(sorted(sign for sign in set(signs) if _printed_sign(sign) == boxed))


def _printed_sign(sign: str) -> bytes:
    import vl_convert

    return bytes(vl_convert.svg_to_png(_element(_line(sign, 4, 28, 24, INK), 40, 40)))


def _literal(text: str) -> str:
    return html.escape(drawable_text(text), quote=True)


def _line(text: str, x: float, y: float, size: float, colour: str, *, halo: bool = False) -> str:
    around = ' stroke="#ffffff" stroke-width="3" paint-order="stroke"' if halo else ""
    return f'<text x="{x:.2f}" y="{y:.2f}" font-size="{size:g}" fill="{colour}"{around}>{_literal(text)}</text>'


def wrapped(text: str, room: float, size: float) -> list[str]:
    """Break a text into lines that are no wider than the room, in pixels; a word that is wider is broken too."""
    lines = [""]
    for word in _WORD.findall(drawable_text(text)):
        joined = f"{lines[-1]} {word}" if lines[-1] else word
        if _length(joined, size) <= room:
            lines[-1] = joined
            continue
        *full, rest = _pieces(word, room, size)
        lines = [*(line for line in lines if line), *full, rest]
    return lines


def _pieces(word: str, room: float, size: float) -> Iterable[str]:
    pieces = [""]
    for sign in word:
        if pieces[-1] and _length(pieces[-1] + sign, size) > room:
            pieces.append("")
        pieces[-1] += sign
    return pieces


def _cut(text: str, room: float, size: float) -> str:
    """Return a text in one line, cut at the end if it is too long."""
    text = " ".join(drawable_text(text).split())
    if _length(text, size) <= room:
        return text
    while text and _length(f"{text}…", size) > room:
        text = text[:-1]
    return f"{text}…"


def _length(text: str, size: float) -> float:
    return sum(map(_width_of, text)) * size * _SURELY


@cache
def _measuring_font() -> Any:
    return ImageFont.load_default(100)


@cache
def _width_of(sign: str) -> float:
    """Return the width of a character relative to the font size; one that the measuring font lacks counts as wide."""
    if sign == _LEFT_TO_RIGHT:
        return 0.0
    return float(_measuring_font().getlength(sign)) / 100 if ord(sign) < 0x250 else 1.0
