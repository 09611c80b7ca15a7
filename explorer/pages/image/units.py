"""The units of every layer that fire most on an image, and the units without which its answer changes."""

import numpy as np
import streamlit as st

from explorer import cache, navigate
from explorer.format import percent, significant
from explorer.navigate import View
from explorer.pictures import aspect_of, canvas
from explorer.widgets import gallery
from explorer.widgets.ablation_choice import choose_ablation
from explorer.widgets.gallery import Picture, Taken
from explorer.widgets.html import Markup, heading, note, table
from explorer.widgets.names import joined, output_link, unit_link
from precompute.store.keep import ACTIVATIONS
from precompute.store.reader import Layer

_MOST_ROWS, _MOST_UNITS = 24, 12


def show_changes(view: View, image: int) -> None:
    """List the units without which the answer to the image changes, grouped by the new answer."""
    heading("Units without which its answer changes", "each silenced alone")
    ablated = [layer for layer in reversed(view.store.layers) if layer.ablations]
    if not ablated:
        note("Nothing was silenced in this store.")
        return
    choose_ablation(view, view.layer)
    rows = [row for layer in ablated for row in _changes(view, layer, image)]
    if rows:
        table(["layer", "its answer becomes", "units", "without unit"], rows[:_MOST_ROWS], numbers=slice(2, 3), look="")
    if len(rows) > _MOST_ROWS:
        note(f"The first {_MOST_ROWS} of {len(rows)} rows.")
    idle = [layer.name for layer in ablated if not len(_flips(view, layer, image)[0])]
    if idle:
        note(f"No unit of {' or '.join(idle)} changes it alone.")


def show_what_if(view: View, image: int) -> None:
    """Show a link to the page that changes units together, for this image."""
    if view.selection.layer is not None:
        asked = view.selection.to(on=str(image)).query()
        label = "What if units were changed on this image, alone or together"
        st.page_link(navigate.WHAT_IF, label=label, icon=":material/experiment:", query_params=asked)


def _flips(view: View, layer: Layer, image: int) -> tuple[np.ndarray, np.ndarray]:
    return cache.flips_by_image(view.source, layer, view.ablation_of(layer)).of_image(image)


def _changes(view: View, layer: Layer, image: int) -> list[list[str]]:
    """Return a row for each new answer that the image gets without some unit, the commonest first."""
    units, outputs = _flips(view, layer, image)
    named, n_units = np.unique(outputs, return_counts=True)
    own = int(view.store.classes.output_index[view.store.images.label[image]])
    right = bool(view.store.baseline_correct[image])
    rows = []
    for output in named[np.argsort(-n_units, kind="stable")]:
        links = [unit_link(view, layer, int(unit)) for unit in units[outputs == output]]
        mark = "gained" if output == own else "lost" if right else ""
        change = Markup(
            f'{output_link(view, output)} <small class="us-{mark or "note"}">{mark or "still wrong"}</small>'
        )
        rows.append([layer.name, change, str(len(links)), joined(links, _MOST_UNITS)])
    return rows


def show_strongest(view: View, image: int) -> None:
    """Show for every layer the units that fire most on the image."""
    heading("Units that fire most on it", "by their largest activation; click one to look at it")
    lacks = view.store.lacks(ACTIVATIONS)
    note(
        "Units of a layer differ in scale, so a large value need not be unusual. "
        + (lacks or "Top 5 %: on 5 % of all images the unit fires as strongly as here, or more.")
        + " The outline shows where the unit is active: on this image if the store has that map, else on the unit's "
        "own strongest image."
    )
    for layer in reversed(view.store.layers):
        pictures = _pictures(view, layer, image)
        heading(layer.name, "" if pictures else "no unit fires on it")
        says = "Units that fire most on the image, by their largest activation"
        path = view.store.images.path[image]
        taken = Taken(f"strongest_{layer.name}", says, view.origin(layer.name, f"image {path}"))
        gallery.show(pictures, aspect_of(view.store.model.input_size), row=10, taken=taken)


def _pictures(view: View, layer: Layer, image: int) -> list[Picture]:
    found = cache.strongest_units(view.source, layer, image)
    firing = found.value != 0
    units, values = found.unit[firing].tolist(), found.value[firing].tolist()
    below = cache.share_below(view.source, layer, image, tuple(units)) if layer.keeps_all else [None] * len(units)
    shown = cache.shown_for(view.source, layer, image, tuple(units), canvas(aspect_of(view.store.model.input_size)))
    n_images, titles = len(view.store.images), view.titles
    preferred = cache.preferred(view.source, layer, tuple(units))
    return [
        Picture(
            jpeg=cache.picture_of(view.source, at)[0],
            title=f"unit {unit}",
            value=significant(value) + ("" if share is None else f", top {percent(1 - share, n_images)}"),
            overlay=overlay,
            badge="" if at == image else "its strongest",
            hint=_hint(unit, " or ".join(titles[index] for index in classes or ()), share, n_images),
            href=navigate.href_of_unit(view, layer, unit),
        )
        for unit, value, share, classes, (at, overlay) in zip(units, values, below, preferred, shown, strict=True)
    ]


def _hint(unit: int, title: str, share: float | None, n_images: int) -> str:
    if share is None:
        return f"Unit {unit}"
    sees = f"; on average it answers most to {title}" if title else ""
    return f"Unit {unit} fires more strongly here than on {percent(share, n_images)} of the images{sees}"
