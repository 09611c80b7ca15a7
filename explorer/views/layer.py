"""One layer: its units, all or those that are found, in a plot, in a table and as a grid."""

import streamlit as st

from explorer import navigate, unit_conditions
from explorer.pages.layer import find_units, grid, headline, plot, table
from explorer.widgets import header, messages
from explorer.widgets.html import heading, note

view = navigate.current()
layer = view.layer
with header.show(view, page=navigate.LAYER):
    header.choose_layer(view)
criteria = view.criteria()
conditions, problems = unit_conditions.read(view.selection.find, criteria)
messages.show_problems([*view.problems, *problems])
headline.show(view, layer)
kept = find_units.show(view, criteria, conditions)
if not layer.measures:
    heading("Measures")
    note("This store holds no measures.")
elif kept.any():
    with st.container(key="plot_and_table"):
        left, right = st.columns(2, gap="large")
        with left:
            plot.show(view, layer, kept)
        with right:
            table.show(view, layer, kept)
if kept.any():
    with st.container(key="wall_of_units"):
        grid.show(view, layer, kept)
