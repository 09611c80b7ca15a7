"""The histogram of a unit's largest activations over all images, with a tick for each picture that is shown."""

from functools import cache
from typing import Any

import altair as alt
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from explorer.charts import theme
from explorer.charts.form import FormedChart, between, chart_of, form

Floats = NDArray[np.floating[Any]]

HEIGHT = 120
_BINS = 40
_ENDS = ("least", "most")


def bins(values: Floats, n_bins: int = _BINS) -> pd.DataFrame:
    """Count values in bins of equal width, without zeros: of a unit at rest they would dwarf all other bars.

    Parameters
    ----------
    values : (image,) array
        The unit's maximum on each image.
    n_bins : int
        Number of bins over the range of the values that are not zero; the range includes zero.

    Returns
    -------
    DataFrame
        Columns ``start``, ``end`` and ``images``; empty where all values are zero.
    """
    # In float32, edges would coincide for a unit that hardly fires.
    active = values[values != 0].astype(np.float64)
    if active.size == 0:
        return pd.DataFrame({"start": [], "end": [], "images": []})
    span = (min(0.0, float(active.min())), max(0.0, float(active.max())))
    images, edges = np.histogram(active, bins=n_bins, range=span)
    return pd.DataFrame({"start": edges[:-1], "end": edges[1:], "images": images})


def histogram(values: Floats, shown: Floats, of_class: Floats | None = None) -> FormedChart:
    """Draw the distribution of a unit's largest activation over all images.

    Parameters
    ----------
    values : (image,) array
        Maximum on each image; zeros are not drawn.
    shown : (exemplar,) array
        The values of the pictures shown: each gets a tick below the bars.
    of_class : (image of the class,) array, optional
        The same for one class, drawn in front.
    """
    frame = bins(values)
    frames = {"all": frame, "shown": pd.DataFrame({"start": shown})}
    if of_class is not None:
        frames["class"] = _count_between(of_class, frame)
    ends = (float(frame["start"].min()), float(frame["end"].max())) if len(frame) else (0.0, 1.0)
    return FormedChart(_form(of_class=of_class is not None), frames, dict(zip(_ENDS, ends, strict=True)))


@cache
def _form(*, of_class: bool) -> dict[str, Any]:
    x = alt.X(
        "start:Q",
        scale=alt.Scale(domain=between(_ENDS), nice=False),
        axis=theme.axis("largest activation on the image", orient="bottom", grid=False, offset=14),
    )
    layers = [_bars("all", x, theme.REST if of_class else theme.ACTIVATION, 0.45 if of_class else 1)]
    if of_class:
        layers.append(_bars("class", x, theme.ACTIVATION, 1))
    ticks = chart_of("shown").mark_tick(color=theme.ACTIVATION, thickness=2, size=10)
    layers.append(
        ticks.encode(x=x, y=alt.YValue(HEIGHT + 8), tooltip=alt.Tooltip("start:Q", title="shown", format=".3g"))
    )
    return form(layers, _ENDS, height=HEIGHT)


def _count_between(values: Floats, frame: pd.DataFrame) -> pd.DataFrame:
    edges = np.append(frame["start"].to_numpy(), frame["end"].to_numpy()[-1:])
    images = np.histogram(values[values != 0], bins=edges)[0] if len(edges) else np.array([])
    return frame.assign(images=images)


def _bars(name: str, x: alt.X, colour: str, opacity: float) -> alt.Chart:
    y = alt.Y("images:Q", axis=theme.axis("images", tickCount=3, tickMinStep=1, format=",d"))
    tip = [
        alt.Tooltip("start:Q", title="from", format=".3g"),
        alt.Tooltip("end:Q", title="to", format=".3g"),
        alt.Tooltip("images:Q", title="images"),
    ]
    # A rect, because Vega-Lite draws a bar with two ends on x as a horizontal bar.
    bars = chart_of(name).mark_rect(color=colour, opacity=opacity, stroke=None)
    return bars.encode(x=x, x2=alt.X2("end"), y=y, y2=alt.Y2Datum(0), tooltip=tip)
