"""Messages for when the app cannot show what was asked for.

As HTML rather than markdown: paths and names stay literal, also for whoever copies them.
"""

import streamlit as st

from explorer import navigate
from explorer.format import md_text
from explorer.selection import Selection
from explorer.widgets.html import escape
from precompute.errors import UnitscopeError


def show_refusal(error: UnitscopeError) -> None:
    """Show an error's sentence, and the way to the other stores there are."""
    st.html('<p class="us-brand">Unitscope</p>')
    alert("us-error", f"<b>This cannot be shown.</b> {escape(error)}")
    for name in _others():
        st.page_link(navigate.OVERVIEW, label=f"Open {md_text(name)} instead", query_params=Selection(name).query())


def show_problems(sentences: list[str]) -> None:
    """Say what the URL asked for and is not there."""
    if sentences:
        alert("us-warning", "<br>".join(escape(sentence) for sentence in sentences))


def alert(kind: str, inner: str) -> None:
    """Set something off from the page: ``us-error`` or ``us-warning``. ``inner`` is HTML that is already escaped."""
    st.html(f'<div role="alert" class="us-alert {kind}">{inner}</div>')


def _others() -> list[str]:
    names = [source.name for source in navigate.files()]
    asked = st.query_params.get("store", names[0] if names else None)
    return [name for name in names if name != asked]
