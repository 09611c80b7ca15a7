"""Correlations of measures with drops: a row a measure, a panel a drop, each with its interval."""

from collections.abc import Sequence

import altair as alt
import pandas as pd

from explorer.charts import theme

# Shares of the width: names up to here, then the panels with a gap between them.
_NAMES, _FROM, _GAP = 0.3, 0.33, 0.05


def correlation_rows(frame: pd.DataFrame, targets: Sequence[str]) -> alt.LayerChart:
    """Draw rank correlations as dots on their intervals, and Pearson's as small diamonds.

    Parameters
    ----------
    frame : DataFrame
        A row for each measure and target, the measures in order: ``row`` (names the line), ``label``, ``target``,
        ``own`` (whether the measure is no number of the same ablation), ``n``, and ``spearman`` and ``pearson`` with
        ``_low`` and ``_high`` each. ``null_low`` and ``null_high``, where they are there, are what chance gives.
    targets : sequence of str
        Labels of the drops, a panel each from left to right.
    """
    order = frame["row"].unique().tolist()
    y = alt.Y("row:N", sort=order, scale=alt.Scale(domain=order), axis=None)
    names = frame.drop_duplicates("row")
    text = theme.words(alt.Chart(names), "right", room=f"width*{_NAMES - 0.01:.2f}")
    layers = [text.encode(x=theme.at(_NAMES), y=y, text=alt.Text("label:N"))]
    wide = (1 - _FROM - _GAP * (len(targets) - 1)) / len(targets)
    for place, target in enumerate(targets):
        start = _FROM + place * (wide + _GAP)
        layers += _panel(frame[frame["target"] == target], y, (start, start + wide), target)
    return theme.layered(layers, height=theme.ROW * len(order), own_x=True)


def _panel(frame: pd.DataFrame, y: alt.Y, ends: tuple[float, float], title: str) -> list[alt.Chart]:
    base, tip = alt.Chart(frame), _tooltip()
    colour = alt.ColorValue(theme.REST, condition={"test": "datum.own", "value": theme.ACTIVATION})
    axis = theme.axis(title, orient="top", values=[-1, -0.5, 0, 0.5, 1])
    zero = alt.Chart(pd.DataFrame({"zero": [0]})).mark_rule(color=theme.REST, strokeWidth=1)
    chance = [] if "null_low" not in frame else [_between(base, y, ends, "null", width=11, opacity=0.3)]
    interval = base.mark_rule(strokeWidth=2).encode(
        x=_x("spearman_low", ends), x2=alt.X2("spearman_high"), y=y, color=colour, tooltip=tip
    )
    pearson = base.mark_point(shape="diamond", size=36, color=theme.REST, filled=False)
    dots = base.mark_circle(size=75, opacity=1)
    return [
        zero.encode(x=_x("zero", ends)),
        *chance,
        interval,
        pearson.encode(x=_x("pearson", ends), y=y, tooltip=tip),
        dots.encode(x=_x("spearman", ends, axis), y=y, color=colour, tooltip=tip),
    ]


def _between(
    base: alt.Chart, y: alt.Y, ends: tuple[float, float], name: str, *, width: float, opacity: float
) -> alt.Chart:
    rule = base.mark_rule(color=theme.REST, strokeWidth=width, opacity=opacity)
    return rule.encode(x=_x(f"{name}_low", ends), x2=alt.X2(f"{name}_high"), y=y)


def _x(field: str, ends: tuple[float, float], axis: alt.Axis | None = None) -> alt.X:
    places = [alt.ExprRef(f"width*{end:.4f}") for end in ends]
    return alt.X(f"{field}:Q", scale=alt.Scale(domain=[-1, 1], range=places, nice=False), axis=axis)


def _tooltip() -> list[alt.Tooltip]:
    return [
        alt.Tooltip("label:N", title="measure"),
        alt.Tooltip("target:N", title="against"),
        *(
            alt.Tooltip(f"{way}{end}:Q", title=f"{title}{said}", format=".2f")
            for way, title in (("spearman", "Spearman"), ("pearson", "Pearson"))
            for end, said in (("", ""), ("_low", ", 95 % from"), ("_high", ", to"))
        ),
        alt.Tooltip("n:Q", title="units"),
    ]
