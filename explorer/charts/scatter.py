"""All units of a layer over two measures."""

import altair as alt
import pandas as pd

from explorer.charts import theme

HEIGHT = 460


def scatter(frame: pd.DataFrame, x_label: str, y_label: str) -> alt.LayerChart:
    """Draw a point a unit. Clicking a point selects its unit (selection ``pick``, field ``unit``).

    Parameters
    ----------
    frame : DataFrame
        Columns ``unit``, ``x``, ``y``, ``sees`` (title of the preferred class) and ``chosen`` (whether that is the
        class that is looked at); where ``y`` is a maximum also ``ceiling``, what chance keeps it at or below. Rows
        without a value on either axis are left out by the caller.
    x_label, y_label : str
        Titles of the axes.
    """
    pick = alt.selection_point(name="pick", fields=["unit"], toggle=False)
    hover = alt.selection_point(name="hover", fields=["unit"], on="pointerover", clear="pointerout", empty=False)
    any_chosen = bool(frame["chosen"].any())
    strong = alt.ColorValue(theme.REST, condition={"test": "datum.chosen", "value": theme.ACTIVATION})
    points = alt.Chart(frame).mark_circle(cursor="pointer", opacity=0.8)
    x = alt.X("x:Q", axis=theme.axis(x_label), scale=alt.Scale(zero=False, padding=12))
    encoded = points.encode(
        x=x,
        y=alt.Y("y:Q", axis=theme.axis(y_label), scale=alt.Scale(zero=False, padding=12)),
        size=alt.SizeValue(80, condition={"param": "hover", "empty": False, "value": 220}),
        color=strong if any_chosen else alt.ColorValue(theme.ACTIVATION),
        tooltip=[
            alt.Tooltip("unit:Q", title="unit"),
            alt.Tooltip("sees:N", title="answers most to"),
            alt.Tooltip("x:Q", title=x_label, format=".3g"),
            alt.Tooltip("y:Q", title=y_label, format=".3g"),
            *_ceiling_tip(frame),
        ],
    ).add_params(pick, hover)
    dashes = _ceilings(frame, x)
    return theme.layered([*dashes, encoded], height=HEIGHT, n_marks=len(frame) * (1 + len(dashes)))


def _ceilings(frame: pd.DataFrame, x: alt.X) -> list[alt.Chart]:
    if "ceiling" not in frame:
        return []
    dashes = alt.Chart(frame).mark_tick(color=theme.REST, orient="horizontal", size=12, thickness=2)
    return [dashes.encode(x=x, y=alt.Y("ceiling:Q"))]


def _ceiling_tip(frame: pd.DataFrame) -> list[alt.Tooltip]:
    return [alt.Tooltip("ceiling:Q", title="by chance, 95 %", format=".3g")] if "ceiling" in frame else []
