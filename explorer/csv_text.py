"""Tables as CSV that spreadsheets can open without harm, and the numbers behind a chart as such a table."""

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

# A spreadsheet takes a cell that begins so for a formula and computes it.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
# The standard's; with it a cell that holds one of its signs is quoted.
_LINE_END = "\r\n"


def csv_of(frame: pd.DataFrame) -> str:
    """Return a table as CSV; a text that a spreadsheet would take for a formula gets an apostrophe before it."""
    return str(frame.rename(columns=harmless).map(harmless).to_csv(index=False, lineterminator=_LINE_END))


def harmless(cell: Any) -> Any:
    """Return a cell with an apostrophe before what a spreadsheet would compute, and before apostrophes before that."""
    return f"'{cell}" if isinstance(cell, str) and cell.lstrip("'").startswith(_FORMULA) else cell


def as_it_was(cell: str) -> str:
    """Return the text of a cell that `harmless` gave."""
    return cell[1:] if cell.startswith("'") and cell.lstrip("'").startswith(_FORMULA) else cell


def numbers_of(spec: Mapping[str, Any]) -> pd.DataFrame:
    """Return the numbers behind a chart.

    Parameters
    ----------
    spec : mapping
        Its Vega-Lite specification, layers over each other.

    Returns
    -------
    DataFrame
        The rows of every table that the chart is drawn from. Of several, column ``mark`` says what draws each. A
        column that the chart has words for is named by both.
    """
    tables = spec["datasets"]
    frames: dict[str, pd.DataFrame] = {}
    for layer in spec["layer"]:
        name = {**spec.get("data", {}), **layer.get("data", {})}.get("name")
        if name is None or not tables.get(name):
            continue
        frame = frames.setdefault(name, pd.DataFrame({"mark": layer["mark"]["type"]} | row for row in tables[name]))
        frames[name] = frame.rename(columns=dict(_titles(layer, frame)))
    # Beside the rows of another table whole numbers would become fractions.
    shown = [frame.astype(object) for frame in frames.values()]
    if len(shown) == 1:
        return shown[0].drop(columns="mark")
    return pd.concat(shown, ignore_index=True) if shown else pd.DataFrame()


def _titles(layer: Mapping[str, Any], frame: pd.DataFrame) -> Iterator[tuple[str, str]]:
    """Give the fields of a layer that have words on the screen, each with its new name."""
    channels = layer.get("encoding", {}).values()
    for channel in (one for each in channels for one in (each if isinstance(each, list) else [each])):
        field = channel.get("field")
        title = channel.get("title") or (channel.get("axis") or {}).get("title")
        if field in frame and isinstance(title, str) and title != field:
            yield field, f"{field} ({title})"
