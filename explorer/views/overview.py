"""What a store holds: the network, its accuracy, its layers, and how all of it came to be."""

import streamlit as st

from explorer import navigate
from explorer.components import contents, header, messages
from explorer.components.experiments import page as experiments
from explorer.components.html import heading, sentence

view = navigate.current()
with header.header(view, page=navigate.OVERVIEW):
    st.space("stretch")
messages.problems(view.problems)
sentence(contents.summary(view))
contents.conditions(view)
contents.guide(view)
left, right = st.columns([7, 5], gap="large")
with left:
    contents.layers(view)
with right:
    contents.accuracy(view)
    heading("Experiments", "questions to the units of a layer, each with its figure and its numbers")
    experiments.contents(view)
contents.origin(view)
contents.skipped(view)
