"""The effect of changed units on the answer to one image."""

from typing import Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from explorer import navigate
from explorer.charts.before_after import before_after, before_after_frame
from explorer.format import certainty, isolated, significant
from explorer.navigate import View
from explorer.origin import Origin
from explorer.pages.what_if import question
from explorer.pages.what_if.question import Asked, change_words
from explorer.pictures import aspect_of, common_limit, heat, placed
from explorer.widgets import gallery, palette
from explorer.widgets.chart import draw_chart
from explorer.widgets.gallery import Picture, Taken
from explorer.widgets.html import escape, heading, note, sentence
from precompute.attribution_methods import METHODS, label_of
from precompute.what_if.wire import Arrays

Floats = NDArray[np.floating[Any]]
_MOST_OUTPUTS = 5
_SIGNS = "blue above zero, orange below"


def show_headline(view: View, asked: Asked, found: Arrays) -> None:
    """Say what the new answer is."""
    _headline(view, asked, shares(found["before"]), shares(found["after"]))


def show(view: View, asked: Asked, found: Arrays) -> None:
    """Show the outputs before and after the change, and the maps of the units."""
    origin = question.origin_of(view, view.layer, asked)
    left, right = st.columns([7, 5], gap="large")
    with left:
        _show_outputs(view, shares(found["before"]), shares(found["after"]), origin)
    with right:
        _show_maps(view, asked, found, origin)
    _show_attributions(view, asked, found, origin)


def shares(outputs: Floats) -> Floats:
    """Return the softmax of outputs, (output,): the network's own probabilities if it was trained with a softmax."""
    weights = np.exp(outputs.astype(np.float64) - outputs.max())
    return weights / weights.sum()


def _headline(view: View, asked: Asked, before: Floats, after: Floats) -> None:
    was, now = int(before.argmax()), int(after.argmax())
    changed = change_words(asked.units, asked.change)
    named, then = (escape(view.title_of_output(output)) for output in (was, now))
    which = question.image_words(asked.on) if isinstance(asked.on, int) else "your picture"
    if was == now:
        sentence(f"{escape(changed)}, the answer to {which} <b>stays {named}</b>.")
    else:
        sentence(f"{escape(changed)}, the answer to {which} becomes <b>{then}</b>; before, it was {named}.")
    if isinstance(asked.on, int):
        note(f"{isolated(view.store.images.path[asked.on])}, {view.titles[view.store.images.label[asked.on]]}.")


def _show_outputs(view: View, before: Floats, after: Floats, origin: Origin) -> None:
    heading("The highest outputs", "ring: before, point: after")
    highest = np.unique(np.r_[np.argsort(-before)[:_MOST_OUTPUTS], np.argsort(-after)[:_MOST_OUTPUTS]])
    nothing = np.full(len(highest), np.nan)
    frame = before_after_frame(
        [view.store.classes.title_of_output(int(output)) for output in highest],
        before[highest],
        after[highest],
        low=nothing,
        high=nothing,
        tallies=[f"{certainty(float(before[output]))} → {certainty(float(after[output]))}" for output in highest],
        highest_first=True,
    )
    draw_chart(
        lambda: before_after(frame, "softmax, %", tally_room=0.3),
        key="what_if_outputs",
        says="For each of the highest outputs its share before the change and after it",
        origin=origin,
    )
    note(f"The {_MOST_OUTPUTS} highest before and the {_MOST_OUTPUTS} highest after.")


def _show_maps(view: View, asked: Asked, found: Arrays, origin: Origin) -> None:
    heading("The units on it", f"before the change; {_SIGNS}")
    limit, jpeg = common_limit(found["maps"]), found["picture"].tobytes()
    pictures = [
        Picture(
            jpeg,
            f"unit {unit}",
            f"up to {significant(float(values.max()))}" if values.any() else "zero on this image",
            overlay=heat(placed(values, view.layer.part), limit, palette.signed()) if values.size > 1 else None,
        )
        for unit, values in zip(asked.units, found["maps"], strict=False)
    ]
    taken = Taken("what_if_maps", f"Maps of the units before the change; {_SIGNS}", origin)
    gallery.show(pictures, aspect_of(view.store.model.input_size), faded=True, taken=taken)
    if len(asked.units) > len(pictures):
        note(f"The first {len(pictures)} of {len(asked.units)} units.")


def _show_attributions(view: View, asked: Asked, found: Arrays, origin: Origin) -> None:
    """Show by a method that the reader chooses on which pixels the peaks of the units depend."""
    heading(
        "Where the units look", "before the change; pixels that raise (blue) or lower (orange) the peak of each unit"
    )
    st.session_state["what_if_method"] = asked.method
    st.segmented_control(
        "Method",
        list(METHODS),
        format_func=label_of,
        key="what_if_method",
        on_change=navigate.put_widget_or_none,
        args=(view.selection, "by", "what_if_method"),
        label_visibility="collapsed",
    )
    if "attribution" not in found:
        return
    limit, jpeg = common_limit(found["attribution"]), found["picture"].tobytes()
    pictures = [
        Picture(
            jpeg,
            f"unit {unit}",
            _missed(float(error)),
            overlay=heat(values, limit, palette.signed()) if values.any() else None,
            instead="" if values.any() else "nothing: this map is zero everywhere",
        )
        for unit, values, error in zip(asked.units, found["attribution"], found["error"], strict=False)
    ]
    method = label_of(asked.method or "")
    taken = Taken("what_if_attribution", f"{method} of the units' peaks before the change; {_SIGNS}", origin)
    gallery.show(pictures, aspect_of(view.store.model.input_size), wide=True, faded=True, taken=taken)


def _missed(error: float) -> str:
    """Say by how much the sum of a map misses its expected value; empty if this is not known."""
    return "" if np.isnan(error) else f"sum off by {100 * error:.0f} %"
