"""What a store holds: the network, its accuracy, its layers, and how all of it came to be."""

import streamlit as st

from explorer import navigate
from explorer.pages.overview import sections
from explorer.widgets import experiment_list, header, messages
from explorer.widgets.html import heading, sentence

view = navigate.current()
with header.header(view, page=navigate.OVERVIEW):
    st.space("stretch")
messages.problems(view.problems)
sentence(sections.summary(view))
sections.conditions(view)
sections.guide(view)
left, right = st.columns([7, 5], gap="large")
with left:
    sections.layers(view)
with right:
    sections.accuracy(view)
    heading("Experiments", "questions to the units of a layer, each with its figure and its numbers")
    experiment_list.show(view)
sections.origin(view)
sections.skipped(view)
