"""The experiments: those that the store holds, each with its figure, and how to add the others."""

import streamlit as st

from explorer import navigate
from explorer.components import header, messages
from explorer.components.experiments import page

view = navigate.current()
with header.header(view, page=navigate.EXPERIMENTS):
    header.place("experiments")
messages.problems(view.problems)
chosen = page.chosen_experiment(view)
left, right = st.columns([2.4, 9.6], gap="large")
with left:
    page.contents(view, chosen)
    layer = page.layer_of(view, chosen)
with right:
    page.experiment(view, chosen, layer)
