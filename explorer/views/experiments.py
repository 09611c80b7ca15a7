"""The experiments: those that the store holds, each with its figure, and how to add the others."""

import streamlit as st

from explorer import navigate
from explorer.pages.experiments import sections
from explorer.widgets import experiment_list, header, messages

view = navigate.current()
with header.show(view, page=navigate.EXPERIMENTS):
    pass
messages.show_problems(view.problems)
chosen = sections.chosen_experiment(view)
left, right = st.columns([2.4, 9.6], gap="large")
with left:
    experiment_list.show(view, chosen)
    layer = sections.layer_of(view, chosen)
with right:
    sections.show(view, chosen, layer)
