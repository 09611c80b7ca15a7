"""One class: its images, the units it needs, those that answer to it, and where its images go."""

import streamlit as st

from explorer import navigate
from explorer.pages.class_ import images, units
from explorer.widgets import header, messages, steps
from explorer.widgets.html import sentence

view = navigate.current()
label = view.chosen_class or 0
view = navigate.at_class(view, label)
with header.show(view, page=navigate.CLASS):
    names = view.store.classes.name
    steps.show("class", label + 1, label, len(names), lambda other: view.selection.to(label=names[other]))
messages.show_problems(view.problems)
layers = units.layers_of(view)
losses = units.losses_of(view, layers, label)
sentence(images.words_of_accuracy(view, label) + units.words_of_loss(view, losses, layers))
units.choose_layers(view)
left, right = st.columns([8, 4], gap="large")
with left:
    units.show_needed(view, losses)
with right:
    images.show_confusions(view, label)
    units.show_destinations(view, losses)
units.show_answering(view, layers, label)
images.show_images(view, label)
