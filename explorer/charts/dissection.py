"""Charts of units and concepts: how well both coincide compared with chance, and how many units detect each concept."""

import altair as alt
import pandas as pd

from explorer.charts import theme

HEIGHT = 380


def overlaps(frame: pd.DataFrame, *, floor: float) -> alt.LayerChart:
    """Draw the overlap of every unit with its best concept, the best first, over the overlap that chance gives.

    Clicking a dot selects its unit (selection ``pick``).

    Parameters
    ----------
    frame : DataFrame
        Columns ``place`` (from 1), ``unit``, ``concept``, ``category``, ``iou``, ``chance`` (mean) and ``ceiling``
        (highest by chance), all in percent.
    floor : float
        A unit with a higher overlap is a detector, in percent.
    """
    pick = alt.selection_point(name="pick", fields=["unit"], toggle=False)
    hover = alt.selection_point(name="hover", fields=["unit"], on="pointerover", clear="pointerout", empty=False)
    x = alt.X("place:Q", axis=theme.axis("units, the best first"), scale=alt.Scale(nice=False, padding=8))
    y = alt.Y("iou:Q", axis=theme.axis("intersection over union, %"), scale=alt.Scale(zero=True))
    band = alt.Chart(frame).mark_area(color=theme.REST, opacity=0.4, interpolate="step")
    points = alt.Chart(frame).mark_circle(color=theme.ACTIVATION, cursor="pointer", opacity=0.9)
    shown = points.encode(
        x=x,
        y=y,
        size=alt.SizeValue(80, condition={"param": "hover", "empty": False, "value": 220}),
        tooltip=[
            alt.Tooltip("unit:Q", title="unit"),
            alt.Tooltip("concept:N", title="best concept"),
            alt.Tooltip("category:N", title="of"),
            alt.Tooltip("iou:Q", title="IoU, %", format=".1f"),
            alt.Tooltip("chance:Q", title="by chance, %", format=".1f"),
            alt.Tooltip("ceiling:Q", title="at most by chance, %", format=".1f"),
        ],
    )
    line = alt.Chart(pd.DataFrame({"floor": [floor]})).mark_rule(color=theme.REST, strokeDash=[5, 4])
    by_chance = band.encode(x=x, y=alt.Y("ceiling:Q", stack=None))
    return theme.layered([by_chance, line.encode(y=alt.Y("floor:Q")), shown.add_params(pick, hover)], height=HEIGHT)


def detected(frame: pd.DataFrame) -> alt.LayerChart:
    """Draw how many units detect each concept, one row for each concept, in the order of the frame.

    Parameters
    ----------
    frame : DataFrame
        Columns ``concept``, ``category``, ``units`` (how many) and ``which`` (their numbers, for readers).
    """
    order = frame["concept"].tolist()
    y = alt.Y(
        "concept:N", sort=order, axis=theme.axis(None, grid=False, labelLimit=170, labelFontSize=theme.LABEL_SIZE)
    )
    most = int(frame["units"].max()) if len(frame) else 1
    x = alt.X("units:Q", axis=theme.axis("detectors", tickMinStep=1), scale=alt.Scale(domain=[0, most * 1.15]))
    categories = frame["category"].unique().tolist()
    colours = [theme.SERIES[place % len(theme.SERIES)] for place in range(len(categories))]
    legend = theme.legend(categories)
    colour = alt.Color("category:N", scale=alt.Scale(domain=categories, range=colours), sort=categories, legend=legend)
    tip = [alt.Tooltip("concept:N"), alt.Tooltip("category:N"), alt.Tooltip("which:N", title="units")]
    bars = alt.Chart(frame).mark_bar(height=theme.ROW * 0.6).encode(y=y, x=x, color=colour, tooltip=tip)
    counts = alt.Chart(frame).mark_text(align="left", dx=5, fontSize=theme.LABEL_SIZE, color=theme.TEXT)
    return theme.layered(
        [bars, counts.encode(y=y, x=x, text=alt.Text("units:Q"))], height=theme.ROW * max(1, len(frame))
    )
