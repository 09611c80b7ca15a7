"""A small menu beside a figure that offers it for download as SVG, PDF or PNG, and its numbers as CSV.

Nothing is made before it is needed: the content of the menu is made when it opens, a file when its button is clicked.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import pandas as pd
import streamlit as st

from explorer import press
from explorer.csv_text import csv_of
from explorer.format import not_isolated
from explorer.origin import Origin
from explorer.paper import KINDS, Drawing, Kind, pixels_of
from explorer.widgets.html import note

_WIDTH = "take_away_mm"
_NARROWEST, _WIDEST, _TWO_COLUMNS = 60, 420, 180
_MOST_SIGNS = 20
_MIME = {"svg": "image/svg+xml", "pdf": "application/pdf", "png": "image/png"}


@dataclass(frozen=True, eq=False)
class Figure:
    """A figure that can be downloaded.

    Parameters
    ----------
    says : str
        What the figure shows.
    origin : Origin
        Where its numbers come from.
    made : callable
        Makes the file from a width in mm, a kind of file and the caption.
    numbers : callable
        Returns the numbers behind the figure.
    """

    says: str
    origin: Origin
    made: Callable[[float, Kind, list[str]], bytes]
    numbers: Callable[[], pd.DataFrame]

    @property
    def caption(self) -> list[str]:
        """The paragraphs below the figure."""
        return [self.says if self.says.endswith(".") else f"{self.says}.", self.origin.words]

    def table(self) -> pd.DataFrame:
        """Return the numbers with plain texts, for other programs."""
        return self.numbers().map(lambda cell: not_isolated(cell) if isinstance(cell, str) else cell)


def chart(spec: dict[str, Any], says: str, origin: Origin, numbers: Callable[[], pd.DataFrame]) -> Figure:
    """Return a chart, given by its Vega-Lite specification, as a figure."""
    return Figure(says, origin, lambda mm, kind, caption: press.chart_file(spec, caption, mm, kind), numbers)


def wall(draw: Callable[[float], Drawing], says: str, origin: Origin, numbers: Callable[[], pd.DataFrame]) -> Figure:
    """Return a wall of pictures as a figure; ``draw`` makes the wall for a width in pixels."""
    return Figure(
        says,
        origin,
        lambda mm, kind, caption: press.drawing_file(draw(pixels_of(mm)), caption, mm, kind),
        numbers,
    )


def show(figure: Callable[[], Figure], *, key: str) -> None:
    """Show the menu of a figure.

    Parameters
    ----------
    figure : callable
        Returns the figure; called only when the menu is open.
    key : str
        Identifies the figure on its page.
    """
    key = f"take_{key}"
    menu = st.popover(":material/download: Take away", type="tertiary", key=key, on_change="rerun")
    if menu.open:
        with menu:
            _show_menu(figure(), key)


def _show_menu(figure: Figure, key: str) -> None:
    width = st.number_input(
        "Width on paper, mm",
        _NARROWEST,
        _WIDEST,
        st.session_state.get(_WIDTH, _TWO_COLUMNS),
        10,
        key=f"{key}_width",
        on_change=lambda: st.session_state.update({_WIDTH: st.session_state[f"{key}_width"]}),
    )
    slug = figure.origin.slug(figure.says)
    with st.container(horizontal=True, gap="small"):
        for kind in KINDS:
            _button(kind.upper(), partial(figure.made, width, kind, figure.caption), slug, kind, key)
        _button("CSV", lambda: csv_of(figure.table()), slug, "csv", key)
    note("A PNG has 300 dots an inch. The CSV holds the numbers.")
    _warn_of_boxes(figure)
    for paragraph in figure.caption:
        note(paragraph)


def _warn_of_boxes(figure: Figure) -> None:
    """Say which characters of the figure's texts no font here can draw, and what helps."""
    numbers = figure.numbers()
    words = [cell for name in numbers for cell in numbers[name] if isinstance(cell, str)]
    try:
        boxed = press.without_font("".join([*words, *figure.caption]))
    except press.NotPrinted:
        return
    if boxed:
        more = "" if len(boxed) <= _MOST_SIGNS else f" and {len(boxed) - _MOST_SIGNS:,} more"
        note(
            f"No font on this machine has these signs: {boxed[:_MOST_SIGNS]}{more}. PDF and PNG show boxes for them. "
            "The SVG keeps them. Or install a font that has them and start the app again: on Debian and Ubuntu "
            "fonts-noto-cjk for Chinese, Japanese and Korean, fonts-noto-core for other scripts."
        )


def _button(label: str, make: Callable[[], str | bytes], slug: str, ending: str, key: str) -> None:
    st.download_button(
        label,
        make,
        file_name=f"{slug}.{ending}",
        mime=_MIME.get(ending, "text/csv"),
        on_click="ignore",
        key=f"{key}_{ending}",
    )
