"""Charts on the page, without altair's validation.

Altair validates every chart against its whole schema while it makes the chart, which would take most of the time of a
rerun. The tests validate charts; Streamlit takes the finished specification as it is.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import altair as alt
import pandas as pd
import streamlit as st
from altair.utils.schemapi import debug_mode

from explorer.charts import rows
from explorer.charts.form import NUMBERS, FormedChart
from explorer.csv_text import numbers_of
from explorer.origin import Origin
from explorer.widgets import palette, take_away

Chart = alt.LayerChart | FormedChart
Frames = dict[str, pd.DataFrame]
Box = Mapping[str, Sequence[float]]
"""A box that a reader drew: its two ends along ``x`` and along ``y``."""


def draw_chart(
    draw: Callable[[], Chart],
    *,
    key: str,
    says: str,
    origin: Origin,
    on_pick: Callable[[Any], None] | None = None,
    on_box: Callable[[Box], None] | None = None,
) -> None:
    """Draw a chart, and offer to download it.

    Parameters
    ----------
    draw : callable
        Makes the chart.
    key : str
        Identifies the chart on its page.
    says : str
        What the chart shows, for readers who cannot see it and for its caption.
    origin : Origin
        Where its numbers come from.
    on_pick : callable, optional
        Called with the fields of the mark that the reader clicks on, if the chart has a selection ``pick``.
    on_box : callable, optional
        Called with the box that the reader draws, if the chart has a selection ``box`` besides ``pick``.
    """
    spec, frames, behind = _made(draw)
    shown = palette.current().recoloured(spec) | {"datasets": frames}
    if on_pick is None:
        st.vega_lite_chart(shown, key=key, alt=says)
    else:
        modes = ["pick"] if on_box is None else ["pick", "box"]
        st.vega_lite_chart(shown, key=key, alt=says, on_select=_picks(key, on_pick, on_box), selection_mode=modes)
    take_away.show(
        lambda: take_away.chart(
            _with_rows(palette.chosen().recoloured(spec), frames),
            says,
            origin,
            lambda: numbers_of(_with_rows(spec, behind)),
        ),
        key=key,
    )


def n_picked(key: str) -> int:
    """Return how often this visitor has clicked on a mark in the chart with this key."""
    return int(st.session_state.get(_counter(key), 0))


def _counter(key: str) -> str:
    return f"{key}_n_picked"


def spec_of(draw: Callable[[], Chart]) -> dict[str, Any]:
    """Return the specification of a chart, with its data inside."""
    spec, frames, _ = _made(draw)
    return _with_rows(spec, frames)


def table_of(draw: Callable[[], Chart]) -> pd.DataFrame:
    """Return the numbers behind a chart."""
    spec, _, behind = _made(draw)
    return numbers_of(_with_rows(spec, behind))


def _made(draw: Callable[[], Chart]) -> tuple[dict[str, Any], Frames, Frames]:
    """Return the specification of a chart, the frames that it draws, and the full tables behind them."""
    with debug_mode(False), rows.each_frame_once() as frames:
        chart = draw()
        if isinstance(chart, FormedChart):
            spec, drawn = chart.made()
            return spec, drawn, {name: chart.whole.get(name, frame) for name, frame in drawn.items() if name != NUMBERS}
        spec = chart.to_dict(validate=False)
    return spec, frames, frames


def _with_rows(spec: dict[str, Any], frames: Frames) -> dict[str, Any]:
    return spec | {"datasets": {name: rows.rows_of(frame) for name, frame in frames.items()}}


def _picks(key: str, on_pick: Callable[[Any], None], on_box: Callable[[Box], None] | None) -> Callable[[], None]:
    def picked() -> None:
        found = st.session_state[key]["selection"]
        if found.get("pick"):
            st.session_state[_counter(key)] = n_picked(key) + 1
            on_pick(found["pick"][0])
        elif on_box is not None and found.get("box"):
            on_box(found["box"])

    return picked
