"""The name of the reader, for pages on which people give labels or answers: asked once and kept for all pages."""

import streamlit as st

from explorer import navigate
from explorer.navigate import View
from explorer.rows_beside_store import MOST_RATER
from explorer.widgets.html import escape, sentence

KEY = "rater"


def ask(question: str, why: str) -> str | None:
    """Return the name of the reader; if it is not known, ask for it and return None.

    Parameters
    ----------
    question : str
        A sentence about the page.
    why : str
        What readers do here, and what happens with their answers.
    """
    known: str = st.session_state.get(KEY, "")
    if known:
        return known
    sentence(escape(question))
    st.html(f'<p class="us-plain">{escape(why)}</p>')
    with st.form("who", border=False, width=420):
        st.text_input("Your name", max_chars=MOST_RATER, key="who_name")
        st.form_submit_button("Begin", on_click=_keep)
    return None


def show(view: View, rater: str) -> None:
    """Show the name of the reader, and a button for another person, who begins at the first unit of their own."""
    st.html(f'<span class="us-place">{escape(rater)}</span>', width="content")
    st.button("Not you?", key="other_rater", type="tertiary", on_click=_forget, args=(view,))


def _keep() -> None:
    name = " ".join(st.session_state["who_name"].split())
    if name:
        st.session_state[KEY] = name


def _forget(view: View) -> None:
    st.session_state.pop(KEY, None)
    navigate.put(view.selection.to(unit=None))
