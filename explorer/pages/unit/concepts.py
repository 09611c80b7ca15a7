"""The concepts that overlap with a unit's most active positions, drawn on its exemplars."""

import numpy as np
import streamlit as st

from explorer import navigate
from explorer.concept_scores import FLOOR, UnitConcepts, unit_concepts
from explorer.format import number, significant
from explorer.navigate import View
from explorer.pictures import aspect_of, canvas, regions
from explorer.widgets import gallery, url_choice
from explorer.widgets.gallery import Picture, Taken
from explorer.widgets.html import heading, note, table, with_small
from precompute.store.reader import Layer


def show(view: View, layer: Layer, unit: int) -> None:
    """Show the best concepts of a unit; nothing if the store holds none."""
    found = unit_concepts(view.store, layer, unit)
    if found is None:
        return
    detects = bool(found.names) and found.iou[0] > max(FLOOR, found.ceiling)
    title = "What it detects" if detects else "What it overlaps with"
    heading(title, "overlap of marked concepts with the places where it is most active")
    if np.isnan(found.threshold):
        note("It is active at too few positions, or saturated at too many, to be compared with concepts.")
    elif not found.names:
        note("It is nowhere active where a concept is.")
    else:
        left, right = st.columns([3, 9], gap="large")
        with left:
            rank = _choose_rank(view, found)
            _numbers(found)
        with right:
            _drawn(view, layer, unit, found, rank)


def _choose_rank(view: View, found: UnitConcepts) -> int:
    rank = min(int(view.selection.concept or 1), len(found.names)) - 1
    names = {str(place): name for place, name in enumerate(found.names, start=1)}
    url_choice.choose(view, "concept", names, str(rank + 1), key="concept_rank", label="Concept")
    return rank


def _numbers(found: UnitConcepts) -> None:
    rows = [
        [with_small(name, category), number(100 * float(iou), 1)]
        for name, category, iou in zip(found.names, found.categories, found.iou, strict=True)
    ]
    ceiling = f"at most {number(100 * found.ceiling, 1)}"
    chance = [with_small("by chance", "the best of all concepts"), with_small(number(100 * found.chance, 1), ceiling)]
    table(["concept", "intersection over union, %"], [*rows, chance])
    note(f"{_called(found)} Active: above {significant(found.threshold)}.")


def _called(found: UnitConcepts) -> str:
    if found.iou[0] <= FLOOR:
        return f"At most {100 * FLOOR:g} %, so it is not called a detector."
    if found.iou[0] <= found.ceiling:
        return f"Above {100 * FLOOR:g} %, but no more than chance reaches."
    return f"Above {100 * FLOOR:g} %: a detector of {found.names[0]}."


def _drawn(view: View, layer: Layer, unit: int, found: UnitConcepts, rank: int) -> None:
    concept, own = found.of_concept(rank), found.of_unit
    if concept is None or own is None:
        note("The concepts were looked for in other pictures than the store's, so none can be drawn on its exemplars.")
        return
    label = view.store.images.label
    images = layer.exemplars("top", unit).image
    aspect = aspect_of(view.store.model.input_size)
    gallery.show(
        [
            Picture(
                jpeg=view.store.thumbnail(image),
                title=view.store.classes.title[label[image]],
                overlay=regions(own_place, place, canvas(aspect)),
                hint=view.store.images.path[image],
                href=navigate.href_of_image(view, int(image)),
                title_href=navigate.href_of_class(view, int(label[image])),
            )
            # Masks exist for the first exemplars only.
            for image, place, own_place in zip(images, concept, own, strict=False)
        ],
        aspect,
        wide=True,
        taken=Taken(
            "concepts",
            f"Violet: {found.names[rank]}; outlined, where the unit is above its threshold, on its strongest images",
            view.origin(layer.name, f"unit {unit}", "experiment dissection"),
        ),
    )
    note(
        f"Violet: {found.names[rank]}. Outlined: where the unit is above its threshold. Its strongest images, in order."
    )
