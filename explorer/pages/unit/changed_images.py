"""The images of one class whose answer changes without a unit, and the new answers."""

import numpy as np
import streamlit as st

from explorer import navigate
from explorer.class_effects import lost_and_gained
from explorer.format import count
from explorer.navigate import View
from explorer.pictures import data_uri
from explorer.widgets.html import Markup, escape, heading, link, note, table
from explorer.widgets.names import class_link, output_link
from precompute.store.answers import answers
from precompute.store.reader import Layer

_MOST_ROWS = 60


def show(view: View, layer: Layer, unit: int) -> None:
    """List the changed images of the chosen class; nothing if no class is chosen."""
    chosen = view.chosen_class
    if chosen is None:
        return
    title = view.titles[chosen]
    flips = layer.flips(view.selection.ablation, unit)
    lost, gained = lost_and_gained(flips, answers(view.store))
    of_class = np.flatnonzero(view.store.images.label[flips.image] == chosen)
    changes = "1 image of this class changes its answer"
    if len(of_class) != 1:
        changes = f"{count(len(of_class), 'image')} of this class change their answer"
    heading(f"{title} without unit {unit}", changes)
    order = of_class[np.argsort(-2 * lost[of_class].astype(int) - gained[of_class], kind="stable")]
    rows = [_row(view, int(flips.image[i]), int(flips.prediction[i]), _kind(lost[i], gained[i])) for i in order]
    if rows:
        head = ["", "image", "with the unit", "without it", ""]
        table(head, rows[:_MOST_ROWS], numbers=slice(0), look="")
    if len(rows) > _MOST_ROWS:
        note(f"The first {_MOST_ROWS} of {len(rows)}.")
    st.html(f'<p class="us-note">All of this class: {class_link(view, chosen)}</p>')
    st.button("Look at all classes", key="all_classes", on_click=navigate.put, args=(view.selection.to(label=None),))


def _kind(lost: bool, gained: bool) -> str:
    return "lost" if lost else "gained" if gained else ""


def _row(view: View, image: int, prediction: int, kind: str) -> list[str]:
    jpeg = view.store.thumbnail(image)
    href = navigate.href_of_image(view, image)
    alt = escape(view.store.images.path[image])
    picture = link(href, Markup(f'<img src="{data_uri(jpeg, "jpeg")}" alt="{alt}">')) if jpeg else ""
    before = int(view.store.baseline.prediction[image])
    cells = [link(href, view.store.images.path[image]), output_link(view, before), output_link(view, prediction)]
    change = Markup(f'<span class="us-{kind or "note"}">{kind or "wrong both times"}</span>')
    return [picture, *cells, change]
