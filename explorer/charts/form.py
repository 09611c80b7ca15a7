"""Charts that are drawn at every step from unit to unit: their specification is made once for each of their forms.

Most of the time of such a step would go into building it, and into embedding it in the browser. Streamlit hands a chart
whose specification, key and words stay the same its new data, and embeds every other one anew. So what differs from
unit to unit is data alone: frames, which layers call by name, and a few numbers, such as the ends of an axis, which
stand in a frame of one row and are read from it by parameters of the specification.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import altair as alt
import pandas as pd

from explorer.charts import theme
from explorer.charts.rows import finite, rows_of

NUMBERS = "numbers"
"""The frame of the numbers that a form reads, which are none of its data."""


@dataclass(frozen=True, eq=False)
class FormedChart:
    """One chart of a form.

    Parameters
    ----------
    form : dict
        The specification, which other charts share: it is never changed.
    frames : mapping of str to DataFrame
        The data, by the names that layers call them.
    numbers : mapping of str to float
        What the form reads by name.
    whole : mapping of str to DataFrame
        The table behind a frame that draws several of its rows as one mark, by the frame's name.
    """

    form: dict[str, Any]
    frames: Mapping[str, pd.DataFrame]
    numbers: Mapping[str, float]
    whole: Mapping[str, pd.DataFrame] = field(default_factory=dict)

    def made(self) -> tuple[dict[str, Any], dict[str, pd.DataFrame]]:
        """Return the specification without its data, and these."""
        frames = {**self.frames, NUMBERS: pd.DataFrame([self.numbers])}
        return self.form, {name: finite(frame) for name, frame in frames.items()}

    def to_dict(self) -> dict[str, Any]:
        """Return the specification with its data inside."""
        spec, frames = self.made()
        return spec | {"datasets": {name: rows_of(frame) for name, frame in frames.items()}}


def form(layers: Sequence[alt.Chart], numbers: Iterable[str], *, height: int, own_x: bool = False) -> dict[str, Any]:
    """Return the specification of charts over each other that read these numbers; see `theme.layered` for the rest."""
    # Vega keeps a frame only where a layer shows it.
    carrier = named(NUMBERS).mark_rule(opacity=0, aria=False).encode(x=alt.XValue(0))
    spec = theme.layered([carrier, *layers], height=height, own_x=own_x).to_dict(validate=False)
    row = f"data('{NUMBERS}')[0]"
    params = [{"name": name, "expr": f"{row} ? {row}.{name} : 0"} for name in numbers]
    return {**spec, "params": [*spec.get("params", []), *params]}


def named(name: str) -> alt.Chart:
    """Return a chart of the frame that is called so."""
    return alt.Chart(alt.NamedData(name=name))


def between(ends: Iterable[str]) -> list[alt.ExprRef]:
    """Return the domain of a scale, by the names of its ends among the numbers."""
    return [alt.ExprRef(end) for end in ends]
