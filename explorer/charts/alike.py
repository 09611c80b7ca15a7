"""The units of a layer by how alike they are to one of them, in two ways."""

import altair as alt
import pandas as pd

from explorer.charts import theme

HEIGHT = 360


def alike(frame: pd.DataFrame, *, x_ceiling: float, y_ceiling: float) -> alt.LayerChart:
    """Draw a point a unit, and lines at what chance reaches. A click selects a unit (``pick``, field ``unit``).

    Parameters
    ----------
    frame : DataFrame
        Columns ``unit``, ``x`` and ``y``, likeness in answers and in losses; ``sees``, the class that it answers most
        to; ``kind``, in which of the two it is alike: one of :data:`KINDS`.
    x_ceiling, y_ceiling : float
        What 95 % of the largest correlations stay below by chance.
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
"""In what units are alike, with the colours of each."""
