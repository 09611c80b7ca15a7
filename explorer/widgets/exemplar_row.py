"""The strongest images of a unit in one row, to compare them with another unit's."""

import streamlit as st

from explorer import navigate
from explorer.navigate import View
from explorer.pictures import aspect_of, canvas, outline, outline_level
from explorer.widgets import gallery
from explorer.widgets.gallery import Picture, Taken
from explorer.widgets.html import escape, note
from explorer.widgets.names import unit_link
from precompute.store.reader import Layer

_PICTURES = 5


def show(view: View, layer: Layer, unit: int, aside: str = "") -> None:
    """Show a link to a unit, a few words about the unit (``aside``), and its strongest images."""
    st.html(f"<p><b>{unit_link(view, layer, unit, f'Unit {unit}')}</b> {escape(aside)}</p>")
    if "top" not in layer.exemplar_kinds:
        note("This store holds no exemplars.")
        return
    found, label = layer.exemplars("top", unit), view.store.images.label
    level, aspect = outline_level(found.map), aspect_of(view.store.model.input_size)
    gallery.show(
        [
            Picture(
                view.store.thumbnail(image),
                view.store.classes.title[label[image]],
                overlay=outline(activation, level, canvas(aspect), layer.part),
                hint=view.store.images.path[image],
                href=navigate.href_of_image(view, int(image)),
            )
            for image, activation in zip(found.image[:_PICTURES], found.map, strict=False)
        ],
        aspect,
        taken=Taken(
            f"exemplars_{view.selection.store}_{layer.name}_{unit}",
            "The images on which the unit's largest activation is highest; outlined, where it is active",
            view.origin(layer.name, f"unit {unit}"),
        ),
    )
