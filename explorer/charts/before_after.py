"""The chart of shares before and after a change, one row for each, with the interval of the share after it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from explorer.charts import theme

Floats = NDArray[np.floating[Any]]

MOST_ROWS = 24
# Percentage points: a smaller change rounds to 0.0 and is drawn grey.
_SEEN = 0.05
# Share of the width at which names end and shares begin.
_FROM = 0.30


def before_after_frame(
    titles: Sequence[str],
    before: Floats,
    after: Floats,
    *,
    low: Floats,
    high: Floats,
    tallies: Sequence[str],
    highest_first: bool = False,
) -> pd.DataFrame:
    """Return a row for each pair of shares, the largest fall first, or the highest share.

    Parameters
    ----------
    titles : sequence of str
        A name for each row.
    before, after : (row,) array
        Fractions; rows whose ``before`` is NaN are left out.
    low, high : (row,) array
        Limits of the interval of ``after``; NaN where there is none.
    tallies : sequence of str
        The text at the right edge of each row.
    highest_first : bool
        Whether the highest share, before or after, comes first; otherwise the largest fall does.

    Returns
    -------
    DataFrame
        In percent.
    """
    frame = pd.DataFrame({"title": list(titles), "tally": list(tallies)})
    frame = frame.assign(before=100 * before, after=100 * after, low=100 * low, high=100 * high)
    frame = frame[frame["before"].notna()]
    frame = frame.assign(change=frame["after"] - frame["before"])
    order = -frame[["before", "after"]].max(axis=1) if highest_first else frame["change"]
    frame = frame.loc[order.sort_values(kind="stable").index]
    return frame.assign(row=np.arange(len(frame)).astype(str))


def before_after(frame: pd.DataFrame, title: str, *, most: int = MOST_ROWS, tally_room: float = 0.16) -> alt.LayerChart:
    """Draw for each row a ring at the share before, a point at the share after, and the interval of the share after.

    Parameters
    ----------
    frame : DataFrame
        From :func:`before_after_frame`.
    title : str
        The title of the axis: what the shares are, with the unit of measurement.
    most : int
        How many rows are drawn at most: those that fall or rise most.
    tally_room : float
        The share of the width that the tallies take.
    """
    shown = _ends(frame, most)
    x = _Across(_start(shown), 1 - tally_room)
    y = alt.Y("row:N", sort=shown["row"].tolist(), axis=None, scale=alt.Scale(domain=shown["row"].tolist()))
    base, tip = alt.Chart(shown), _tooltip()
    sides = [
        {"test": f"datum.change < -{_SEEN}", "value": theme.LOSS},
        {"test": f"datum.change > {_SEEN}", "value": theme.GAIN},
    ]
    colour = alt.ColorValue(theme.REST, condition=sides)
    layers = [
        base.mark_rule(color=theme.REST, strokeWidth=1.5).encode(x=x.of("low"), x2=alt.X2("high"), y=y),
        base.mark_rule(strokeWidth=4, opacity=0.45).encode(x=x.of("before"), x2=alt.X2("after"), y=y, color=colour),
        base.mark_point(color=theme.REST, size=70, strokeWidth=2).encode(x=x.of("before"), y=y, tooltip=tip),
        base.mark_point(size=70, filled=True, opacity=1).encode(x=x.of("after", title), y=y, color=colour, tooltip=tip),
        theme.words(base, "right", room=f"width*{_FROM - 0.02:.2f}").encode(
            x=theme.at(_FROM - 0.02), y=y, text=alt.Text("title:N"), tooltip=tip
        ),
        theme.words(base, "right", colour=theme.REST).encode(x=theme.at(1), y=y, text=alt.Text("tally:N"), tooltip=tip),
    ]
    return theme.layered(layers, height=theme.ROW * len(shown), own_x=True)


def _ends(frame: pd.DataFrame, most: int) -> pd.DataFrame:
    """Return the rows that fall most and those that rise most, in the frame's order."""
    if len(frame) <= most:
        return frame
    return frame[frame["change"].abs().rank(method="first", ascending=False) <= most]


def _start(frame: pd.DataFrame) -> float:
    """Return the percentage at which the scale begins: the next multiple of 25 at or below the lowest share."""
    lowest = frame[["before", "after", "low"]].min().min()
    return 25.0 * min(3, max(0, lowest // 25)) if lowest == lowest else 0.0


@dataclass(frozen=True)
class _Across:
    """The scale of the shares, the same for all layers: its first percentage, and its end as a share of the width."""

    start: float
    end: float

    def of(self, field: str, title: str | None = None) -> alt.X:
        ends = [alt.ExprRef(f"width*{_FROM}"), alt.ExprRef(f"width*{self.end:.2f}")]
        values = [tick for tick in (0, 25, 50, 75, 100) if tick >= self.start]
        axis = None if title is None else theme.axis(title, orient="top", values=values, labelBound=False)
        return alt.X(f"{field}:Q", scale=alt.Scale(domain=[self.start, 100], range=ends, clamp=True), axis=axis)


def _tooltip() -> list[alt.Tooltip]:
    return [
        alt.Tooltip("title:N", title="name"),
        alt.Tooltip("before:Q", title="before, %", format=".1f"),
        alt.Tooltip("after:Q", title="after, %", format=".1f"),
        alt.Tooltip("low:Q", title="95 % interval from", format=".1f"),
        alt.Tooltip("high:Q", title="to", format=".1f"),
    ]
