"""Help on every page, opened by a button or by the key ``?``: the keys, and what the colours mean."""

from pathlib import Path

import streamlit as st

from explorer.navigate import View
from explorer.widgets import palette, tour
from explorer.widgets.html import heading, table

KEYS = (
    ("?", "opens this list"),
    ("← →", "open the unit, class or image before and after this one; in the quiz, choose the picture on that side"),
    ("Tab, Enter", "go to the next link; open it"),
    ("Esc", "closes a dialog or a list that lies over the page"),
    ("1 to 9", "on the page Name: one of your recent labels"),
    ("Enter", "on the page Name: keeps the label and goes on; with Shift you are sure, with Ctrl it is a guess"),
)
_KEY, _SHOWN = "help", "palette_shown"


def listen() -> None:
    """Let the key ``?`` open the help; every page calls this once."""
    script = Path(__file__).with_suffix(".js").read_text("utf-8")
    st.components.v2.component("unitscope_keys", html="<i></i>", js=script)(data={"opens": _KEY}, key="keys")


def show_button(view: View) -> None:
    """Show the button that opens the help."""
    if st.button("?", key=_KEY, type="tertiary", help="Keys, colours, the tour"):
        st.session_state[_SHOWN] = palette.current()
        _show(view)


@st.dialog("Help", width="medium")
def _show(view: View) -> None:
    st.button("Take the tour", key="tour_again", on_click=tour.begin, args=(view,))
    heading("Keys")
    table([], KEYS, numbers=slice(0), look="us-keys")
    heading("Colours")
    palette.show_legend()
    # If the reader chose another palette, the whole page must run again to use it, which closes the help.
    if palette.current() is not st.session_state.get(_SHOWN):
        st.rerun()
