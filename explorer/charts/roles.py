"""The plane of roles: the worth of units on training images against their worth on held-out images."""

import altair as alt
import pandas as pd

from explorer.charts import theme
from precompute.measures.roles import MARGIN, ROLES

HEIGHT = 460
COLOURS = dict(zip(ROLES, (theme.REST, theme.ACTIVATION, theme.LOSS, theme.GAIN, theme.SERIES[3]), strict=True))
"""The colour of every role."""

_TICKS = sorted({0.0, *(sign * size for sign in (-1, 1) for size in (0.1, 0.3, 1, 3, 10))})


def plane(frame: pd.DataFrame) -> alt.LayerChart:
    """Draw a point with its intervals for each unit.

    Clicking a point selects its unit (selection ``pick``, field ``unit``).

    Parameters
    ----------
    frame : DataFrame
        Columns ``unit``, ``role`` (of :data:`precompute.measures.roles.ROLES`), ``training`` and ``held_out`` (nats),
        and the ends of their 95 % intervals, ``training_low``, ``training_high``, ``held_out_low``, ``held_out_high``.
        The caller leaves out rows without a value on one of the axes.
    """
    held = [role for role in ROLES if role in set(frame["role"])]
    scale = alt.Scale(domain=held, range=[COLOURS[role] for role in held])
    legend = theme.legend(held)
    legend.symbolSize, legend.symbolOpacity = 110, 1
    colour = alt.Color("role:N", scale=scale, sort=held, legend=legend)
    ends = _ends(frame)
    x, y = _axis(alt.X, "held_out", ends), _axis(alt.Y, "training", ends)
    bars = alt.Chart(frame).mark_rule(opacity=0.4, strokeWidth=1, clip=True).encode(color=colour)
    across = bars.encode(x=_axis(alt.X, "held_out_low", ends), x2=alt.X2("held_out_high"), y=y)
    up = bars.encode(x=x, y=_axis(alt.Y, "training_low", ends), y2=alt.Y2("training_high"))
    return theme.layered([*_frame_of_roles(ends), across, up, _points(frame, x, y, colour)], height=HEIGHT)


def _ends(frame: pd.DataFrame) -> list[float]:
    """Return the ends of the axes, the same for both, so that equal worths lie on the diagonal of the plane."""
    columns = frame[["training", "held_out"]].to_numpy()
    if not columns.size:
        return [-MARGIN, 2 * MARGIN]
    room = 0.1 * max(float(columns.max() - columns.min()), MARGIN)
    return [min(float(columns.min()) - room, -MARGIN), max(float(columns.max()) + room, 2 * MARGIN)]


def _axis(kind: type[alt.X] | type[alt.Y], field: str, ends: list[float]) -> alt.X | alt.Y:
    # Most units are worth little and a few much, so the scale is linear near zero and logarithmic further out.
    scale = alt.Scale(type="symlog", constant=2 * MARGIN, domain=ends, nice=False)
    title = f"worth on {'training' if kind is alt.Y else 'held-out'} images, nats of log-odds"
    ticks = [tick for tick in _TICKS if ends[0] <= tick <= ends[1]]
    return kind(f"{field}:Q", scale=scale, axis=theme.axis(title, values=ticks, labelOverlap=False, format="~g"))


def _frame_of_roles(ends: list[float]) -> list[alt.Chart]:
    """Draw the lines that divide the roles: the margins on both axes, and the line of equal worth."""
    data = pd.DataFrame({"margin": [MARGIN], "low": [ends[0]], "high": [ends[1]]})
    dashed = alt.Chart(data).mark_rule(color=theme.REST, opacity=0.7, strokeDash=[4, 4])
    upright, level = dashed.encode(x=_axis(alt.X, "margin", ends)), dashed.encode(y=_axis(alt.Y, "margin", ends))
    diagonal = alt.Chart(data).mark_rule(color=theme.REST, opacity=0.45)
    diagonal = diagonal.encode(
        x=_axis(alt.X, "low", ends), x2=alt.X2("high"), y=_axis(alt.Y, "low", ends), y2=alt.Y2("high")
    )
    return [upright, level, diagonal]


def _points(frame: pd.DataFrame, x: alt.X | alt.Y, y: alt.X | alt.Y, colour: alt.Color) -> alt.Chart:
    pick = alt.selection_point(name="pick", fields=["unit"], toggle=False)
    hover = alt.selection_point(name="hover", fields=["unit"], on="pointerover", clear="pointerout", empty=False)
    tip = [
        alt.Tooltip("unit:Q", title="unit"),
        alt.Tooltip("role:N", title="role"),
        alt.Tooltip("training:Q", title="on training images", format=".3f"),
        alt.Tooltip("held_out:Q", title="on held-out images", format=".3f"),
    ]
    points = alt.Chart(frame).mark_circle(cursor="pointer", opacity=0.9)
    size = alt.SizeValue(90, condition={"param": "hover", "empty": False, "value": 220})
    return points.encode(x=x, y=y, color=colour, size=size, tooltip=tip).add_params(pick, hover)
