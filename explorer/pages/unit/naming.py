"""The labels that people gave to a unit, and a form to give one."""

import streamlit as st

from explorer.format import count
from explorer.labels import CONFIDENCES, LABELS, MOST_NOTE, Label
from explorer.navigate import View
from explorer.rows_beside_store import MOST_RATER, MOST_TEXT
from explorer.widgets import rater
from explorer.widgets.html import Markup, escape, note, said_by
from explorer.widgets.messages import alert
from precompute.errors import UnitscopeError
from precompute.store.reader import Layer

_RATER, _SAID = rater.KEY, "label_said"


def show(view: View, layer: Layer, unit: int) -> None:
    """Show the labels of the unit with their raters, and let the reader give one."""
    if said := st.session_state.pop(_SAID, None):
        alert("us-warning", escape(said))
    try:
        held = [each for each in LABELS.load(view.source.path) if (each.layer, each.unit) == (layer.name, unit)]
    except UnitscopeError as error:
        alert("us-warning", escape(error))
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        with st.popover("Name it" if not held else f"Named by {count(len(held), 'person', 'people')}", width="content"):
            _show_form(view, layer, unit, held)
        if held:
            note(Markup(f"Called {' · '.join(_words(each) for each in held)}"))


def _words(label: Label) -> Markup:
    return Markup(f"“{said_by(label.text)}” ({said_by(label.rater)}, {label.confidence})")


def _show_form(view: View, layer: Layer, unit: int, held: list[Label]) -> None:
    own = next((each for each in held if each.rater == st.session_state.get(_RATER)), None)
    with st.form(f"name_{layer.name}_{unit}", border=False):
        # The reader's name is kept from unit to unit.
        name = st.text_input("Your name", value=st.session_state.get(_RATER, ""), max_chars=MOST_RATER)
        text = st.text_input("It answers to", value=own.text if own else "", max_chars=MOST_TEXT)
        confidence = st.segmented_control(
            "How sure are you?", CONFIDENCES, default=own.confidence if own else "fair", required=True
        )
        more = st.text_area("Note", value=own.note if own else "", max_chars=MOST_NOTE, height=80)
        if st.form_submit_button("Save"):
            _save(view, (layer.name, unit, name, text, confidence, more))
    if own is not None and st.button("Take my label back", key=f"unname_{layer.name}_{unit}"):
        _take_back(view, own)
    for each in held:
        if each.note:
            note(Markup(f"{said_by(each.rater)}: {said_by(each.note)}"))
    if held:
        note(f"Labels lie in {LABELS.file_of(view.source.path)}. A label is what a person thinks, and no finding.")


def _save(view: View, said: tuple[str, int, str, str, str, str]) -> None:
    layer, unit, name, text, confidence, more = said
    try:
        label = Label(layer, unit, " ".join(name.split()), " ".join(text.split()), confidence, more.strip())
        LABELS.put(view.source.path, label)
        st.session_state[_RATER] = label.rater
    except UnitscopeError as error:
        st.session_state[_SAID] = str(error)
    st.rerun()


def _take_back(view: View, own: Label) -> None:
    try:
        LABELS.remove(view.source.path, own.of)
    except UnitscopeError as error:
        st.session_state[_SAID] = str(error)
    st.rerun()
