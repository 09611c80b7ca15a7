"""The chart that shows how alike the units of a layer are to one of them, in answers and in losses."""

import altair as alt
import pandas as pd

from explorer.charts import theme

HEIGHT = 360


def alike(frame: pd.DataFrame, *, x_ceiling: float, y_ceiling: float) -> alt.LayerChart:
    """Draw a point for each unit, and lines at the correlations that chance reaches.

    A click selects a unit (selection ``pick``, field ``unit``).

    Parameters
    ----------
    frame : DataFrame
        Columns ``unit``, ``x`` and ``y``, likeness in answers and in losses; ``sees``, the class that the unit answers
        most to; ``kind``, one of :data:`KINDS`.
    x_ceiling, y_ceiling : float
        The value that the largest correlation stays below in 95 % of cases by chance; no line where it is NaN.
    """
    pick = alt.selection_point(name="pick", fields=["unit"], toggle=False)
    x, y = (
        alt.X("x:Q", axis=theme.axis("likeness in answers, r"), scale=alt.Scale(domain=[-1, 1])),
        alt.Y("y:Q", axis=theme.axis("likeness in losses, r"), scale=alt.Scale(domain=[-1, 1])),
    )
    colour = alt.Color(
        "kind:N", scale=alt.Scale(domain=list(KINDS), range=list(KINDS.values())), legend=theme.legend(list(KINDS))
    )
    tip = [
        alt.Tooltip("unit:Q", title="unit"),
        alt.Tooltip("sees:N", title="highest mean"),
        alt.Tooltip("x:Q", title="likeness in answers", format=".2f"),
        alt.Tooltip("y:Q", title="likeness in losses", format=".2f"),
    ]
    points = alt.Chart(frame).mark_circle(size=80, opacity=0.8, cursor="pointer")
    lines = [
        alt.Chart(pd.DataFrame({field: [level]}))
        .mark_rule(color=theme.REST, strokeDash=[4, 4])
        .encode(**{field: shown})
        for field, level, shown in (("x", x_ceiling, x), ("y", y_ceiling, y))
        if level == level
    ]
    drawn = points.encode(x=x, y=y, color=colour, tooltip=tip).add_params(pick)
    return theme.layered([*lines, drawn], height=HEIGHT, n_marks=len(frame))


KINDS = {"both": theme.GAIN, "answers alone": theme.ACTIVATION, "losses alone": theme.LOSS, "neither": theme.REST}
"""The colour of each kind of likeness: in both, in one of them alone, in neither."""
