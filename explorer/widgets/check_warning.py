"""The warning that a store fails its check."""

import streamlit as st

from explorer import cache
from explorer.navigate import View
from explorer.widgets.html import escape
from explorer.widgets.messages import alert

_POLL_SECONDS = 2.0


def show(view: View) -> None:
    """Say what the check finds wrong; while the check runs, show the page and look again from time to time."""
    said = cache.store_checks().of(view.source)
    if said is None:
        _wait(view, [])
    elif said:
        alert("us-warning", escape(said))


@st.fragment(run_every=_POLL_SECONDS)
def _wait(view: View, looks: list[None]) -> None:
    # The first run belongs to the page itself, which is shown before the check begins to use a processor.
    if looks:
        cache.store_checks().start(view.source)
        if cache.store_checks().of(view.source) is not None:
            st.rerun()
    looks.append(None)
