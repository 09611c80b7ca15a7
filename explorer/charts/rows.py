"""The data of a chart as Vega-Lite takes them, each frame once, even if several layers show it.

Altair itself turns a frame into rows and hashes the rows once for every layer that shows the frame. This takes longer
than all other work on a chart. The page takes frames as they are; rows are needed only for a figure that is downloaded.
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
_ONE_CHART: ContextVar["dict[str, pd.DataFrame] | None"] = ContextVar("frames of the chart being made", default=None)


@contextmanager
def each_frame_once() -> Iterator[dict[str, pd.DataFrame]]:
    """Yield the frames of the one chart whose specification is made in this context, by the names that its layers use.

    On leaving the context, infinite numbers in the frames become NaN.

    """
    frames: dict[str, pd.DataFrame] = {}
    token = _ONE_CHART.set(frames)
    try:
        yield frames
    finally:
        _ONE_CHART.reset(token)
        frames.update({name: finite(frame) for name, frame in frames.items()})


def finite(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a frame with NaN in place of infinite numbers, which have no position in a chart."""
    kinds = frame.dtypes.items()
    infinite = any(np.isinf(frame[name].to_numpy()).any() for name, held in kinds if held.kind == "f")
    return frame.replace([np.inf, -np.inf], np.nan) if infinite else frame


def rows_of(frame: pd.DataFrame) -> Rows:
    """Return the rows of a frame; NaN and infinite numbers become None.

    Raises
    ------
    TypeError
        If the type of a column is neither number, truth value nor object.
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
    if frames is None:
        return {"values": rows_of(frame)}
    name = next((name for name, held in frames.items() if held is frame), f"rows-{len(frames)}")
    frames[name] = frame
    return {"name": name}


# Set once and never reset, because altair keeps this setting for all threads together.
alt.data_transformers.register(_NAME, _as_data)
alt.data_transformers.enable(_NAME)
