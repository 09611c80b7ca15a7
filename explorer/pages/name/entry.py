"""The field that takes a label by keys alone: text, or a digit for a recent label, and Enter to keep it and go on."""

from pathlib import Path
from typing import Any

import streamlit as st

from explorer import navigate
from explorer.labels import CONFIDENCES, LABELS, Label
from explorer.naming_round import Round
from explorer.navigate import View
from explorer.rows_beside_store import MOST_TEXT
from explorer.widgets.html import escape
from explorer.widgets.messages import alert
from precompute.errors import UnitscopeError
from precompute.store.reader import Layer

_KEY, _REFUSED, _TURN = "name_entry", "name_refused", "name_turn"
_HERE = Path(__file__).parent
_HTML = (
    '<label>It answers to <input type="text" readonly autocomplete="off" spellcheck="false"></label><ol></ol><p></p>'
)


def show(view: View, layer: Layer, unit: int, rater: str, way: Round) -> None:
    """Show the field for one unit, filled with the rater's own label if there is one."""
    if refused := st.session_state.pop(_REFUSED, None):
        alert("us-warning", escape(refused))
    own = way.own.get(unit)
    component = st.components.v2.component(
        "unitscope_name_entry",
        html=_HTML,
        css=(_HERE / "entry.css").read_text("utf-8"),
        js=(_HERE / "entry.js").read_text("utf-8"),
    )
    component(
        data={
            "unit": unit,
            "text": own.text if own else "",
            "confidence": own.confidence if own else "",
            "recent": list(way.recent),
            "most": MOST_TEXT,
            # A new number with each answer, so that a field that waits for the page notices the new run.
            "turn": st.session_state.get(_TURN, 0),
        },
        key=_KEY,
        on_said_change=lambda: _keep(view, layer, rater, way),
        on_step_change=lambda: _step(view, way),
    )


def _trigger(name: str) -> dict[str, Any]:
    """Return what the reader did; None if a run that was cut short has lost it."""
    st.session_state[_TURN] = st.session_state.get(_TURN, 0) + 1
    return dict(st.session_state.get(_KEY, {}).get(name) or {})


def _keep(view: View, layer: Layer, rater: str, way: Round) -> None:
    """Save a label and go to the next unit; if the field is empty, only go on. For callbacks."""
    said = _trigger("said")
    if not said or said["unit"] not in way.units:
        return
    unit, text = int(said["unit"]), " ".join(str(said["text"]).split())
    confidence = said["confidence"] if said["confidence"] in CONFIDENCES else "fair"
    if text:
        held = way.own.get(unit)
        try:
            LABELS.put(view.source.path, Label(layer.name, unit, rater, text, confidence, held.note if held else ""))
        except UnitscopeError as error:
            st.session_state[_REFUSED] = str(error)
            return
    following = way.next_after(unit)
    navigate.put(view.selection.to(unit=unit if following is None else following))


def _step(view: View, way: Round) -> None:
    """Go to another unit. For callbacks."""
    asked = _trigger("step")
    if asked:
        navigate.put(view.selection.to(unit=way.beside(int(asked["unit"]), int(asked["by"]))))
