"""What a page is shared by: a link to it, which knows its store."""

import streamlit as st

from explorer import navigate
from explorer.navigate import View
from explorer.widgets.html import note


def show(view: View, page: str) -> None:
    """Show the menu; what is in it is made when it is open."""
    menu = st.popover(":material/share: Share", type="tertiary", key="share", on_change="rerun")
    if menu.open:
        with menu:
            _show_link(view, page)


def _show_link(view: View, page: str) -> None:
    st.code(navigate.link_to(page, view), language=None, wrap_lines=True)
    note(
        "The link to this page as it is. It carries the fingerprint of the store: opened on another store of the same "
        "name, it says so."
    )
