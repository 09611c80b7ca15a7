"""Tables as CSV that spreadsheets can open without harm, and the numbers behind a chart as such a table."""

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

# A spreadsheet treats a cell that begins with one of these as a formula and computes it; some also take the wide signs
# of East Asian text, and some skip spaces before the sign.
_FORMULA = tuple("=+-@＝＋－＠\t\r\n")
# The line end of the CSV standard; with it, cells that contain one of its characters are quoted.
_LINE_END = "\r\n"


def csv_of(frame: pd.DataFrame) -> str:
    """Return a table as CSV; a text that a spreadsheet would treat as a formula gets an apostrophe before it."""
    return str(frame.rename(columns=harmless).map(harmless).to_csv(index=False, lineterminator=_LINE_END))


def harmless(cell: Any) -> Any:
    """Return a cell with an apostrophe put before a formula, or before apostrophes that are followed by a formula."""
    return f"'{cell}" if isinstance(cell, str) and _is_formula(cell) else cell


def as_it_was(cell: str) -> str:
    """Return the original text of a cell that `harmless` returned."""
    return cell[1:] if cell.startswith("'") and _is_formula(cell) else cell


def _is_formula(cell: str) -> bool:
    return cell.lstrip("' \u00a0\u3000").startswith(_FORMULA)


def numbers_of(spec: Mapping[str, Any]) -> pd.DataFrame:
    """Return the numbers behind a chart.

    Parameters
    ----------
    spec : mapping
        Its Vega-Lite specification, layers over each other.

    Returns
    -------
    DataFrame
        The rows of every table that the chart is drawn from. If there are several tables, column ``mark`` says which
        mark draws each row. A column with a title in the chart is named by its field and its title.
    """
    tables = spec["datasets"]
    frames: dict[str, pd.DataFrame] = {}
    for layer in spec["layer"]:
        name = {**spec.get("data", {}), **layer.get("data", {})}.get("name")
        if name is None or not tables.get(name):
            continue
        frame = frames.setdefault(name, pd.DataFrame({"mark": layer["mark"]["type"]} | row for row in tables[name]))
        frames[name] = frame.rename(columns=dict(_titles(layer, frame)))
    # As objects, because joining tables would turn whole numbers into fractions.
    shown = [frame.astype(object) for frame in frames.values()]
    if len(shown) == 1:
        return shown[0].drop(columns="mark")
    return pd.concat(shown, ignore_index=True) if shown else pd.DataFrame()


def _titles(layer: Mapping[str, Any], frame: pd.DataFrame) -> Iterator[tuple[str, str]]:
    """Yield the fields of a layer that have a title on the screen, each with its new name."""
    channels = layer.get("encoding", {}).values()
    for channel in (one for each in channels for one in (each if isinstance(each, list) else [each])):
        field = channel.get("field")
        title = channel.get("title") or (channel.get("axis") or {}).get("title")
        if field in frame and isinstance(title, str) and title != field:
            yield field, f"{field} ({title})"
