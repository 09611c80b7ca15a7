"""Two units of a layer side by side: what drives them, and what breaks without either."""

import numpy as np
import streamlit as st

from explorer import navigate
from explorer.charts.before_after import MOST_ROWS, before_after, before_after_frame
from explorer.class_effects import lost_and_gained
from explorer.format import count, number
from explorer.navigate import View
from explorer.widgets import exemplar_row
from explorer.widgets.chart import draw_chart
from explorer.widgets.html import heading, note
from precompute.measures.drops import Answers
from precompute.measures.paired import drop_interval
from precompute.measures.shared_losses import SharedLosses, shared_losses
from precompute.store.answers import answers
from precompute.store.reader import Layer


def show(view: View, layer: Layer, unit: int, other: int) -> None:
    """Show the strongest images of both, how many images both lose, and every class without either."""
    heading(f"Unit {unit} beside unit {other}")
    plain = navigate.without_choice(view)
    for place, each in zip(st.columns(2, gap="large"), (unit, other), strict=True):
        with place:
            exemplar_row.show(plain, layer, each)
    if layer.ablations:
        _show_losses(view, layer, unit, other)


def _show_losses(view: View, layer: Layer, unit: int, other: int) -> None:
    before, kind = answers(view.store), view.ablation_of(layer)
    (lost, right), (other_lost, other_right) = (_without(layer, kind, each, before) for each in (unit, other))
    note(shared_words(shared_losses(lost, other_lost, before.right, before.label), unit, other))
    n_images, one, two = (
        np.bincount(before.label[kept], minlength=before.n_classes)
        for kept in (np.ones(len(before.label), dtype=bool), right & ~other_right, other_right & ~right)
    )
    accuracy = np.bincount(before.label[right], minlength=before.n_classes) / np.where(n_images, n_images, np.nan)
    low, high = drop_interval(one, two, n_images)
    after = accuracy - (one - two) / np.where(n_images, n_images, np.nan)
    frame = before_after_frame(
        view.store.classes.title,
        accuracy,
        after,
        low=np.clip(accuracy - high, 0, 1),
        high=np.clip(accuracy - low, 0, 1),
        tallies=[f"{a:,} and {b:,}" for a, b in zip(one, two, strict=True)],
    )
    heading("Accuracy without either", f"ring: without unit {unit}; point: without unit {other}, with a 95 % interval")
    draw_chart(
        lambda: before_after(frame, "accuracy, %", tally_room=0.2),
        key=f"pair_{layer.name}_{unit}_{other}_{kind}",
        says=f"For each class its accuracy without unit {unit} and without unit {other}",
        origin=view.origin(layer.name, f"units {unit} and {other}", f"{kind} ablation"),
    )
    note(
        f"At the right: images right without unit {unit} only, and without unit {other} only. The interval is that of "
        "the difference, for one class alone; of many classes some differ by chance. The classes that differ most, "
        f"{MOST_ROWS} at most."
    )


def _without(layer: Layer, kind: str, unit: int, before: Answers) -> tuple[np.ndarray, np.ndarray]:
    """Return the images that are lost without a unit, and those that are right then, (image,) each."""
    flips = layer.flips(kind, unit)
    lost, gained = lost_and_gained(flips, before)
    found, right = np.zeros(len(before.label), dtype=bool), np.array(before.right)
    found[flips.image[lost]] = True
    right[flips.image[lost]] = False
    right[flips.image[gained]] = True
    return found, right


def shared_words(found: SharedLosses, unit: int, other: int) -> str:
    """Say how many images are lost without either unit, and how many would be by chance."""
    if not found.one or not found.other:
        idle = unit if not found.one else other
        return f"No image is lost without unit {idle}, so the two share none."
    chance = number(found.expected, 1)
    spread = f", give or take {number(found.deviation, 1)}" if found.deviation else ""
    return (
        f"{count(found.one, 'image')} are lost without unit {unit}, {found.other:,} without unit {other}, and "
        f"{found.shared:,} in both cases. By chance it would be {chance}{spread}: as many of each class, drawn anew."
    )
