"""Forms of charts: specifications that are made once and used for the charts of many units.

A step from unit to unit would spend most of its time on building a specification and on embedding it in the browser. If
the specification, the key and the words of a chart stay the same, Streamlit only sends new data; otherwise it embeds
the chart again. So only data may differ from unit to unit: frames, which layers call by name, and a few numbers, such
as the ends of an axis. The numbers stand in a frame of one row, and parameters of the specification read them from it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import altair as alt
import pandas as pd

from explorer.charts import theme
from explorer.charts.rows import finite, rows_of

NUMBERS = "numbers"
"""The name of the frame of one row that holds the numbers of a chart, such as ends of axes."""


@dataclass(frozen=True, eq=False)
class FormedChart:
    """A chart: a form with its own data.

    Parameters
    ----------
    form : dict
        The specification, which other charts share, so that nobody may change it.
    frames : mapping of str to DataFrame
        The data, by the names that layers use for them.
    numbers : mapping of str to float
        The numbers that the form reads, by name.
    whole : mapping of str to DataFrame
        For frames in which one mark stands for several rows: the full table, by the frame's name.
    """

    form: dict[str, Any]
    frames: Mapping[str, pd.DataFrame]
    numbers: Mapping[str, float]
    whole: Mapping[str, pd.DataFrame] = field(default_factory=dict)

    def made(self) -> tuple[dict[str, Any], dict[str, pd.DataFrame]]:
        """Return the specification without its data, and the frames of data by name."""
        frames = {**self.frames, NUMBERS: pd.DataFrame([self.numbers])}
        return self.form, {name: finite(frame) for name, frame in frames.items()}

    def to_dict(self) -> dict[str, Any]:
        """Return the specification with its data inside."""
        spec, frames = self.made()
        return spec | {"datasets": {name: rows_of(frame) for name, frame in frames.items()}}


def form(layers: Sequence[alt.Chart], numbers: Iterable[str], *, height: int, own_x: bool = False) -> dict[str, Any]:
    """Return the specification of layers that read these numbers; see `theme.layered` for the other parameters."""
    # An invisible layer, because Vega keeps a frame only if a layer shows it.
    carrier = chart_of(NUMBERS).mark_rule(opacity=0, aria=False).encode(x=alt.XValue(0))
    spec = theme.layered([carrier, *layers], height=height, own_x=own_x).to_dict(validate=False)
    row = f"data('{NUMBERS}')[0]"
    params = [{"name": name, "expr": f"{row} ? {row}.{name} : 0"} for name in numbers]
    return {**spec, "params": [*spec.get("params", []), *params]}


def chart_of(name: str) -> alt.Chart:
    """Return a chart of the frame with this name."""
    return alt.Chart(alt.NamedData(name=name))


def between(ends: Iterable[str]) -> list[alt.ExprRef]:
    """Return the domain of a scale whose ends are numbers of the chart, by their names."""
    return [alt.ExprRef(end) for end in ends]
