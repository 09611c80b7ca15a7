"""The place of a unit in its layer by one measure, as a small SVG: a faint tick for every unit, a bold one for this."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from explorer.charts import theme

Floats = NDArray[np.floating[Any]]

WIDTH, HEIGHT = 200, 18


@dataclass(frozen=True)
class Place:
    """The place of one unit among the units of its layer that have a value.

    Parameters
    ----------
    rank : int
        1 for the highest; units with equal values share the best rank.
    of : int
        How many units have a value.
    lowest : bool
        Whether no unit has a lower value.
    tied : int
        How many other units have the same value.
    """

    rank: int
    of: int
    lowest: bool
    tied: int = 0


def place(values: Floats, unit: int) -> Place | None:
    """Return the place of a unit by a measure, the highest value first; None if the unit has no value."""
    if np.isnan(values[unit]):
        return None
    lowest = not (values < values[unit]).any()
    tied = int((values == values[unit]).sum()) - 1
    return Place(int((values > values[unit]).sum()) + 1, int((~np.isnan(values)).sum()), lowest, tied)


def rank_strip(values: Floats, unit: int) -> str:
    """Draw all values of a measure on one line and mark the value of one unit.

    Parameters
    ----------
    values : (unit,) array
        The measure; NaN where undefined.
    unit : int
        The unit to mark.

    Returns
    -------
    str
        An SVG document.
    """
    x = _positions(values)
    middle = HEIGHT / 2
    others = "".join(f"M{at:.1f} {middle - 4}v8" for at in np.unique(np.round(x[~np.isnan(x)], 1)).tolist())
    own = "" if np.isnan(x[unit]) else _marker(x[unit])
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" preserveAspectRatio="none">'
        f'<path d="M0 {middle}H{WIDTH}" stroke="{theme.REST}" stroke-opacity="0.35" stroke-width="1"/>'
        f'<path d="{others}" stroke="{theme.REST}" stroke-opacity="0.55" stroke-width="1"/>{own}</svg>'
    )


def _marker(at: float) -> str:
    return f'<path d="M{at:.1f} 0v{HEIGHT}" stroke="{theme.ACTIVATION}" stroke-width="3.5"/>'


def _positions(values: Floats) -> Floats:
    defined = values[~np.isnan(values)]
    low, high = (float(defined.min()), float(defined.max())) if defined.size else (0.0, 1.0)
    span = (high - low) or 1.0
    return 3 + (WIDTH - 6) * (values - low) / span
