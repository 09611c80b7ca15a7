"""The look of every chart: few colours, each with one meaning, that hold on a light and on a dark page.

All stand at least 3 : 1 against white and against the dark background, and stay apart for the common kinds of colour
blindness. Encodings name their classes (``alt.XValue`` rather than ``alt.value``): where altair has to guess them, it
spends a hundred times as long.
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
"""Colours of several curves in one chart; ``REST`` is for what is random."""

MOST_AS_SVG = 2000
_COLOURS = (ACTIVATION, LOSS, GAIN, REST, *SERIES[3:])
# What a store says, and expressions: there the words of a colour are no colour.
_NOT_COLOURS = {"datasets", "values", "data", "domain", "title", "text", "sort", "test", "expr", "description"}


@dataclass(frozen=True)
class Palette:
    """Colours in place of the usual ones, each with the same meaning and of the same name: blue stays blue.

    Parameters
    ----------
    title : str
        Its name for readers.
    colours : tuple of str
        For activation, loss, gain, the rest, and two more series.
    on_dark : bool
        Whether all can be seen on a dark page.
    """

    title: str
    colours: tuple[str, ...]
    on_dark: bool = True

    @property
    def instead(self) -> dict[str, str]:
        """The colours that stand in for the usual ones."""
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
        """Return a drawing without words in these colours."""
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
"""Those to choose from, by the word that stands in the URL.

The second keeps its colours apart for readers without red, green or blue cones too; the third has lightnesses that a
black-and-white printer keeps apart. `tests/explorer/charts/test_theme.py` measures both.
"""
ROW = 27
LABEL_SIZE = 14
TEXT = "currentColor"
_A_LETTER, _A_SYMBOL = 6.5, 32
Align = Literal["left", "center", "right"]


def plain(title: str) -> str:
    """Return a title that can stand in a chart, whatever a store holds.

    Vega-Lite puts titles of axes and tooltips between quotation marks into expressions, as they are.
    """
    return " ".join(title.split()).replace("\\", "/").replace('"', "\u201d")


def tip(field: str, title: str, **settings: Any) -> alt.Tooltip:
    """Return a line of a tooltip whose title comes from a store."""
    return alt.Tooltip(field, title=plain(title), **settings)


def axis(title: str | list[str] | None, **settings: Any) -> alt.Axis:
    """Return a quiet axis: a title, a few labels, a faint grid, no line."""
    if title is not None:
        title = plain(title) if isinstance(title, str) else [plain(line) for line in title]
    look: dict[str, Any] = {"titleFontWeight": "normal", "labelFontSize": 13, "titleFontSize": 13, "tickCount": 5}
    quiet = {"domain": False, "ticks": False, "gridColor": FAINT, "titleAnchor": "start"}
    return alt.Axis(title=title, **{**look, **quiet, **settings})


def legend(names: Sequence[str]) -> alt.Legend:
    """Return a legend on top: all names in one line where they fit, otherwise in as many columns as do."""
    widths = [_A_LETTER * len(name) + _A_SYMBOL for name in names]
    columns = f"width >= {sum(widths)} ? {len(names)} : max(1, floor(width / {max(widths, default=1)}))"
    return alt.Legend(title=None, orient="top", labelFontSize=13, labelLimit=0, columns=alt.ExprRef(columns))


def words(chart: alt.Chart, align: Align, *, room: str = "", colour: str = TEXT) -> alt.Chart:
    """Return a chart's rows as text.

    Parameters
    ----------
    chart : Chart
        The rows.
    align : str
        Which end of the text its place is.
    room : str
        How wide it may get, as a Vega expression; unlimited by default.
    colour : str
        Its colour; the page's own by default.
    """
    limit = alt.ExprRef(room) if room else alt.Undefined
    return chart.mark_text(align=align, baseline="middle", fontSize=LABEL_SIZE, color=colour, limit=limit)


def at(share: float) -> alt.XValue:
    """Return a fixed place across the chart, as a share of its width."""
    return alt.XValue(alt.ExprRef(f"width*{share:.3f}"))


def layered(layers: Sequence[alt.Chart], *, height: int, own_x: bool = False, n_marks: int = 0) -> alt.LayerChart:
    """Lay charts over each other as the page shows them: as wide as the place, as high as the rows, no frame.

    Drawn as SVG, whose text can take the page's own colour, unless that would be slow; with the default fit, axes would
    eat into the height.

    Parameters
    ----------
    layers : sequence of Chart
        From back to front.
    height : int
        Height of the plot in pixels, axes not counted.
    own_x : bool
        Whether each layer has its own horizontal scale.
    n_marks : int
        About how many marks there are in charts that may have thousands.
    """
    chart: Any = alt.layer(*layers, height=height, autosize=alt.AutoSizeParams(type="fit-x", contains="padding"))
    chart.config = alt.Config(view=alt.ViewConfig(stroke=None))
    chart.usermeta = {"embedOptions": {"renderer": "svg" if n_marks <= MOST_AS_SVG else "canvas"}}
    if own_x:
        chart.resolve = alt.Resolve(scale=alt.ScaleResolveMap(x="independent"))
    return cast(alt.LayerChart, chart)
