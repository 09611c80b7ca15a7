"""HTML pieces. Whatever comes from a store is escaped here, and only here."""

import html
from collections.abc import Iterable

import streamlit as st

from explorer.format import writable


def escape(text: object) -> str:
    """Return text that is literal between tags and inside quoted values."""
    return html.escape(writable(text), quote=True)


def together(text: str) -> str:
    """Return text in which no line ends between a number and its sign."""
    return text.replace(" %", "\u00a0%").replace(" ≤ ", "\u00a0≤\u00a0")


def heading(title: str, aside: str = "") -> None:
    """Open a section: its name, and what the reader needs to know to read it."""
    small = f"<small>{escape(aside)}</small>" if aside else ""
    st.html(f'<h2 class="us-head">{escape(title)}{small}</h2>')


def note(text: str) -> None:
    """Say something quietly."""
    st.html(f'<p class="us-note">{together(escape(text))}</p>')


def notes(texts: Iterable[str]) -> None:
    """Say several things quietly, a paragraph each, close together; nothing where there are none."""
    said = "".join(f'<p class="us-note">{together(escape(text))}</p>' for text in texts if text)
    if said:
        st.html(f"<div>{said}</div>")


def sentence(inner: str) -> None:
    """Say the main thing. ``inner`` is HTML that is already escaped."""
    st.html(f'<p class="us-sentence" role="heading" aria-level="1">{together(inner)}</p>')
