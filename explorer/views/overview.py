"""The page of a store: the network, its accuracy, its layers, and how all of it came to be."""

import streamlit as st

from explorer import navigate
from explorer.pages.overview import labels_section, sections
from explorer.widgets import experiment_list, header, messages, tour
from explorer.widgets.html import heading, sentence

view = navigate.current()
with header.show(view, page=navigate.OVERVIEW):
    pass
messages.show_problems(view.problems)
tour.show_welcome(view)
sentence(sections.headline(view))
sections.show_conditions(view)
sections.show_guide(view)
left, right = st.columns([7, 5], gap="large")
with left:
    sections.show_layers(view)
with right:
    sections.show_accuracy(view)
    heading("Experiments", "questions about the units of a layer")
    experiment_list.show(view)
labels_section.show(view)
sections.show_origin(view)
sections.show_skipped_files(view)
