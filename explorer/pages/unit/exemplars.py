"""The exemplars of a unit, with the active region outlined."""

import numpy as np

from explorer import navigate
from explorer.class_effects import Floats, lost_and_gained
from explorer.format import count, significant
from explorer.navigate import View
from explorer.pictures import aspect_of, canvas, outline, outline_level
from explorer.widgets import gallery, url_choice
from explorer.widgets.gallery import Picture, Taken
from explorer.widgets.html import heading, note
from precompute.store.answers import answers
from precompute.store.reader import Exemplars, Layer

_SLIVER = 0.05
"""A part of the picture's height or width that is too small to speak of."""

_KINDS = {"top": "Strongest", "quantile": "Weakest to strongest", "bottom": "Weakest"}
_SAYS = {
    "top": "The images on which the unit's largest activation is highest; outlined, where it is active",
    "quantile": "Images from the unit's lowest largest activation to its highest; outlined, where it is active",
    "bottom": "The images on which the unit's largest activation is lowest; outlined, where it is active",
}


def show(view: View, layer: Layer, unit: int) -> None:
    """Show one list of exemplars, chosen by the reader."""
    heading("What drives it", "the active region outlined" if layer.spatial_shape else "")
    if not layer.exemplar_kinds:
        note("This store holds no exemplars.")
        return
    kind = shown_kind(view, layer)
    _choose_kind(view, layer, kind)
    found = layer.exemplars(kind, unit)
    strongest = found if kind == "top" or "top" not in layer.exemplar_kinds else layer.exemplars("top", unit)
    level = outline_level(strongest.map)
    lost = _lost_images(view, layer, unit)
    origin = view.origin(layer.name, f"unit {unit}")
    gallery.show(
        _pictures(view, layer, found, level, lost),
        aspect_of(view.store.model.input_size),
        taken=Taken("exemplars", _SAYS[kind], origin),
    )
    said = _caption(found, kind, level)
    if not np.isnan(level) and (max(layer.part[:2]) > _SLIVER or min(layer.part[2:]) < 1 - _SLIVER):
        said.append("Maps of this layer show only a part of the picture; nothing is outlined outside it.")
    if kind == "top" and layer.keeps_all:
        said += _at_the_top(layer.activation(unit).max, found)
    if lost & set(found.image.tolist()):
        said.append("Lost: the network gets this image wrong without the unit.")
    note(" ".join(said))


def shown_kind(view: View, layer: Layer) -> str:
    """Return the kind of exemplars to show: the one that the URL asks for, or the first in the store."""
    return view.selection.show if view.selection.show in layer.exemplar_kinds else layer.exemplar_kinds[0]


def _choose_kind(view: View, layer: Layer, kind: str) -> None:
    held = {name: words for name, words in _KINDS.items() if name in layer.exemplar_kinds}
    url_choice.choose(view, "show", held, kind, key="kind", label="Exemplars")


def _lost_images(view: View, layer: Layer, unit: int) -> set[int]:
    if not layer.ablations:
        return set()
    flips = layer.flips(view.selection.ablation, unit)
    lost, _ = lost_and_gained(flips, answers(view.store))
    return set(flips.image[lost].tolist())


def _pictures(view: View, layer: Layer, found: Exemplars, level: float, lost: set[int]) -> list[Picture]:
    classes, label = view.store.classes, view.store.images.label
    chosen = view.chosen_class
    size = canvas(aspect_of(view.store.model.input_size))
    return [
        Picture(
            jpeg=view.store.thumbnail(image),
            title=classes.title[label[image]],
            value=significant(float(value)),
            overlay=outline(activation, level, size, layer.part),
            chosen=None if chosen is None else bool(label[image] == chosen),
            lost=int(image) in lost,
            hint=view.store.images.path[image],
            href=navigate.href_of_image(view, int(image)),
            title_href=navigate.href_of_class(view, int(label[image])),
        )
        for image, value, activation in zip(found.image, found.value, found.map, strict=True)
    ]


def _caption(found: Exemplars, kind: str, level: float) -> list[str]:
    said = []
    if found.map.shape[-1] * found.map.shape[-2] == 1:
        said.append("This layer has no space, so there is nothing to outline.")
    elif np.isnan(level) and (found.value > 0).any():
        said.append("Its values are too small for its maps, which are stored in half precision; nothing is outlined.")
    elif np.isnan(level):
        said.append("The unit is nowhere above zero on its strongest images, so there is nothing to outline.")
    else:
        said.append(f"Outlined: above {significant(level)}, half of what the strongest images typically reach.")
    if found.tied:
        said.append(_tie(found.tied, kind))
    return said


def _at_the_top(largest: Floats, found: Exemplars) -> list[str]:
    """Say how many images share the value of the last picture, if not all of them are shown."""
    last = found.value[-1]
    sharing, n_shown = int((largest == last).sum()), int((found.value == last).sum())
    if sharing <= n_shown or last == 0:
        return []
    among = f"{n_shown} of them" if n_shown < len(found.value) else f"the {n_shown} shown"
    return [
        f"{count(sharing, 'image')} share the value {significant(float(last))}; {among} have the highest mean over "
        "their positions."
    ]


def _tie(tied: int, kind: str) -> str:
    if kind == "quantile":
        return f"At some steps up to {count(tied, 'image')} are equal; the choice among them is arbitrary but fixed."
    return f"{count(tied, 'image')} tied at the cut; the choice among them is arbitrary but fixed."
