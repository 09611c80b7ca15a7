"""The map of any attribution method on any exemplar, the unit's receptive field, and the map with random weights."""

from dataclasses import replace
from typing import Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from explorer import navigate
from explorer.format import count, isolated, number, significant
from explorer.likeness import Likeness
from explorer.navigate import View
from explorer.origin import Origin
from explorer.pages.closer.field import field_words
from explorer.pictures import aspect_of, canvas, common_limit, frame, heat
from explorer.widgets import gallery, palette, url_choice, waiting
from explorer.widgets.gallery import Picture, Taken
from explorer.widgets.html import heading, how_and_limits, note, notes, sentence
from precompute.attribution_methods import METHODS, label_of
from precompute.measures.known import mean_of_known
from precompute.store.reader import Layer
from precompute.what_if.request import AFTER, ALL, OWN, Request
from precompute.what_if.wire import Arrays

Floats = NDArray[np.floating[Any]]
Ints = NDArray[np.integer[Any]]
_SAME = 0.999
_FRAMED = 320
_STEPS = {AFTER: "layers after it", OWN: "its own layer", ALL: "all layers"}


def show(view: View, layer: Layer, unit: int) -> None:
    """Let the reader choose an exemplar and a method, and show the map that a run would store."""
    image = _image(view, layer, unit)
    sentence(f"Where unit {unit} looks on one image, by any method")
    note(f"{isolated(view.store.images.path[image])}, {view.titles[view.store.images.label[image]]}.")
    method = _choose_method(view)
    request = Request(layer.name, (unit,), image=image, method=method)
    found = waiting.answer(view, request, b"")
    if found is not None:
        origin = view.origin(layer.name, f"unit {unit}", view.store.images.path[image], label_of(method))
        reach, looks = st.columns([3, 9], gap="large")
        with reach:
            _show_field(view, found, _peak(layer, unit, image))
        with looks:
            _show_map(view, found, origin)
            _hold_to_random_weights(view, replace(request, random=True), found, origin)
    _show_exemplars(view, layer, unit, image)
    how_and_limits(_READING, _LIMITS)


def _image(view: View, layer: Layer, unit: int) -> int:
    """Return the image that the URL names; otherwise the unit's strongest, or image 0 if the store has no exemplars."""
    if view.chosen_image is not None:
        return view.chosen_image
    return int(layer.exemplars("top", unit).image[0]) if "top" in layer.exemplar_kinds else 0


def _choose_method(view: View) -> str:
    method = view.selection.by if view.selection.by in METHODS else next(iter(METHODS))
    words = {each: label_of(each) for each in METHODS}
    url_choice.choose(view, "by", words, method, key="closer_method", label="Method")
    return str(method)


def _peak(layer: Layer, unit: int, image: int) -> str:
    """Return the unit's peak on the image in words; empty for stores that do not keep it."""
    return f"peak {significant(float(layer.activation(unit).max[image]))}" if layer.keeps_all else ""


def _show_field(view: View, found: Arrays, peak: str) -> None:
    """Show the image with a frame around the pixels that the unit's peak can depend on."""
    heading("How far it can see")
    size, ends = view.store.model.input_size, found["field"][0]
    shape, aspect = (size[1], size[2]), aspect_of(size)
    top, left, bottom, right = ends.tolist()
    drawn = frame((top, left, bottom, right), shape, canvas(aspect))
    shown = Picture(found["picture"].tobytes(), "the network's input", peak, drawn)
    with st.container(width=_FRAMED):
        gallery.show([shown], aspect, row=1)
    note(field_words(ends, shape))


def _show_map(view: View, found: Arrays, origin: Origin) -> None:
    heading("Where it looks", "pixels that raise (blue) or lower (orange) its peak; point at it to see the image")
    pictures = [_map(found, "as trained", found["attribution"][0])]
    _show_maps(view, pictures, Taken("closer_map", "Pixels that raise (blue) or lower (orange) its peak", origin))
    error = float(found["error"][0])
    if not np.isnan(error):
        note(f"The map should add up to the gain from black to the image; it misses that by {100 * error:.0f} %.")


def _map(found: Arrays, title: str, values: Floats, value: str = "") -> Picture:
    known = bool(np.isfinite(values).all())
    why = "nothing: this map is zero everywhere" if known else "this method cannot be right with such weights"
    shown = known and bool(values.any())
    overlay = heat(values, common_limit(values), palette.signed()) if shown else None
    return Picture(found["picture"].tobytes(), title, value, overlay=overlay, instead="" if shown else why)


def _show_maps(view: View, pictures: list[Picture], taken: Taken) -> None:
    gallery.show(pictures, aspect_of(view.store.model.input_size), row=4, faded=True, taken=taken)


def _hold_to_random_weights(view: View, request: Request, found: Arrays, origin: Origin) -> None:
    """Show on request the maps with random weights, one for each step, and say in a sentence what they mean."""
    if view.selection.check != "yes":
        asked = view.selection.to(check="yes")
        st.button("Hold it to random weights", key="hold_to_random", on_click=navigate.put, args=(asked,))
        return
    heading("The same with random weights", "each on its own scale; r: rank correlation with the map above")
    checked = waiting.answer(view, request, b"")
    if checked is None:
        return
    steps, likeness = checked["random_step"], checked["likeness"]
    pictures = []
    for step in np.unique(steps):
        here = np.flatnonzero(steps == step)
        drawn = here[int(np.argmin(np.isnan(likeness[here])))]
        mean = mean_of_known(likeness[here])
        pictures.append(_map(found, _STEPS[int(step)], checked["random_map"][drawn], f"r {number(mean)}"))
    _show_maps(view, pictures, Taken("closer_random", "The map with random weights, and its rank correlation", origin))
    notes(check_words(label_of(str(request.method)), steps, likeness))


def check_words(method: str, steps: Ints, likeness: Floats) -> list[str]:
    """Return sentences about the meaning of the comparison with random weights."""
    said = []
    after = likeness[steps == AFTER]
    if len(after) and after[0] > _SAME:
        said.append("Layers after it take no part in what the unit is, so the map stays the same. That is no finding.")
    known = likeness[(steps == ALL) & ~np.isnan(likeness)]
    if not len(known):
        return [*said, f"{method} cannot be compared with random weights here: no map with all of them shows anything."]
    if len(known) == 1:
        one, shown = Likeness(float(known[0]), 1), f"the one of {count(int((steps == ALL).sum()), 'draw')}"
        return [
            *said,
            f"With all weights in random order the map {_verdict(one)}: r {number(one.value)}, in {shown} that shows "
            "anything. One draw does not settle how much of it rests on what the network has learnt.",
        ]
    least, whole, most = (Likeness(float(each), len(known)) for each in (known.min(), known.mean(), known.max()))
    span = f"{number(least.value)} to {number(most.value)} in {count(len(known), 'draw')}"
    if least.verdict != most.verdict:
        meaning = "The draws do not settle how much of it rests on what the network has learnt."
        return [
            *said,
            f"With all weights in random order the map {_verdict(least)} or {_verdict(most)}: r {span}. {meaning}",
        ]
    if whole.alike:
        meaning = "So the map says little about what the network has learnt: much of it comes from the picture."
    elif whole.partly:
        meaning = "So part of the map does not rest on what the network has learnt."
    else:
        meaning = "So it rests on what the network has learnt. That alone does not make it right."
    return [*said, f"With all weights in random order the map {_verdict(whole)}: r {span}. {meaning}"]


def _verdict(found: Likeness) -> str:
    return "looks alike" if found.alike else "looks partly alike" if found.partly else "looks different"


def _show_exemplars(view: View, layer: Layer, unit: int, image: int) -> None:
    if "top" not in layer.exemplar_kinds:
        return
    heading("On which exemplar", "the strongest images; click one")
    found, label = layer.exemplars("top", unit), view.store.images.label
    gallery.show(
        [
            Picture(
                view.store.thumbnail(each),
                view.store.classes.title[label[each]],
                significant(float(value)),
                chosen=bool(each == image),
                hint=view.store.images.path[each],
                href=navigate.href(navigate.CLOSER, view.selection.to(image=view.store.images.path[each])),
            )
            for each, value in zip(found.image, found.value, strict=True)
        ],
        aspect_of(view.store.model.input_size),
        row=12,
    )


_READING = (
    "The map shows which pixels raise (blue) or lower (orange) the unit's activation at its peak on this image; it is "
    "the map that a run stores for its first exemplars. The frame shows how far the peak can reach, by the sizes of "
    "kernels, strides and pools. The check puts the network's weights in random order, three times, and makes the map "
    "of the unit that is then most active at the same place. A rank correlation of 1 means the same order of pixels, 0 "
    "means none. From 0.5 on the maps look alike (Adebayo et al. 2018)."
)
_LIMITS = (
    "One image is one case; the experiment on random weights compares 16 units of a layer. A map that changes with "
    "random weights need not be right, and the frame says what could matter, not what does: most of the weight lies "
    "in its middle. Maps of one layer share the frame's shape, so even unlike ones correlate a little."
)
