"""One unit beside its match in another layer, and beside the unit of the same number."""

import numpy as np
import streamlit as st

from explorer import navigate
from explorer.format import number
from explorer.matched_units import MatchedUnits
from explorer.measure_choices import in_order
from explorer.measure_display import index_title, quantity_of
from explorer.navigate import View
from explorer.widgets import exemplar_row
from explorer.widgets.help_mark import help_mark
from explorer.widgets.html import Markup, escape, heading, note, table
from explorer.widgets.names import class_link
from precompute.store.reader import Layer, Measure

_MEASURES = ("selective_class", "class_selectivity", "max_class_drop", "max_class_drop_class", "overall_drop")


def show(view: View, layer: Layer, other_view: View, other: Layer, found: MatchedUnits) -> None:
    """Show the unit of the URL, or the unit with the best match, beside its match and the unit of the same number."""
    if not found.known.any():
        note("No unit varies over the images, so none has a match.")
        return
    asked = view.selection.unit
    unit = int(np.nanargmax(found.found.r)) if asked is None else asked
    match = int(found.found.unit[unit])
    heading(
        f"Unit {unit} beside its match",
        f"{view.selection.store} · {layer.name} and {other_view.source.name} · {other.name}",
    )
    if match < 0:
        note(f"Unit {unit} does not vary over the images, so it has no match.")
        return
    r, shuffled, within = (
        number(float(each[unit])) for each in (found.found.r, found.shuffled.ceiling, found.within.ceiling)
    )
    shown = [
        (navigate.without_choice(view), layer, unit, "this unit"),
        (other_view, other, match, f"its match, r {r}"),
    ]
    if found.same is not None and match != unit:
        shown.append((other_view, other, unit, f"the same number, r {number(float(found.same[unit]))}"))
    for place, (each, of_layer, number_of, aside) in zip(st.columns(len(shown), gap="large"), shown, strict=True):
        with place:
            exemplar_row.show(each, of_layer, number_of, aside)
    note(f"Shuffled images give r {shuffled} at most; shuffled within classes, {within}.")
    names = ["", *(f"{each.source.name} · {of_layer.name}:{number_of}" for each, of_layer, number_of, _ in shown)]
    held = [_words(each, of_layer, number_of) for each, of_layer, number_of, _ in shown]
    labels = [label for label in held[0] if all(label in words for words in held)]
    if labels:
        marks = {measure.label: help_mark(measure) for measure in shown[0][1].measures.values()}
        table(
            names, [[Markup(f"{escape(label)}{marks[label]}"), *(words[label] for words in held)] for label in labels]
        )


def _words(view: View, layer: Layer, unit: int) -> dict[str, str]:
    """Return a unit's measures in words, by their labels; a class is a link to its page."""
    return {m.label: _cell(view, m, unit) for m in in_order(layer) if m.name in _MEASURES}


def _cell(view: View, measure: Measure, unit: int) -> str:
    if not measure.is_index:
        return quantity_of(measure).words(unit)
    value = measure.values[unit]
    named = measure.kind == "class" and not np.isnan(value)
    return class_link(view, int(value)) if named else index_title(measure, view.store, unit)
