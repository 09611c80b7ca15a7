"""The rows of a chart: frames as Vega-Lite takes them, each once a chart, however many layers show it.

Altair by itself turns a frame into rows, and hashes these, once for every layer that shows it, which takes longer than
all the rest of a chart.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import altair as alt
import numpy as np
import pandas as pd

Rows = list[dict[str, Any]]

_NAME = "rows"
_ONE_CHART: ContextVar["_Frames | None"] = ContextVar("frames of the chart that is being made", default=None)


class _Frames:
    """The frames of one chart, and their rows by the name that its layers call them."""

    def __init__(self) -> None:
        self._frames: list[pd.DataFrame] = []
        self.rows: dict[str, Rows] = {}

    def name_of(self, frame: pd.DataFrame) -> str:
        """Return the name of a frame, which is taken where it is new."""
        number = next((at for at, held in enumerate(self._frames) if held is frame), len(self._frames))
        name = f"rows-{number}"
        if name not in self.rows:
            self._frames.append(frame)
            self.rows[name] = rows_of(frame)
        return name


@contextmanager
def each_frame_once() -> Iterator[dict[str, Rows]]:
    """Yield the rows of the one chart that is made a specification meanwhile: its ``datasets``."""
    frames = _Frames()
    token = _ONE_CHART.set(frames)
    try:
        yield frames.rows
    finally:
        _ONE_CHART.reset(token)


def rows_of(frame: pd.DataFrame) -> Rows:
    """Return the rows of a frame; what is no finite number is null.

    Raises
    ------
    TypeError
        Where a column holds anything but numbers, texts and truth values.
    """
    columns = [_cells(frame[name]) for name in frame]
    return [dict(zip(map(str, frame), cells, strict=True)) for cells in zip(*columns, strict=True)]


def _cells(column: pd.Series) -> list[Any]:
    values = column.to_numpy()
    if values.dtype.kind not in "fiubO":
        raise TypeError(f"{column.name}: a chart shows numbers, texts and truth values, not {values.dtype}")
    if values.dtype.kind == "f":
        return np.where(np.isfinite(values), values, np.array(None)).tolist()
    return [None if isinstance(cell, float) and not np.isfinite(cell) else cell for cell in values.tolist()]


def _as_data(frame: Any) -> Any:
    if not isinstance(frame, pd.DataFrame):
        return frame
    frames = _ONE_CHART.get()
    return {"values": rows_of(frame)} if frames is None else {"name": frames.name_of(frame)}


# For good, and not only while a chart is made: altair holds this for all threads at once.
alt.data_transformers.register(_NAME, _as_data)
alt.data_transformers.enable(_NAME)
