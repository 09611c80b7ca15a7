"""Links in the HTML of a page lead to other pages without loading the app anew.

A browser would follow them by starting a new session. One component listens for clicks on all of them.
"""

from pathlib import Path

import streamlit as st

from explorer import navigate
from explorer.widgets import search_field

_KEY = "links"


def listen() -> None:
    """Follow the links that :func:`explorer.widgets.html.link` makes; once on every page."""
    script = Path(__file__).with_suffix(".js").read_text("utf-8")
    st.components.v2.component("unitscope_links", html="<i></i>", js=script)(key=_KEY, on_go_change=_follow)


def _follow() -> None:
    # A run that was cut short before it listened has forgotten the click.
    address = st.session_state.get(_KEY, {}).get("go")
    if address is not None:
        search_field.forget()
        navigate.follow(str(address))
