"""The effect of changed units on all images: classes, the sum of the parts, and images whose answer changes."""

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st
from numpy.typing import NDArray

from explorer import cache, navigate
from explorer.charts.before_after import MOST_ROWS, before_after, before_after_frame
from explorer.class_effects import ClassEffects, class_effects, lost_and_gained
from explorer.csv_text import csv_of
from explorer.format import count, interval, number, percent, points, some_points
from explorer.navigate import View
from explorer.origin import Origin
from explorer.pages.what_if import question
from explorer.pages.what_if.question import Asked, change_words
from explorer.pictures import aspect_of
from explorer.widgets import gallery
from explorer.widgets.chart import draw_chart
from explorer.widgets.gallery import Picture, Taken
from explorer.widgets.html import escape, heading, note, sentence, table
from explorer.widgets.number_table import csv_button
from precompute.measures.drops import Answers
from precompute.measures.interaction import Interaction, interaction, losses, luck_of_choice
from precompute.measures.paired import drop_interval
from precompute.store.answers import answers
from precompute.store.reader import Flips, Layer
from precompute.what_if.request import MOST_PAIRED
from precompute.what_if.wire import Arrays

Ints = NDArray[np.integer[Any]]
_MOST_PICTURES, _MOST_PAIRS = 36, 10


def flips_of(view: View, found: Arrays) -> Flips:
    """Return the images whose answer changes, with the new answers."""
    before = view.store.baseline.prediction
    changed = np.flatnonzero(found["prediction"] != before)
    return Flips(changed, found["prediction"][changed])


def show_headline(view: View, asked: Asked, found: Arrays) -> None:
    """Say how often the network is right before and after the change."""
    before, flips = answers(view.store), flips_of(view, found)
    effects = class_effects(flips, before)
    _headline(asked, before, effects)
    note(_accuracy_note(before, flips, effects))


def show(view: View, layer: Layer, asked: Asked, found: Arrays) -> None:
    """Show the sum of the parts, the accuracy of every class, and the images whose answer changes."""
    before, flips = answers(view.store), flips_of(view, found)
    if len(asked.units) > 1:
        _show_parts(view, layer, asked, found, before)
    origin = question.origin_of(view, layer, asked)
    _show_classes(view, before, class_effects(flips, before), origin)
    _show_changed(view, flips, before, origin)


def _headline(asked: Asked, before: Answers, effects: ClassEffects) -> None:
    n_images, was = len(before.label), int(before.right.sum())
    now = was - int(effects.lost.sum()) + int(effects.gained.sum())
    said = escape(change_words(asked.units, asked.change))
    now_words, was_words = percent(now / n_images, n_images), percent(was / n_images, n_images)
    if not effects.lost.any() and not effects.gained.any():
        sentence(f"{said}, <b>{now_words} of the images are right, as before</b>.")
    else:
        sentence(f"{said}, <b>{now_words}</b> of the images are right; before, {was_words} were.")


def _accuracy_note(before: Answers, flips: Flips, effects: ClassEffects) -> str:
    n_images, lost, gained = len(before.label), int(effects.lost.sum()), int(effects.gained.sum())
    low, high = drop_interval(np.array(lost), np.array(gained), np.array(n_images))
    moved = _lost_or_gained(effects.overall, float(low), float(high), n_images)
    n_changed = len(flips.image)
    change = "changes its answer" if n_changed == 1 else "change their answer"
    return (
        f"{int(before.right.sum()) - lost + gained:,} of {count(n_images, 'image')} are right; before, "
        f"{int(before.right.sum()):,} were: {moved}. {count(n_changed, 'image')} {change}: {lost:,} lost, "
        f"{gained:,} gained, {n_changed - lost - gained:,} wrong both times."
    )


def _lost_or_gained(loss: float, low: float, high: float, n_images: int) -> str:
    """Say a loss of accuracy and its interval; a negative loss as what is gained."""
    if loss < 0:
        return f"{some_points(-loss, n_images)} of accuracy gained, 95 % interval {interval(-high, -low, n_images)}"
    return f"{some_points(loss, n_images)} of accuracy lost, 95 % interval {interval(low, high, n_images)}"


# The sum of the parts


def _show_parts(view: View, layer: Layer, asked: Asked, found: Arrays, before: Answers) -> None:
    heading("Together and one by one", "is the damage more than the sum of its parts?")
    together = losses(found["prediction"], before)
    alone = losses(found["singles"], before) if "singles" in found else None
    kind = asked.change.stored_as
    if alone is not None:
        parts: Ints | None = alone.sum(axis=0)
    elif kind is not None and kind in layer.ablations:
        parts = stored_parts(layer, kind, asked.units, before)
    else:
        parts = None
    luck = _luck(view, layer, kind, asked.units)
    if parts is not None:
        set_of_units = interaction(together, parts, n_units=len(asked.units), luck=luck)
        said = parts_words(set_of_units, len(asked.units), len(together)) + luck_words(luck, len(together))
        st.html(f"<p>{said}</p>")
        if kind is None or kind not in layer.ablations:
            note("The interval is for units that were not chosen for what they lose under this change.")
    else:
        note("The store holds no drops of single units under this change, so there is no sum to compare with.")
    if alone is not None:
        of_two = _luck(view, layer, kind, asked.units, n=2)
        _show_pairs(asked.units, alone, losses(found["pairs"], before), of_two)
    elif len(asked.units) <= MOST_PAIRED:
        n_pairs = len(asked.units) * (len(asked.units) - 1) // 2
        st.button(
            "Compute the pair too" if n_pairs == 1 else f"Compute all {n_pairs} pairs",
            key="all_pairs",
            on_click=navigate.put,
            args=(view.selection.to(pairs="yes"),),
        )


def stored_parts(layer: Layer, kind: str, units: Sequence[int], before: Answers) -> Ints:
    """Return for each image how many units alone lose it, minus how many alone gain it, (image,)."""
    total = np.zeros(len(before.label), dtype=np.int64)
    for unit in units:
        flips = layer.flips(kind, unit)
        lost, gained = lost_and_gained(flips, before)
        total[flips.image] += lost.astype(np.int64) - gained  # An image occurs at most once in the flips of a unit.
    return total


def _luck(view: View, layer: Layer, kind: str | None, units: Sequence[int], n: int | None = None) -> float:
    """Return how far chance can move the sum of the units' drops, if they stand out by it; 0 if this is not known."""
    if kind is None or kind not in layer.ablations:
        return 0.0
    lost, gained = cache.lost_and_gained(view.source, layer, kind)
    return luck_of_choice(lost, gained, np.array(units), len(view.store.images), n=n)


def luck_words(luck: float, n_images: int) -> str:
    """Say that units which stand out by their drops owe a part of their losses to chance; empty for other units."""
    if not luck:
        return ""
    size = "more" if luck > 0 else "less"
    return (
        f" One by one these units lose {size} than most units of the layer. If they were chosen for that, chance alone "
        f"may have moved the sum, and what they lose together, by {some_points(abs(luck), n_images)}. The interval "
        "here allows for it; that of the accuracy above does not."
    )


def parts_words(found: Interaction, n_units: int, n_images: int) -> str:
    """Say as HTML whether the network loses more without all units together than the sum of its losses one by one."""
    span = f"95 % interval of the difference: {interval(found.low, found.high, n_images)}"
    gains = " (a negative loss is a gain)" if min(found.parts, found.together) < 0 else ""
    start = (
        f"One by one, the losses of the {n_units:,} units add up to {some_points(found.parts, n_images)}. "
        f"Together they lose {some_points(found.together, n_images)}{gains}. "
    )
    if found.side == 0:
        return f"{start}It is not settled whether that is more or less than the sum of the parts ({span})."
    more = "more" if found.side > 0 else "less"
    return (
        f"{start}That is <b>{some_points(abs(found.excess), n_images)} {more} than the sum of the parts</b> ({span})."
    )


def _show_pairs(units: Sequence[int], alone: Ints, pairs: Ints, luck: float) -> None:
    """List every pair; the pairs that differ most from the sum of their two units come first."""
    index = list(combinations(range(len(units)), 2))
    n_images = alone.shape[1]
    found = [
        interaction(pair, alone[one] + alone[other], n_units=2, luck=luck)
        for pair, (one, other) in zip(pairs, index, strict=True)
    ]
    order = sorted(range(len(found)), key=lambda at: -abs(found[at].excess))
    rows = [
        [
            f"{units[index[at][0]]} and {units[index[at][1]]}",
            points(found[at].together, n_images),
            points(found[at].parts, n_images),
            points(found[at].excess, n_images),
            interval(found[at].low, found[at].high, n_images),
        ]
        for at in order
    ]
    head = ["units", "together, points", "one by one, in sum", "difference", "95 % interval"]
    table(head, rows[:_MOST_PAIRS])
    if len(rows) > _MOST_PAIRS:
        with st.expander(f"The other {count(len(rows) - _MOST_PAIRS, 'pair')}, which differ less"):
            table(head, rows[_MOST_PAIRS:])
    if len(rows) > 1:
        by_chance = number(0.05 * len(rows), 0 if len(rows) >= 20 else 1)
        note(f"Of {len(rows)} intervals about {by_chance} miss zero by chance alone.")


# The classes


def _show_classes(view: View, before: Answers, effects: ClassEffects, origin: Origin) -> None:
    heading("Every class", "ring: before, point: after, line: 95 % interval of what is left")
    n_images = np.where(before.count, before.count, np.nan)
    was = before.correct / n_images
    frame = before_after_frame(
        view.store.classes.title,
        was,
        was - effects.drop,
        low=np.clip(was - effects.high, 0, 1),
        high=np.clip(was - effects.low, 0, 1),
        tallies=[_tally(*pair) for pair in zip(effects.lost.tolist(), effects.gained.tolist(), strict=True)],
    )
    draw_chart(
        lambda: before_after(frame, "images right, %"),
        key="what_if_classes",
        says="For each class the share of images that are right before the change and after it, with its interval",
        origin=origin,
    )
    several = "Each interval is for one class alone: of many classes some change by chance." if len(frame) > 1 else ""
    most = f"The {MOST_ROWS} classes that change most, of {len(frame):,}." if len(frame) > MOST_ROWS else ""
    if said := f"{most} {several}".strip():
        note(said)


def _tally(lost: int, gained: int) -> str:
    return ", ".join(part for part in (f"{lost} lost" if lost else "", f"{gained} gained" if gained else "") if part)


# The images


def _show_changed(view: View, flips: Flips, before: Answers, origin: Origin) -> None:
    if not len(flips.image):
        return
    heading("Images whose answer changes", "from the answer before to the answer after; below, the class that is right")
    lost, gained = lost_and_gained(flips, before)
    order = np.lexsort((flips.image, -(2 * lost.astype(int) + gained)))
    pictures = [
        _picture(view, int(flips.image[at]), int(flips.prediction[at]), bool(lost[at]), bool(gained[at]))
        for at in order[:_MOST_PICTURES]
    ]
    taken = Taken("what_if_changed", "Images whose answer changes, from the answer before to that after", origin)
    with st.container(key="changed_images"):
        gallery.show(pictures, aspect_of(view.store.model.input_size), row=6, taken=taken)
    if len(order) > _MOST_PICTURES:
        note(f"The first {_MOST_PICTURES} of {len(order):,}; the file has all of them.")
    name = origin.slug("changed images")
    csv_button(lambda: csv_of(changed_frame(view, flips)), name=name, key="what_if_csv", label="All of them as CSV")


def _picture(view: View, image: int, prediction: int, lost: bool, gained: bool) -> Picture:
    was, path = int(view.store.baseline.prediction[image]), view.store.images.path[image]
    jpeg, _ = cache.picture_of(view.source, image)
    return Picture(
        jpeg=jpeg,
        title=f"{view.title_of_output(was)} → {view.title_of_output(prediction)}",
        value=view.store.classes.title[view.store.images.label[image]],
        lost=lost,
        badge="gained" if gained else "",
        hint=path,
        instead="" if jpeg else path.rpartition("/")[2],
        href=navigate.href_of_image(view, image),
    )


def changed_frame(view: View, flips: Flips) -> pd.DataFrame:
    """Return a row for each image whose answer changes."""
    label = view.store.images.label[flips.image]
    was = view.store.baseline.prediction[flips.image]
    return pd.DataFrame(
        {
            "image": flips.image,
            "path": [view.store.images.path[image] for image in flips.image],
            "class": [view.store.classes.title[each] for each in label],
            "before": [view.store.classes.title_of_output(int(output)) for output in was],
            "after": [view.store.classes.title_of_output(int(output)) for output in flips.prediction],
        }
    )
