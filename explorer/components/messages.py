"""What the app says when it cannot show what was asked for."""

import sys

import streamlit as st

from explorer import navigate
from explorer.selection import Selection
from explorer.sources import find_sources
from explorer.text import md_text
from precompute.errors import UnitscopeError


def refusal(error: UnitscopeError) -> None:
    """Show an error's sentence, and the way to the other stores there are."""
    st.error(md_text(error), title="This cannot be shown")
    for source in _others():
        st.page_link(
            navigate.OVERVIEW,
            label=f"Open {md_text(source)}",
            query_params=Selection(source).query(),
        )


def problems(sentences: list[str]) -> None:
    """Say what the URL asked for and is not there."""
    if sentences:
        st.warning(md_text(" ".join(sentences)))


def _others() -> list[str]:
    try:
        names = [source.name for source in find_sources(sys.argv)]
    except UnitscopeError:
        return []
    asked = st.query_params.get("store", names[0] if names else None)
    return [name for name in names if name != asked]
