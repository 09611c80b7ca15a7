"""The strongest images of a unit and little else, from which a rater finds its name."""

from explorer.navigate import View
from explorer.pictures import aspect_of, canvas, outline, outline_level
from explorer.widgets import gallery
from explorer.widgets.gallery import Picture
from explorer.widgets.html import note
from precompute.store.reader import Layer

_A_ROW = 9


def show(view: View, layer: Layer, unit: int) -> None:
    """Show the exemplars of the unit with the active region outlined."""
    if "top" not in layer.exemplar_kinds:
        note("This store holds no strongest images, so there is nothing to name a unit by.")
        return
    classes, label = view.store.classes, view.store.images.label
    found, aspect = layer.exemplars("top", unit), aspect_of(view.store.model.input_size)
    level, size = outline_level(found.map), canvas(aspect)
    pictures = [
        Picture(
            jpeg=view.store.thumbnail(image),
            title=classes.title[label[image]],
            overlay=outline(activation, level, size, layer.part),
            hint=view.store.images.path[image],
        )
        for image, activation in zip(found.image, found.map, strict=True)
    ]
    gallery.show(pictures, aspect, row=_A_ROW)
