"""The app's pages, run without a browser: all texts, charts and tables of a page, in order.

Reports are made from this, so a report always says what the page says.
"""

import json
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
from streamlit.testing.v1 import AppTest

from explorer.format import without_markdown
from explorer.pages.unit import measures
from explorer.store_files import ROOT
from precompute.errors import UnitscopeError

_LONGEST_S = 600
# Parts that only make sense on a screen: the bar, the place, and grids of links.
_OF_THE_SCREEN = ("header", "place", "wall_of_units")
_CHOICES = ("button_group", "selectbox", "number_input")


@dataclass(frozen=True)
class Html:
    """HTML made by the app, in which texts from a store are escaped."""

    body: str


@dataclass(frozen=True)
class Choice:
    """A choice that a reader has on the screen, and the chosen option."""

    label: str
    chosen: str


@dataclass(frozen=True, eq=False)
class Chart:
    """A chart: its specification with its data inside, and its description."""

    spec: dict[str, Any]
    says: str


@dataclass(frozen=True, eq=False)
class Table:
    """A sortable table; its columns have the names on the screen, and the decimals there, None where not fixed."""

    frame: pd.DataFrame
    decimals: tuple[int | None, ...]


@dataclass(frozen=True)
class Columns:
    """Parts side by side, and their relative widths."""

    parts: tuple[tuple["Piece", ...], ...]
    weights: tuple[float, ...]


@dataclass(frozen=True)
class Folded:
    """A part that is folded away on the screen."""

    title: str
    parts: tuple["Piece", ...]


Piece = Html | Choice | Chart | Table | Columns | Folded


class NotShown(UnitscopeError):
    """A page could not be shown."""


class PageRun:
    """The app on one store. It sets the arguments of its process, so the process must do nothing else."""

    def __init__(self, store: Path) -> None:
        sys.argv = ["app.py", "--store", str(store)]
        self._app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=_LONGEST_S).run()
        self._refuse_errors()

    def pieces(self, page: str, query: Mapping[str, str]) -> tuple[Piece, ...]:
        """Run a page, by its file, with the parameters of its address.

        Raises
        ------
        NotShown
            Where it ends in an error.
        """
        self._app.switch_page(page)
        self._app.query_params.clear()
        for name, value in query.items():
            self._app.query_params[name] = value
        # Folded on the screen, and made there only when it is unfolded.
        self._app.session_state[measures.FOLD] = True
        self._app.run()
        self._refuse_errors()
        return tuple(_pieces(self._app.main))

    def _refuse_errors(self) -> None:
        for error in self._app.exception:
            raise NotShown(f"A page could not be made ({error.message}). Please report it.")


def _pieces(block: Any) -> Iterator[Piece]:
    for node in block.children.values():
        if getattr(node, "key", None) in _OF_THE_SCREEN or node.type == "popover":
            continue
        if node.type == "expander":
            yield Folded(node.label, tuple(_pieces(node)))
        elif hasattr(node, "children"):
            yield from _inside(node)
        elif (piece := _piece(node)) is not None:
            yield piece


def _inside(block: Any) -> Iterator[Piece]:
    columns = [node for node in block.children.values() if node.type == "column"]
    if columns:
        yield Columns(tuple(tuple(_pieces(column)) for column in columns), tuple(column.weight for column in columns))
    else:
        yield from _pieces(block)


def _piece(node: Any) -> Piece | None:
    if node.type == "html":
        return Html(node.proto.body)
    if node.type == "vega_lite_chart":
        return Chart(_with_data(node.proto), node.proto.alt)
    if node.type == "dataframe":
        return _table(node)
    if node.type in _CHOICES and (chosen := _chosen(node)):
        return Choice(node.label, chosen)
    return None


def _with_data(proto: Any) -> dict[str, Any]:
    """Return the specification of a chart with its data inside; the app keeps them apart."""
    spec: dict[str, Any] = json.loads(proto.spec)
    datasets = {each.name: pa.ipc.open_stream(each.data.data).read_all().to_pylist() for each in proto.datasets}
    return spec | {"datasets": spec.get("datasets", {}) | datasets}


def _table(node: Any) -> Table:
    columns = json.loads(node.proto.columns or "{}")
    titles = {name: facts["label"] for name, facts in columns.items() if facts.get("label")}
    spellings = [str(columns.get(name, {}).get("type_config", {}).get("format")) for name in node.value]
    fixed = [re.fullmatch(r"%\.(\d)f", spelling) for spelling in spellings]
    return Table(node.value.rename(columns=titles), tuple(int(each[1]) if each else None for each in fixed))


def _chosen(node: Any) -> str:
    if node.type == "button_group":
        return ", ".join(map(without_markdown, node.proto.raw_values))
    if node.type == "selectbox":
        return str(node.proto.raw_value)
    return "" if node.value is None else f"{node.value:g}"
