"""Charts that are drawn at every step from unit to unit: their specification is made once for each of their forms.

Most of the time of such a step would go into building it. What differs from unit to unit are frames, which layers call
by name, and a few numbers, such as the ends of an axis, which are parameters of the specification.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import altair as alt
import pandas as pd

from explorer.charts.rows import finite, rows_of


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
        The values of the form's parameters.
    """

    form: dict[str, Any]
    frames: Mapping[str, pd.DataFrame]
    numbers: Mapping[str, float]

    def made(self) -> tuple[dict[str, Any], dict[str, pd.DataFrame]]:
        """Return the specification without its data, and these."""
        params = [{"name": name, "value": value} for name, value in self.numbers.items()]
        spec = {**self.form, "params": [*self.form.get("params", []), *params]}
        return spec, {name: finite(frame) for name, frame in self.frames.items()}

    def to_dict(self) -> dict[str, Any]:
        """Return the specification with its data inside."""
        spec, frames = self.made()
        return spec | {"datasets": {name: rows_of(frame) for name, frame in frames.items()}}


def named(name: str) -> alt.Chart:
    """Return a chart of the frame that is called so."""
    return alt.Chart(alt.NamedData(name=name))


def between(ends: Iterable[str]) -> list[alt.ExprRef]:
    """Return the domain of a scale, by the names of its ends among the numbers."""
    return [alt.ExprRef(end) for end in ends]
