"""The chart of the network's accuracy for each class with nothing ablated."""

from collections.abc import Sequence
from typing import Any

import altair as alt
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from explorer.charts import theme

Ints = NDArray[np.integer[Any]]

MOST_ROWS = 24
# Shares of the width: names end at the first, bars lie between the two, tallies begin after the second.
_FROM, _TO = 0.34, 0.84
_BAR = theme.ROW * 0.62


def accuracy_frame(titles: Sequence[str], correct: Ints, n_images: Ints) -> pd.DataFrame:
    """Return a row for each class with images: its accuracy in percent and its counts, the lowest accuracy first."""
    frame = pd.DataFrame({"title": titles, "label": np.arange(len(titles)), "correct": correct, "n": n_images})
    frame = frame[frame["n"] > 0]
    frame = frame.assign(accuracy=100 * frame["correct"] / frame["n"])
    frame = frame.sort_values("accuracy", kind="stable")
    return frame.assign(row=np.arange(len(frame)).astype(str))


def accuracy_bars(frame: pd.DataFrame, most: int = MOST_ROWS) -> alt.LayerChart:
    """Draw a bar for each class, at most ``most`` for the lowest, and ticks on one line for the others.

    Clicking a row selects its class (selection ``pick``, field ``label``).
    """
    shown, others = (frame, frame.iloc[:0]) if len(frame) <= most else (frame.iloc[:most], frame.iloc[most:])
    order = shown["row"].tolist() + (["others"] if len(others) else [])
    y = alt.Y("row:N", sort=order, scale=alt.Scale(domain=order), axis=None)
    layers = _rows(shown, y) + (_strip(others, y) if len(others) else [])
    return theme.layered(layers, height=theme.ROW * len(order))


def _rows(shown: pd.DataFrame, y: alt.Y) -> list[alt.Chart]:
    base = alt.Chart(shown)
    tally = base.transform_calculate(tally="datum.correct + ' of ' + datum.n")
    return [
        _hit_band(base, y),
        base.mark_bar(color=theme.REST, height=_BAR).encode(
            x=_share_right(), x2=alt.X2Datum(0), y=y, tooltip=_tooltip()
        ),
        _name(base, y, "title:N"),
        theme.words(tally, "right").encode(x=theme.at(1), y=y, text=alt.Text("tally:N"), tooltip=_tooltip()),
    ]


def _hit_band(base: alt.Chart, y: alt.Y) -> alt.Chart:
    """Draw a band behind each row, as wide as the chart, so that a pointer or a click anywhere on the row counts."""
    pick = alt.selection_point(name="pick", fields=["label"], toggle=False)
    hover = alt.selection_point(name="hover", fields=["label"], on="pointerover", clear="pointerout", empty=False)
    band = base.mark_rect(color=theme.REST, cursor="pointer", cornerRadius=3)
    opacity = alt.OpacityValue(0, condition=[{"param": "hover", "empty": False, "value": 0.18}])
    encoded = band.encode(y=y, x=alt.XValue(0), x2=alt.X2Value("width"), opacity=opacity, tooltip=_tooltip())
    return encoded.add_params(pick, hover)


def _strip(others: pd.DataFrame, y: alt.Y) -> list[alt.Chart]:
    ticks = alt.Chart(others.assign(row="others")).mark_tick(color=theme.REST, thickness=1.5, size=_BAR, opacity=0.4)
    label = alt.Chart(pd.DataFrame({"row": ["others"], "text": [f"{len(others):,} other classes"]}))
    return [ticks.encode(x=_share_right(), y=y, tooltip=_tooltip()), _name(label, y, "text:N")]


def _name(chart: alt.Chart, y: alt.Y, field: str) -> alt.Chart:
    return theme.words(chart, "right", room="width*0.31").encode(x=theme.at(_FROM - 0.02), y=y, text=alt.Text(field))


def _share_right() -> alt.X:
    ends = [alt.ExprRef(f"width*{_FROM}"), alt.ExprRef(f"width*{_TO}")]
    axis = theme.axis("images right, %", orient="top", grid=False, values=[0, 50, 100])
    return alt.X("accuracy:Q", scale=alt.Scale(domain=[0, 100], range=ends), axis=axis)


def _tooltip() -> list[alt.Tooltip]:
    return [
        alt.Tooltip("title:N", title="class"),
        alt.Tooltip("accuracy:Q", title="right, %", format=".1f"),
        alt.Tooltip("correct:Q", title="images right"),
        alt.Tooltip("n:Q", title="images"),
    ]
