"""The line that says that a store fails its check."""

import streamlit as st

from explorer import cache
from explorer.navigate import View
from explorer.widgets.html import escape
from explorer.widgets.messages import alert

_POLL_SECONDS = 2.0


def show(view: View) -> None:
    """Say what the check finds wrong, once it has ended; until then wait for it beside the page."""
    said = cache.store_checks().of(view.source)
    if said is None:
        _wait(view, [])
    elif said:
        alert("us-warning", escape(said))


@st.fragment(run_every=_POLL_SECONDS)
def _wait(view: View, looks: list[None]) -> None:
    # The first look is that of the page itself, which is shown before the check takes a processor.
    if looks:
        cache.store_checks().start(view.source)
        if cache.store_checks().of(view.source) is not None:
            st.rerun()
    looks.append(None)
