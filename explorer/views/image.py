"""One image: what the network says of it, which units fire on it, and which it needs."""

import streamlit as st

from explorer import navigate
from explorer.pages.image import answer, units
from explorer.widgets import header, messages, steps

view = navigate.current()
image = view.chosen_image or 0
view = navigate.at_image(view, image)
with header.show(view, page=navigate.IMAGE):
    paths = view.store.images.path
    steps.show("image", image + 1, image, len(paths), lambda other: view.selection.to(image=paths[other]))
messages.show_problems(view.problems)
answer.show_headline(view, image, view.layer if view.selection.layer else None)
left, right = st.columns([3, 9], gap="large")
with left:
    answer.show_picture(view, image)
with right:
    answer.show_outputs(view, image)
units.show_changes(view, image)
units.show_what_if(view, image)
units.show_strongest(view, image)
