"""Units that answer alike and units whose loss hurts the same classes, and units that do only one of the two."""

import numpy as np
import pandas as pd
import streamlit as st

from explorer import cache, navigate
from explorer.alike_units import AlikeUnits, Ints
from explorer.charts.alike import KINDS
from explorer.charts.alike import alike as drawn_alike
from explorer.format import count, number
from explorer.navigate import View
from explorer.pages.closer import pair
from explorer.widgets.ablation_choice import choose_ablation
from explorer.widgets.chart import draw_chart
from explorer.widgets.html import heading, how_and_limits, link, note, sentence, table
from precompute.store.reader import Layer

_MOST_ROWS = 6


def show(view: View, layer: Layer, unit: int) -> None:
    """Show every other unit of the layer by both kinds of likeness; if one is chosen, show both units side by side."""
    found = cache.alike(view.source, layer, unit, view.ablation_of(layer) if layer.ablations else None)
    sentence(headline(found, unit))
    if np.isnan(found.answers.r).all() and np.isnan(found.losses.r).all():
        note("Its answers do not differ from class to class, or there is nothing to compare them with.")
        return
    note(" ".join(nearest_words(found)))
    choose_ablation(view, layer)
    figure, beside = st.columns([6, 6], gap="large")
    with figure:
        _show_figure(view, layer, unit, found)
    with beside:
        _show_rows(view, layer, found, found.in_answers_alone, "Answer alike, break otherwise")
        _show_rows(view, layer, found, found.in_losses_alone, "Break alike, answer otherwise")
        _show_rows(view, layer, found, found.both, "Alike in both")
    if view.selection.other not in (None, unit):
        pair.show(view, layer, unit, int(view.selection.other or 0))
    how_and_limits(_READING, _LIMITS)


def headline(found: AlikeUnits, unit: int) -> str:
    """Say how many units are alike in their answers, in their losses and in both; as HTML."""
    n_alike, n_both, n_losses = (int(kept.sum()) for kept in (found.answers.beyond, found.beyond, found.losses.beyond))
    if np.isnan(found.answers.r).all():
        said = f"Unit {unit} can be compared with no other by what it answers to."
    elif not n_alike:
        said = f"No other unit answers to the same classes as unit {unit} beyond chance."
    else:
        verb = "answers" if n_alike == 1 else "answer"
        said = f"<b>{count(n_alike, 'unit')}</b> {verb} to the same classes as unit {unit} beyond chance."
    if n_losses:
        of_them = f"; <b>{n_both}</b> of them also {'answers' if n_both == 1 else 'answer'} alike" if n_alike else ""
        units = f"<b>{count(n_losses, 'other unit')}</b>"
        said += f" Silencing {units} makes the same classes lose or gain beyond chance{of_them}."
    return said


def nearest_words(found: AlikeUnits) -> list[str]:
    """Name the most similar unit for each kind of likeness, and the correlation that chance reaches."""
    said = []
    for way, each in (("answers", found.answers), ("losses", found.losses)):
        if np.isnan(each.r).all():
            continue
        r, ceiling = float(np.nanmax(each.r)), each.ceiling
        # Two numbers that differ are not shown as equal.
        decimals = 3 if number(r) == number(ceiling) else 2
        equal = bool(np.isclose(r, ceiling))
        reaches = ", which chance reaches too" if equal else f"; chance reaches {number(ceiling, decimals)}"
        most = f"unit {int(np.nanargmax(each.r))}, r {number(r, 2 if equal else decimals)}"
        said.append(f"Most alike in {way}: {most}{reaches}.")
    return said


def _show_figure(view: View, layer: Layer, unit: int, found: AlikeUnits) -> None:
    heading(f"Every other unit beside unit {unit}", "click one to set it beside; dashed: what chance reaches")
    frame = _frame(view, layer, found)
    key = f"alike_{layer.name}_{unit}_{view.selection.ablation}_{view.selection.other}"
    draw_chart(
        lambda: drawn_alike(frame, x_ceiling=found.answers.ceiling, y_ceiling=found.losses.ceiling),
        key=key,
        says="Every other unit by its likeness in answers and in losses",
        origin=view.origin(
            layer.name, f"unit {unit}", f"{view.ablation_of(layer)} ablation" if layer.ablations else ""
        ),
        on_pick=lambda point: navigate.put(view.selection.to(other=int(point["unit"]))),
    )
    if said := at_zero_words(found, unit, ablated=bool(layer.ablations)):
        note(said)


def at_zero_words(found: AlikeUnits, unit: int, *, ablated: bool) -> str:
    """Say which units are drawn at no likeness of losses, and why; empty where there are none."""
    silent = np.isnan(found.losses.r)
    if not ablated:
        return "Nothing was silenced in this layer, so all are drawn at 0."
    if silent.all():
        return f"Without unit {unit} no class loses or gains more than another, so all are drawn at 0."
    n_silent = int(silent.sum()) - 1
    same = "without which no class loses or gains more than another"
    return f"{count(n_silent, 'unit')} {same}: drawn at 0." if n_silent else ""


def _frame(view: View, layer: Layer, found: AlikeUnits) -> pd.DataFrame:
    kinds = np.full(layer.n_units, "neither", dtype=object)
    for kind, units in zip(KINDS, (found.both, found.in_answers_alone, found.in_losses_alone), strict=False):
        kinds[units] = kind
    held = layer.measures.get("selective_class")
    best = np.full(layer.n_units, np.nan) if held is None else held.values
    titles = view.store.classes.title
    sees = ["" if np.isnan(label) else titles[int(label)] for label in best]
    x, y = (np.where(np.isnan(each), 0.0, each) for each in (found.answers.r, found.losses.r))
    frame = pd.DataFrame({"unit": np.arange(layer.n_units), "x": x, "y": y, "sees": sees, "kind": kinds})
    return frame[~(np.isnan(found.answers.r) & np.isnan(found.losses.r))]


def _show_rows(view: View, layer: Layer, found: AlikeUnits, units: Ints, title: str) -> None:
    heading(title, count(len(units), "unit") if len(units) else "none")
    if len(units):
        known = not np.isnan(found.most).all()
        head = ["unit", "answers, r", "losses, r", "answers changed", *(["noise leaves at most"] if known else [])]
        table(head, [_row(view, layer, found, int(unit), known=known) for unit in units[:_MOST_ROWS]])
    if len(units) > _MOST_ROWS:
        note(f"The first {_MOST_ROWS} of {len(units)}; the others are in the figure.")


def _row(view: View, layer: Layer, found: AlikeUnits, unit: int, *, known: bool) -> list[str]:
    address = navigate.href(navigate.CLOSER, view.selection.to(part=None, other=unit))
    changed = f"{len(layer.flips(view.ablation_of(layer), unit).image):,}" if layer.ablations else "–"
    cells = [number(float(found.answers.r[unit])), number(float(found.losses.r[unit])), changed]
    return [link(address, str(unit)), *cells, *([most_words(found, unit)] if known else [])]


def most_words(found: AlikeUnits, unit: int) -> str:
    """Return the largest correlation that noise allows; an estimate below the one that was found is no bound."""
    most = float(found.most[unit])
    return "too rough to say" if most < found.losses.r[unit] else number(most)


_READING = (
    "Across: how far the mean activations of two units rise and fall over the same classes. Up: how far the same "
    "classes lose without them. Both are Pearson correlations over the classes. A dashed line is what chance reaches: "
    "in 95 % of draws the most alike of all others stays below it. There are two ways to draw, and the line is the "
    "higher of their levels. One shuffles the unit's numbers over the classes. The other deals its images to the "
    "classes at random, and draws the answers that it changes as those of an average unit. Right of the upright line "
    "and below the level one, units answer alike, but nothing shows that they are needed alike."
)
_LIMITS = (
    "A unit below a line need not be unlike: drops of a few images are noisy, and noise makes losses unlike. “Noise "
    "leaves at most” is the largest correlation that the split-half reliabilities of both units' drops allow. They "
    "are of one division of the images, so with few classes or images it is rough. Being above a "
    "line is weak evidence: two units may change a few answers each, and drops count gains too. Classes that look "
    "alike go together, which no draw knows. Nor does a draw know that all units see the same images: one bright "
    "image can make units alike on a class of few images. Each unit was silenced alone: of two units that do the same "
    "work, neither may be missed."
)
