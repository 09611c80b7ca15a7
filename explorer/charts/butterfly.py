"""The butterfly chart: a list of classes with mean activations to the left and drops to the right."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import altair as alt
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from explorer.charts import theme
from explorer.charts.form import NUMBERS, FormedChart, between, chart_of, form
from explorer.class_effects import ClassEffects

Floats = NDArray[np.floating[Any]]

MOST_ROWS = 24
# Shares of the width: activation bars end at the first, drops lie between the other two; names stand between both,
# tallies at the right edge.
_LEFT, _RIGHT_FROM, _RIGHT_TO = 0.33, 0.57, 0.80
_MIDDLE = (_LEFT + _RIGHT_FROM) / 2
_BAR = theme.ROW * 0.62
_PLACES, _OPACITY = 300, 0.35
_ACTIVATION_LINE = alt.Tooltip("activation:Q", title="mean activation", format=".3g")
_DROP_LINE = alt.Tooltip("drop:Q", title="accuracy lost, points", format=".1f")
_LEFT_ENDS, _RIGHT_ENDS = ("least_activation", "most_activation"), ("least_drop", "most_drop")


def class_frame(titles: Sequence[str], names: Sequence[str], profile: Floats, effects: ClassEffects) -> pd.DataFrame:
    """Return a row for each class with images, the highest mean activation first and NaN last.

    Parameters
    ----------
    titles, names : sequence of str
        Titles and folder names of the classes.
    profile : (class,) array
        Mean activation.
    effects : ClassEffects
        Effect of silencing the unit; drops become percentage points.
    """
    held = np.flatnonzero(effects.n_images > 0)
    order = held[np.argsort(-np.asarray(profile)[held], kind="stable")]
    lost, gained = effects.lost[order], effects.gained[order]
    return pd.DataFrame(
        {
            "name": [names[at] for at in order],
            "title": [titles[at] for at in order],
            "activation": np.asarray(profile)[order],
            "drop": 100 * effects.drop[order],
            "low": 100 * effects.low[order],
            "high": 100 * effects.high[order],
            "lost": lost,
            "gained": gained,
            "n": effects.n_images[order],
            "tally": list(map(_tally, lost.tolist(), gained.tolist())),
            "row": list(map(str, range(len(order)))),
        }
    )


def split(frame: pd.DataFrame, chosen: str | None, most: int = MOST_ROWS) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Divide the classes: those that answer or lose most, with the chosen one, and all others.

    Returns
    -------
    shown, others : DataFrame
        At most ``most`` rows (one more for the chosen class), and the rest; both in the frame's order.
    """
    if len(frame) <= most:
        return frame, frame.iloc[:0]
    drop = frame["drop"].to_numpy()
    # The frame is in the order of the answers.
    answers = np.where(np.isnan(frame["activation"]), np.inf, np.arange(len(frame)))
    matters = np.where(drop == 0, np.inf, _places(-np.nan_to_num(np.abs(drop))))
    first = np.minimum(matters, answers)
    keep = ((_places(first) < most) & np.isfinite(first)) | (frame["name"] == chosen).to_numpy()
    return frame[keep], frame[~keep]


def _places(values: Floats) -> NDArray[np.intp]:
    """Return the place of each value in ascending order, from 0; the first of equal values comes first."""
    places = np.empty(len(values), np.intp)
    places[np.argsort(values, kind="stable")] = np.arange(len(values))
    return places


def butterfly(
    frame: pd.DataFrame,
    chosen: str | None = None,
    *,
    most: int = MOST_ROWS,
    ceiling: float | None = None,
    n_picked: int = 0,
) -> FormedChart:
    """Draw what a unit answers to and what breaks without it.

    Clicking a row selects its class (selection ``pick``, field ``name``).

    Parameters
    ----------
    frame : DataFrame
        From :func:`class_frame`.
    chosen : str or None
        Folder name of the class to highlight.
    most : int
        How many classes have a row of their own; the others share one strip.
    ceiling : float, optional
        The value that the largest drop stays at or below in 95 % of cases by chance, in points: a dashed line.
    n_picked : int
        How often a row has been clicked so far. The count is part of the selection: so a second click on the same row
        is a new selection, and the chart need not be embedded again.
    """
    shown, others = split(frame, chosen, most)
    # The place on the chart identifies a row, so that charts with the same number of rows share one form.
    shown = shown.assign(chosen=shown["name"] == chosen, row=np.arange(len(shown)).astype(str), n_picked=n_picked)
    frames = {"shown": shown}
    if ceiling is not None:
        frames["chance"] = pd.DataFrame({"ceiling": [ceiling]})
    ends = _ends(frame)
    if len(others):
        frames["others"] = ticks(others, "activation", ends["most_activation"] - ends["least_activation"])
        frames["other drops"] = ticks(others, "drop", ends["most_drop"] - ends["least_drop"])
        frames["strip"] = pd.DataFrame({"row": ["others"], "text": [f"{len(others):,} other classes"]})
    below = bool((frame["activation"] < 0).any())
    of_these = _form(len(shown), below=below, chance=ceiling is not None, others=bool(len(others)))
    whole = {"others": others, "other drops": others.iloc[:0]} if len(others) else {}
    return FormedChart(of_these, frames, ends, whole)


def ticks(others: pd.DataFrame, field: str, span: float) -> pd.DataFrame:
    """Join ticks that would lie within about a pixel of each other, because a browser draws few ticks much faster.

    Returns
    -------
    DataFrame
        A row for each tick: the mean of its classes, their names in words, and the opacity that their ticks over each
        other would have. A loss and a gain never share a tick.
    """
    known = others[others[field].notna()]
    values = known[field].to_numpy()
    places = 2 * np.round(_PLACES * values / span).astype(int) + (values < 0)
    found, first, at, n = np.unique(places, return_index=True, return_inverse=True, return_counts=True)
    titles = known["title"].to_numpy()[first]
    said = [title if many == 1 else f"{many:,} classes, such as {title}" for title, many in zip(titles, n, strict=True)]
    return pd.DataFrame(
        {
            "row": "others",
            "place": found,
            field: np.bincount(at, values) / n,
            "title": said,
            "opacity": 1 - (1 - _OPACITY) ** n,
        }
    )


def _ends(frame: pd.DataFrame) -> dict[str, float]:
    """Return the ends of both axes; zero lies on each axis."""
    activation, drops = frame["activation"], np.r_[frame["drop"], frame["low"], frame["high"]]
    low, high = float(np.fmin.reduce(activation, initial=0)), float(np.fmax.reduce(activation, initial=0))
    ends = (low, high) if high > low else (0.0, 1.0)
    widest = float(np.fmin.reduce(drops, initial=-1)), float(np.fmax.reduce(drops, initial=1))
    return dict(zip((*_LEFT_ENDS, *_RIGHT_ENDS), (*ends, *widest), strict=True))


@lru_cache(maxsize=256)
def _form(n_rows: int, *, below: bool, chance: bool, others: bool) -> dict[str, Any]:
    order = [str(row) for row in range(n_rows)] + (["others"] if others else [])
    y = alt.Y("row:N", sort=None, axis=None, scale=alt.Scale(domain=order))
    layers = [_hover_band(y), *_sides(y, below=below), _names(y), _tallies(y), _hit_band(y)]
    if chance:
        layers.append(_chance())
    if others:
        layers += _strip(y)
    return form(layers, (*_LEFT_ENDS, *_RIGHT_ENDS), height=theme.ROW * len(order), own_x=True)


def _sides(y: alt.Y, *, below: bool) -> list[alt.Chart]:
    base, row = chart_of("shown"), alt.Key("row:N")
    sees = theme.axis("mean activation", orient="top", grid=False, tickCount=4, titleAnchor="end", titleAlign="left")
    breaks = theme.axis("accuracy lost, points", orient="top", grid=False)
    profile = base.mark_bar(color=theme.ACTIVATION, height=_BAR).encode(x=_left(sees), x2=alt.X2Datum(0), y=y, key=row)
    interval = base.mark_rule(color=theme.REST, strokeWidth=1.5).encode(
        x=_right(None, "low"), x2=alt.X2("high"), y=y, key=row
    )
    drops = base.mark_bar(height=_BAR).encode(x=_right(breaks), x2=alt.X2Datum(0), y=y, color=_loss_or_gain(), key=row)
    zero = chart_of(NUMBERS).mark_rule(color=theme.REST, strokeWidth=1)
    marked = [zero.encode(x=alt.XDatum(0, type="quantitative", scale=_right_scale(), axis=None))]
    if below:
        marked.append(zero.encode(x=alt.XDatum(0, type="quantitative", scale=_left_scale(), axis=None)))
    return [profile, interval, drops, *marked]


def _chance() -> alt.Chart:
    line = chart_of("chance").mark_rule(strokeDash=[4, 4], color=theme.REST, clip=True)
    tip = alt.Tooltip("ceiling:Q", title="largest drop by chance, 95 %, points", format=".1f")
    return line.encode(x=_right(None, "ceiling"), tooltip=tip)


def _loss_or_gain() -> alt.ColorValue:
    return alt.ColorValue(theme.LOSS, condition={"test": "datum.drop < 0", "value": theme.GAIN})


def _hover_band(y: alt.Y) -> alt.Chart:
    """Draw a band behind each row that becomes visible under the pointer, and for the chosen class."""
    strength = [{"param": "hover", "empty": False, "value": 0.18}, {"test": "datum.chosen", "value": 0.28}]
    return _band().encode(**_whole_row(y), opacity=alt.OpacityValue(0, condition=strength))


def _hit_band(y: alt.Y) -> alt.Chart:
    """Draw an invisible band over each row, so that a pointer or a click anywhere on the row counts.

    Only this band has a tooltip, because Vega prepares the words of a tooltip for every mark in advance.
    """
    pick = alt.selection_point(name="pick", fields=["name", "n_picked"], toggle=False)
    hover = alt.selection_point(name="hover", fields=["name"], on="pointerover", clear="pointerout", empty=False)
    return _band().encode(**_whole_row(y), opacity=alt.OpacityValue(0), tooltip=_tooltip()).add_params(pick, hover)


def _band() -> alt.Chart:
    return chart_of("shown").mark_rect(color=theme.REST, cursor="pointer", cornerRadius=3)


def _whole_row(y: alt.Y) -> dict[str, Any]:
    return {"y": y, "x": alt.XValue(0), "x2": alt.X2Value("width"), "key": alt.Key("row:N")}


def _names(y: alt.Y) -> alt.Chart:
    text = theme.words(chart_of("shown"), "center", room=f"width*{_RIGHT_FROM - _LEFT - 0.02:.3f}")
    return text.encode(x=theme.at(_MIDDLE), y=y, text=alt.Text("title:N"), key=alt.Key("row:N"))


def _tallies(y: alt.Y) -> alt.Chart:
    text = theme.words(chart_of("shown"), "right", colour=theme.REST)
    return text.encode(x=theme.at(1), y=y, text=alt.Text("tally:N"), key=alt.Key("row:N"))


def _strip(y: alt.Y) -> list[alt.Chart]:
    label = theme.words(chart_of("strip"), "center", colour=theme.REST)
    return [
        _ticks("others").encode(
            x=_left(None), y=y, color=alt.ColorValue(theme.ACTIVATION), tooltip=_tick_tooltip(_ACTIVATION_LINE)
        ),
        _ticks("other drops").encode(x=_right(None), y=y, color=_loss_or_gain(), tooltip=_tick_tooltip(_DROP_LINE)),
        label.encode(x=theme.at(_MIDDLE), y=y, text=alt.Text("text:N")),
    ]


def _ticks(name: str) -> alt.Chart:
    marks = chart_of(name).mark_tick(thickness=1.5, size=_BAR, aria=False)
    return marks.encode(key=alt.Key("place:N"), opacity=alt.Opacity("opacity:Q", scale=None))


def _tick_tooltip(line: alt.Tooltip) -> list[alt.Tooltip]:
    return [alt.Tooltip("title:N", title="class"), line]


def _left(axis: alt.Axis | None, field: str = "activation") -> alt.X:
    """Return the axis of activations, which grow from the names to the left; means below zero go to the right."""
    return alt.X(f"{field}:Q", scale=_left_scale(), axis=axis)


def _left_scale() -> alt.Scale:
    return alt.Scale(domain=between(_LEFT_ENDS), range=[alt.ExprRef(f"width*{_LEFT}"), 0], nice=False)


def _right(axis: alt.Axis | None, field: str = "drop") -> alt.X:
    """Return the axis of drops, which grow from the names to the right; gains go to the left of zero."""
    return alt.X(f"{field}:Q", scale=_right_scale(), axis=axis)


def _right_scale() -> alt.Scale:
    ends = [alt.ExprRef(f"width*{_RIGHT_FROM}"), alt.ExprRef(f"width*{_RIGHT_TO}")]
    return alt.Scale(domain=between(_RIGHT_ENDS), range=ends, nice=False)


def _tooltip() -> list[alt.Tooltip]:
    return [
        alt.Tooltip("title:N", title="class"),
        _ACTIVATION_LINE,
        _DROP_LINE,
        alt.Tooltip("low:Q", title="95 % interval from", format=".1f"),
        alt.Tooltip("high:Q", title="to", format=".1f"),
        alt.Tooltip("lost:Q", title="images lost"),
        alt.Tooltip("gained:Q", title="images gained"),
        alt.Tooltip("n:Q", title="images"),
    ]


def _tally(lost: int, gained: int) -> str:
    """Return words such as ``7 lost, 1 gained``; empty if no image is lost or gained."""
    return ", ".join(part for part in (f"{lost} lost" if lost else "", f"{gained} gained" if gained else "") if part)
