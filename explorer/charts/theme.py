"""The look of every chart: few colours, each with one meaning, that work on a light and on a dark page.

All have a contrast of at least 3 : 1 to white and to the dark background, and can be told apart with the common kinds
of colour blindness. Encodings name their classes (``alt.XValue`` rather than ``alt.value``), because altair takes a
hundred times as long if it has to guess them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

import altair as alt

ACTIVATION = "#1f7fb8"
LOSS = "#e0672c"
GAIN = "#12a37f"
REST = "#8b939b"
FAINT = "#8b939b55"

SERIES = (LOSS, ACTIVATION, GAIN, "#9575cd", "#b8862b")
"""Colours of several curves in one chart; ``REST`` is for random orders."""

MOST_AS_SVG = 2000
_COLOURS = (ACTIVATION, LOSS, GAIN, REST, *SERIES[3:])
# Texts of a store, and expressions: a colour's name in them is not a colour and is not replaced.
_NOT_COLOURS = {"datasets", "values", "data", "domain", "title", "text", "sort", "test", "expr", "description"}


@dataclass(frozen=True)
class Palette:
    """Colours that replace the usual ones; each keeps its meaning and its name, so that blue stays blue.

    Parameters
    ----------
    title : str
        Its name for readers.
    colours : tuple of str
        For activation, loss, gain, the rest, and two more series.
    on_dark : bool
        Whether all colours can be seen on a dark page.
    """

    title: str
    colours: tuple[str, ...]
    on_dark: bool = True

    @property
    def instead(self) -> dict[str, str]:
        """The new colours, by the usual colours that they replace."""
        return dict(zip((*_COLOURS, FAINT), (*self.colours, self.colours[3] + FAINT[-2:]), strict=True))

    def recoloured(self, part: Any) -> Any:
        """Return the specification of a chart, or a part of it, in these colours."""
        if self.colours == _COLOURS:
            return part
        if isinstance(part, dict):
            return {key: held if key in _NOT_COLOURS else self.recoloured(held) for key, held in part.items()}
        if isinstance(part, list):
            return [self.recoloured(each) for each in part]
        return self.instead.get(part, part) if isinstance(part, str) else part

    def redrawn(self, svg: str) -> str:
        """Return an SVG drawing that holds no text in these colours."""
        for usual, other in self.instead.items():
            svg = svg.replace(usual, other)
        return svg


PALETTES = {
    "standard": Palette("standard", _COLOURS),
    "colour-blind": Palette(
        "for colour-blind readers", ("#1a95fe", "#d97a1d", "#39713d", "#959197", "#8531fd", "#ce0cb6")
    ),
    "print": Palette("for print", ("#02305f", "#c35709", "#076140", "#969696", "#52317e", "#855f05"), on_dark=False),
}
"""The palettes to choose from, by their words in the URL.

The second has colours that readers without red, green or blue cones can tell apart too; the third has lightnesses that
differ on a black-and-white printer. `tests/explorer/charts/test_theme.py` measures both.
"""
ROW = 27
LABEL_SIZE = 14
TEXT = "currentColor"
_A_LETTER, _A_SYMBOL = 6.5, 32
Align = Literal["left", "center", "right"]


def safe_title(title: str) -> str:
    """Return a title that cannot break a chart, whatever a store holds.

    Vega-Lite copies titles of axes and tooltips unchanged between the quotation marks of expressions.
    """
    return " ".join(title.split()).replace("\\", "/").replace('"', "\u201d")


def tip(field: str, title: str, **settings: Any) -> alt.Tooltip:
    """Return a line of a tooltip whose title comes from a store."""
    return alt.Tooltip(field, title=safe_title(title), **settings)


def axis(title: str | list[str] | None, **settings: Any) -> alt.Axis:
    """Return a quiet axis: a title, a few labels, a faint grid, no line."""
    if title is not None:
        title = safe_title(title) if isinstance(title, str) else [safe_title(line) for line in title]
    look: dict[str, Any] = {"titleFontWeight": "normal", "labelFontSize": 13, "titleFontSize": 13, "tickCount": 5}
    quiet = {"domain": False, "ticks": False, "gridColor": FAINT, "titleAnchor": "start"}
    return alt.Axis(title=title, **{**look, **quiet, **settings})


def legend(names: Sequence[str]) -> alt.Legend:
    """Return a legend on top: all names in one line if they fit, otherwise in as many columns as fit."""
    widths = [_A_LETTER * len(name) + _A_SYMBOL for name in names]
    columns = f"width >= {sum(widths)} ? {len(names)} : max(1, floor(width / {max(widths, default=1)}))"
    return alt.Legend(title=None, orient="top", labelFontSize=13, labelLimit=0, columns=alt.ExprRef(columns))


def words(chart: alt.Chart, align: Align, *, room: str = "", colour: str = TEXT) -> alt.Chart:
    """Return a chart that shows its rows as text.

    Parameters
    ----------
    chart : Chart
        The rows.
    align : str
        Which end of the text lies at its position.
    room : str
        The largest width of the text, as a Vega expression; unlimited by default.
    colour : str
        The colour of the text; the page's own by default.
    """
    limit = alt.ExprRef(room) if room else alt.Undefined
    return chart.mark_text(align=align, baseline="middle", fontSize=LABEL_SIZE, color=colour, limit=limit)


def at(share: float) -> alt.XValue:
    """Return a fixed horizontal position, as a share of the chart's width."""
    return alt.XValue(alt.ExprRef(f"width*{share:.3f}"))


def layered(layers: Sequence[alt.Chart], *, height: int, own_x: bool = False, n_marks: int = 0) -> alt.LayerChart:
    """Draw charts over each other as the page shows them: as wide as their container and without a frame.

    They are drawn as SVG, whose text can take the page's own colour, unless SVG would be slow. The default fit is not
    used, because axes would then take part of the height.

    Parameters
    ----------
    layers : sequence of Chart
        From back to front.
    height : int
        Height of the plot in pixels, axes not counted.
    own_x : bool
        Whether each layer has its own horizontal scale.
    n_marks : int
        The approximate number of marks, for charts that may have thousands.
    """
    chart: Any = alt.layer(*layers, height=height, autosize=alt.AutoSizeParams(type="fit-x", contains="padding"))
    chart.config = alt.Config(view=alt.ViewConfig(stroke=None))
    chart.usermeta = {"embedOptions": {"renderer": "svg" if n_marks <= MOST_AS_SVG else "canvas"}}
    if own_x:
        chart.resolve = alt.Resolve(scale=alt.ScaleResolveMap(x="independent"))
    return cast(alt.LayerChart, chart)
