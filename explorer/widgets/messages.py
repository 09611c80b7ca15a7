"""Messages that the app shows when it cannot show what was asked for.

They are HTML rather than markdown, so that paths and names stay literal, also when somebody copies them.
"""

import streamlit as st

from explorer import navigate
from explorer.format import md_text
from explorer.selection import Selection
from explorer.store_files import MOST_OPENED
from explorer.widgets.html import escape
from precompute.errors import UnitscopeError


def show_refusal(error: UnitscopeError) -> None:
    """Show the sentence of an error, and links to the other stores."""
    st.html('<p class="us-brand">Unitscope</p>')
    alert("us-error", f"<b>This cannot be shown.</b> {escape(error)}")
    for name in _others():
        st.page_link(navigate.OVERVIEW, label=f"Open {md_text(name)} instead", query_params=Selection(name).query())


def show_problems(sentences: list[str]) -> None:
    """Show sentences about everything that the URL asks for and that does not exist."""
    if sentences:
        alert("us-warning", "<br>".join(escape(sentence) for sentence in sentences))


def alert(kind: str, inner: str) -> None:
    """Show an alert of the kind ``us-error`` or ``us-warning``; ``inner`` is HTML that is already escaped."""
    st.html(f'<div role="alert" class="us-alert {kind}">{inner}</div>')


def _others() -> list[str]:
    names = [source.name for source in navigate.files()]
    asked = st.query_params.get("store", names[0] if names else None)
    return [name for name in names if name != asked][:MOST_OPENED]
