"""The cards of the guided tour: one that offers the tour on a first visit, and one for each step."""

from pathlib import Path

import numpy as np
import streamlit as st

from explorer import navigate
from explorer.drop_verdicts import verdicts_of
from explorer.measure_display import default_order, order_by
from explorer.navigate import View
from explorer.page_registry import file_of
from explorer.selection import Selection
from explorer.tour import STEPS, WELCOME
from explorer.widgets.html import escape
from precompute.store.reader import Layer

_KEY, _OVER = "welcome", "welcome_over"


def show_welcome(view: View) -> None:
    """Say on a first visit what the app is, and offer the tour; the browser remembers that it has asked."""
    if view.selection.tour or st.session_state.get(_OVER) or not view.store.layers:
        return
    script = Path(__file__).with_suffix(".js").read_text("utf-8")
    component = st.components.v2.component(
        "unitscope_welcome", html='<div class="us-welcome"></div>', js=script, isolate_styles=False
    )
    component(data={"sentences": list(WELCOME)}, key=_KEY, on_answer_change=lambda: _answer(view))


def _answer(view: View) -> None:
    """Begin the tour or not, as the reader answered. For callbacks."""
    answer = st.session_state.get(_KEY, {}).get("answer")
    if answer:
        st.session_state[_OVER] = True
    if answer == "take":
        begin(view)


def begin(view: View) -> None:
    """Go to the first step. For callbacks."""
    _go(view, 1)


def show_step(view: View, page: str) -> None:
    """Show the step of the tour that the URL names; nothing if it names none."""
    if view.selection.tour is None:
        return
    number = int(view.selection.tour)
    step, here = STEPS[number - 1], file_of(STEPS[number - 1].page) == page
    said = step.said if here else "You have left the path of the tour. It goes on where you were."
    with st.container(key="tour"):
        st.html(
            f'<p role="status"><b>{escape(step.title)}</b> <small>step {number} of {len(STEPS)}</small><br>'
            f"{escape(said)}</p>"
        )
        with st.container(horizontal=True):
            if not here:
                st.button("Back to the tour", key="tour_on", on_click=_go, args=(view, number))
            elif number < len(STEPS):
                title = STEPS[number].title
                st.button(f"Next: {title}", key="tour_next", type="primary", on_click=_go, args=(view, number + 1))
            if here and number > 1:
                st.button("Back", key="tour_back", on_click=_go, args=(view, number - 1))
            st.button(
                "End the tour",
                key="tour_end",
                on_click=navigate.put,
                args=(view.selection.to(tour=None),),
                type="tertiary",
            )


def _go(view: View, number: int) -> None:
    """Open the page of a step, with something worth seeing selected. For callbacks."""
    page = STEPS[number - 1].page
    navigate.go(file_of(page), _place(view, page).to(tour=str(number)))


def _place(view: View, page: str) -> Selection:
    """Return the selection for a page: the last layer, its unit with the surest loss, a class of that unit."""
    if not view.store.layers:
        return Selection(view.selection.store)
    layer = view.store.layers[-1]
    place = Selection(view.selection.store, layer=layer.name)
    if page in ("overview", "layer", "name"):
        return place
    unit = _unit(view, layer)
    if page == "what_if":
        return place.to(units=str(unit))
    label = _class(layer, unit)
    return place.to(unit=unit, label=view.store.classes.name[label] if page == "class" and label is not None else None)


def _unit(view: View, layer: Layer) -> int:
    kind = view.ablation_of(layer) if layer.ablations else "zero"
    surest = list(verdicts_of(view.store, layer, kind).by_certainty()) if layer.ablations else []
    return int(surest[0] if surest else order_by(layer, default_order(layer))[0])


def _class(layer: Layer, unit: int) -> int | None:
    """Return the class that loses most without a unit, or else the class that the unit prefers; None if not known."""
    for name in ("max_class_drop_class", "selective_class"):
        held = layer.measures.get(name)
        if held is not None and not np.isnan(held.values[unit]):
            return int(held.values[unit])
    return None
