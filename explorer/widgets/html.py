"""Pieces of HTML. Text from a store is escaped here, and only here."""

import html
import math
from collections.abc import Iterable, Sequence

import streamlit as st

from explorer.format import number, writable


class Markup(str):
    """Text that is HTML already, in which text from a store is escaped."""


def escape(text: object) -> str:
    """Return text that stays literal between tags and inside quoted attribute values."""
    return html.escape(writable(text), quote=True)


def together(text: str) -> str:
    """Return text in which no line breaks between a number and its sign, such as %, ≤ or = before it."""
    for sign in ("≤", "=", "&lt;"):
        text = text.replace(f" {sign} ", f"\u00a0{sign}\u00a0")
    return text.replace(" %", "\u00a0%")


def heading(title: str, aside: str = "", *, does: str = "") -> None:
    """Show the heading of a section: its name, what readers need to know (``aside``), what they can do (``does``)."""
    between = "; " if aside and does else ""
    hint = f'<span class="us-does">{between}{escape(does)}</span>' if does else ""
    small = f"<small>{together(escape(aside))}{hint}</small>" if aside or does else ""
    st.html(f'<h2 class="us-head">{escape(title)}{small}</h2>')


def how_and_limits(reading: str, limits: str) -> None:
    """Show side by side how to read a figure and what the figure cannot tell."""
    for place, title, text in zip(
        st.columns(2, gap="large"), ("How to read it", "What it cannot tell"), (reading, limits), strict=True
    ):
        with place:
            heading(title)
            st.html(f"<p>{together(escape(text))}</p>")


def note(text: str) -> None:
    """Show a small note: text that is escaped here, or :class:`Markup`."""
    st.html(f'<p class="us-note">{together(text if isinstance(text, Markup) else escape(text))}</p>')


def said_by(text: object) -> Markup:
    """Return text that a person typed, isolated so that its writing direction does not change the words around it."""
    return Markup(f"<bdi>{escape(text)}</bdi>")


def hint(text: str) -> None:
    """Show a small hint at what the reader can do on a screen."""
    st.html(f'<p class="us-note us-does">{together(escape(text))}</p>')


def marks(*shown: tuple[str, str]) -> None:
    """Show what the marks of a figure mean: of each its class in the style sheet, and its meaning on the same line."""
    said = " ".join(f'<span><i class="{look}"></i>{together(escape(meaning))}</span>' for look, meaning in shown)
    st.html(f'<p class="us-key">{said}</p>')


def notes(texts: Iterable[str]) -> None:
    """Show several small notes close together, a paragraph for each; nothing if there are none."""
    said = "".join(f'<p class="us-note">{together(escape(text))}</p>' for text in texts if text)
    if said:
        st.html(f"<div>{said}</div>")


def table(
    head: Sequence[str], rows: Iterable[Sequence[str]], *, numbers: slice = slice(1, None), look: str = "us-brief"
) -> None:
    """Show a table.

    Parameters
    ----------
    head : sequence of str
        Titles of the columns; empty for a table without a head.
    rows : iterable of sequences of str
        The cells of each row: text that is escaped here, or :class:`Markup`.
    numbers : slice
        The columns of numbers, which are aligned to the right; all but the first by default.
    look : str
        ``us-brief`` for numbers with short heads, ``us-list`` for rows of text, empty for a plain table.
    """
    lines = [_row("th", head, numbers)] if head else []
    lines += [_row("td", row, numbers) for row in rows]
    st.html(f'<table class="us-table {look}">{"".join(lines)}</table>')


def _row(tag: str, cells: Sequence[str], numbers: slice) -> str:
    right = range(len(cells))[numbers]
    return "".join(
        (
            "<tr>",
            *(_cell(tag, cell, "us-number" if place in right and cell else "") for place, cell in enumerate(cells)),
            "</tr>",
        )
    )


def _cell(tag: str, cell: str, kind: str) -> str:
    start = f'<{tag} class="{kind}">' if kind else f"<{tag}>"
    return f"{start}{cell if isinstance(cell, Markup) else together(escape(cell))}</{tag}>"


def link(href: str, text: str) -> Markup:
    """Return a link to another page of the app, see :mod:`explorer.widgets.links`; text is escaped, markup is not."""
    return Markup(f'<a class="us-to" href="{escape(href)}">{text if isinstance(text, Markup) else escape(text)}</a>')


def with_small(text: str, small: str) -> Markup:
    """Return a cell of a table: a value, and below it a small text, if there is one."""
    return Markup(f"{escape(text)}<br><small>{escape(small)}</small>" if small else escape(text))


def with_range(middle: float, low: float, high: float, decimals: int = 2) -> Markup:
    """Return a cell of a table: a number, and below it the range that it lies in; no range where its ends are NaN."""
    return with_small(
        number(middle, decimals), "" if math.isnan(low) else f"{number(low, decimals)} to {number(high, decimals)}"
    )


def sentence(inner: str) -> None:
    """Show the main sentence of a page; ``inner`` is HTML that is already escaped."""
    st.html(f'<p class="us-sentence" role="heading" aria-level="1">{together(inner)}</p>')
