"""The look of every chart: few colours, each with one meaning, that hold on a light and on a dark page.

All stand at least 3 : 1 against white and against the dark background, and stay apart for the common kinds of colour
blindness.
"""

from typing import Any, Literal

import altair as alt

ACTIVATION = "#1f7fb8"
LOSS = "#e0672c"
GAIN = "#12a37f"
REST = "#8b939b"
FAINT = "#8b939b55"

ROW = 25
LABEL_SIZE = 13
Align = Literal["left", "center", "right"]
TEXT = "currentColor"


def axis(title: str | None, **settings: Any) -> alt.Axis:
    """Return a quiet axis: a title, a few labels, a faint grid, no line."""
    look: dict[str, Any] = {"titleFontWeight": "normal", "labelFontSize": 12, "titleFontSize": 12, "tickCount": 5}
    quiet = {"domain": False, "ticks": False, "gridColor": FAINT, "titleAnchor": "start"}
    return alt.Axis(title=title, **{**look, **quiet, **settings})


def words(
    chart: alt.Chart, align: Literal["left", "center", "right"], *, room: str = "", colour: str = TEXT
) -> alt.Chart:
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


def at(share: float) -> Any:
    """Return a fixed place across the chart, as a share of its width."""
    return alt.value(alt.ExprRef(f"width*{share:.3f}"))


def finish(chart: Any) -> alt.LayerChart:
    """Return the chart as the page shows it: as wide as its place, as high as its rows, no frame.

    Drawn as SVG, whose text can take the page's own colour; with the default fit, axes would eat into the height.
    """
    framed: alt.LayerChart = chart.configure_view(stroke=None).properties(
        autosize=alt.AutoSizeParams(type="fit-x", contains="padding")
    )
    framed.usermeta = {"embedOptions": {"renderer": "svg"}}
    return framed
