"""A link to the page that asks what the network would say if some units were changed."""

from collections.abc import Sequence

import streamlit as st

from explorer import navigate
from explorer.navigate import View
from precompute.what_if.unit_list import write_units


def show(view: View, units: Sequence[int], label: str) -> None:
    """Show a link to the page, with some units of the layer that is shown."""
    chosen = view.selection.to(units=write_units(units), change=None, on=None, pairs=None)
    st.page_link(navigate.WHAT_IF, label=label, icon=":material/experiment:", query_params=chosen.query())
