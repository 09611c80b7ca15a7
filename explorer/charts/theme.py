"""The look of every chart: few colours, each with one meaning, that hold on a light and on a dark page.

All stand at least 3 : 1 against white and against the dark background, and stay apart for the common kinds of colour
blindness. Encodings name their classes (``alt.XValue`` rather than ``alt.value``): where altair has to guess them, it
spends a hundred times as long.
"""

from collections.abc import Sequence
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
