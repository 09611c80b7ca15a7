"""Units of a layer, changed together: what the network then says."""

import streamlit as st

from explorer import navigate
from explorer.format import count
from explorer.pages.what_if import all_images, controls, one_image, question, saved
from explorer.widgets import header, messages, waiting
from explorer.widgets.html import escape, note, sentence

view = navigate.current()
layer = view.layer
asked = question.read(view.selection, layer, len(view.store.images))
with header.show(view, page=navigate.WHAT_IF):
    header.place(f"{layer.name}, {count(layer.n_units, 'unit')}")
messages.show_problems([*view.problems, *asked.problems])
left, right = st.columns([3, 8], gap="large")
with left:
    picture = controls.show(view, layer, asked)
    saved.show(view, asked)
with right:
    top, request = st.container(), asked.request(layer.name)
    lacks_picture = request is not None and request.upload and not picture
    if request is None or lacks_picture:
        with top:
            sentence(f"What if units of <b>{escape(layer.name)}</b> were changed?")
        missing = "Choose a picture" if lacks_picture else "Name the units"
        note(f"{missing} on the left. The network then runs with the change, exactly, and what it says is shown here.")
    elif (found := waiting.answer(view, request, picture)) is None:
        with top:
            sentence(f"{escape(question.change_words(asked.units, asked.change))} …")
    elif request.of_one_image:
        with top:
            one_image.show_headline(view, asked, found)
        one_image.show(view, asked, found)
    else:
        with top:
            all_images.show_headline(view, asked, found)
        all_images.show(view, layer, asked, found)
