"""The headline of a layer: how many units it has, and which unit is most surely needed."""

import numpy as np

from explorer import drop_test, headline_details
from explorer.class_effects import class_effects
from explorer.drop_verdicts import verdicts_of
from explorer.headline import breakage, quoted
from explorer.measure_display import (
    dead_units,
)
from explorer.navigate import View
from explorer.positions import shape_words, where_words
from explorer.widgets.html import escape, note, sentence
from explorer.widgets.names import unit_link, with_links
from precompute.store.answers import answers
from precompute.store.reader import Experiment, Layer


def show(view: View, layer: Layer) -> None:
    """Say what the layer holds and which unit is most surely needed; below, on which numbers this rests."""
    dead = int(dead_units(layer).sum())
    kind = f"{layer.kind}, {shape_words(layer)}"
    said = f"<b>{escape(layer.name)}</b> ({escape(kind)}) has <b>{layer.n_units:,} units</b>"
    said += f", {dead:,} of them dead." if dead else "."
    found = drop_test.statistics_of(view.store, layer.name, view.selection.ablation)
    more, below = _worst(view, layer) if found is None else _surest(view, layer, found)
    sentence(said + more)
    if where := where_words(layer):
        below = [f"Its units are {where}.", *below]
    if below:
        note(" ".join(below))


def _surest(view: View, layer: Layer, found: Experiment) -> tuple[str, list[str]]:
    """Return two texts: how many units have a loss beyond chance and which is the surest, and the numbers behind it."""
    base = drop_test.base_of(layer.name, view.selection.ablation)
    n_sure = int((found[f"{base}/max_drop_q"] <= drop_test.CALLED).sum())
    if n_sure == 0:
        return " The loss of a class cannot be told from chance for any of them.", []
    unit = verdicts_of(view.store, layer, view.selection.ablation).by_certainty()[0]
    one = drop_test.of_unit(view.store, layer.name, view.selection.ablation, unit)
    if one is None:
        return "", []
    titles = view.titles
    needs = f"<b>{n_sure:,} of them</b> {'has' if n_sure == 1 else 'have'} a class that loses more than chance explains"
    effect = class_effects(layer.flips(view.selection.ablation, unit), answers(view.store))
    below = [f"More than chance: a false discovery rate q ≤ {drop_test.CALLED:g}. Unit {unit}:"]
    return (
        f" {needs}. The surest is {unit_link(view, layer, unit, f'unit {unit}')}: "
        f"without it, {with_links(view, quoted(titles, one))}.",
        [*below, *headline_details.of_class(titles, effect, one)],
    )


def _worst(view: View, layer: Layer) -> tuple[str, list[str]]:
    largest, where = layer.measures.get("max_class_drop"), layer.measures.get("max_class_drop_class")
    if largest is None or where is None or np.isnan(where.values).all():
        return "", []
    unit = int(np.nanargmax(np.where(np.isnan(where.values), np.nan, largest.values)))
    titles, effect = view.titles, class_effects(layer.flips("zero", unit), answers(view.store))
    clause = with_links(view, breakage(titles, effect))
    below = [f"Unit {unit}:", *headline_details.of_class(titles, effect, None)]
    return f" Unit {unit} has the largest class drop: without it, {clause}.", below
