"""Links in the HTML of a page that open other pages without loading the app again.

A browser would start a new session to follow such a link. So one component listens for clicks on all of them.
"""

from pathlib import Path

import streamlit as st

from explorer import navigate
from explorer.widgets import search_field

_KEY = "links"


def listen() -> None:
    """Follow the links that :func:`explorer.widgets.html.link` makes; every page calls this once."""
    script = Path(__file__).with_suffix(".js").read_text("utf-8")
    st.components.v2.component("unitscope_links", html="<i></i>", js=script)(key=_KEY, on_go_change=_follow)


def _follow() -> None:
    # After a run that was cut short before this component was mounted, the state holds no click.
    address = st.session_state.get(_KEY, {}).get("go")
    if address is not None:
        search_field.forget()
        navigate.follow(str(address))
