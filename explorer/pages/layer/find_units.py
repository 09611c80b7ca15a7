"""The conditions by which units are found: those there are, what each asks for, and how many units are left."""

from collections.abc import Sequence
from functools import partial

import numpy as np
import streamlit as st

from explorer import navigate, unit_conditions
from explorer.format import count
from explorer.measure_display import option_label, quantity_of
from explorer.navigate import View
from explorer.unit_conditions import NEEDED, Condition, Kept
from explorer.widgets.html import note
from precompute.store.reader import Layer

_PICKED = "find_units_by"
_FIELD_WIDTH, _NAME_WIDTH = 150, 300


def show(view: View, layer: Layer, conditions: Sequence[Condition]) -> Kept:
    """Let the reader change the conditions, and return which units meet them, (unit,)."""
    names = unit_conditions.choices(view.store, layer, view.selection.ablation)
    if not names:
        return np.ones(layer.n_units, dtype=bool)
    st.session_state[_PICKED] = [condition.name for condition in conditions]
    st.multiselect(
        "Find units by",
        names,
        format_func=partial(_label, layer),
        key=_PICKED,
        placeholder="a class that needs them, or any measure",
        on_change=_pick,
        args=(view, layer, conditions),
    )
    kept = unit_conditions.kept(conditions, view.store, layer, view.selection.ablation)
    if conditions:
        with st.container(horizontal=True, vertical_alignment="bottom"):
            for condition in conditions:
                _show_one(view, layer, conditions, condition)
        note(f"{count(int(kept.sum()), 'unit')} of {layer.n_units:,} found; they are what the page shows.")
    return kept


def _label(layer: Layer, name: str) -> str:
    return "Class that needs it, beyond chance" if name == NEEDED else option_label(layer.measures[name])


def _pick(view: View, layer: Layer, conditions: Sequence[Condition]) -> None:
    """Take up the conditions that the reader has picked; for callbacks."""
    old = {condition.name: condition for condition in conditions}
    _put(view, [old.get(name) or _first(view, layer, name) for name in st.session_state[_PICKED]])


def _first(view: View, layer: Layer, name: str) -> Condition:
    """Return what a condition asks for to begin with: the class that is looked at, the first answer, or any value."""
    answers = unit_conditions.answers_of(view.store, layer, name)
    if answers is None:
        return unit_conditions.in_range(name, None, None)
    looked_at = view.selection.label
    return Condition(name, looked_at if looked_at is not None and looked_at in answers else answers[0])


def _put(view: View, conditions: Sequence[Condition]) -> None:
    navigate.put(view.selection.to(find=unit_conditions.write(conditions), page=1))


def _show_one(view: View, layer: Layer, conditions: Sequence[Condition], condition: Condition) -> None:
    answers = unit_conditions.answers_of(view.store, layer, condition.name)
    if answers is None:
        _show_range(view, layer, conditions, condition)
        return
    key = f"find_{condition.name}"
    st.session_state[key] = condition.asked
    titles = dict(zip(view.store.classes.name, view.store.classes.title, strict=True))
    st.selectbox(
        _label(layer, condition.name),
        answers,
        format_func=lambda name: titles.get(name, name),
        key=key,
        on_change=lambda: _replace(view, conditions, Condition(condition.name, st.session_state[key])),
        width=_NAME_WIDTH,
    )


def _show_range(view: View, layer: Layer, conditions: Sequence[Condition], condition: Condition) -> None:
    quantity = quantity_of(layer.measures[condition.name])
    keys = [f"find_{condition.name}_{end}" for end in ("least", "most")]

    def put() -> None:
        least, most = (st.session_state[key] for key in keys)
        _replace(view, conditions, unit_conditions.in_range(condition.name, least, most))

    ends = [f"{end(quantity.values):.3g}" for end in (np.nanmin, np.nanmax)]
    words = (f"{quantity.label}, at least", "at most")
    for key, word, value, end in zip(keys, words, condition.ends, ends, strict=True):
        st.session_state[key] = value
        width = _NAME_WIDTH if word != "at most" else _FIELD_WIDTH
        st.number_input(word, value=None, format="%g", key=key, placeholder=end, on_change=put, width=width)


def _replace(view: View, conditions: Sequence[Condition], changed: Condition) -> None:
    _put(view, [changed if condition.name == changed.name else condition for condition in conditions])
