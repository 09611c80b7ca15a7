"""The controls for conditions on units: which conditions hold, what each asks for, and how many units meet them."""

from collections.abc import Mapping, Sequence

import numpy as np
import streamlit as st

from explorer import navigate, unit_conditions
from explorer.format import count, md_text
from explorer.measure_help import help_markdown
from explorer.navigate import View
from explorer.unit_conditions import Condition
from explorer.unit_criteria import Criterion, InRange, Met, ends_of, range_of
from explorer.widgets import what_if_link
from explorer.widgets.html import note

_PICKED = "find_units_by"
_FIELD_WIDTH, _NAME_WIDTH = 150, 300


def show(view: View, criteria: Mapping[str, Criterion], conditions: Sequence[Condition]) -> Met:
    """Let the reader change the conditions, and return for each unit whether it meets all of them, (unit,)."""
    st.session_state[_PICKED] = [condition.name for condition in conditions]
    st.multiselect(
        "Find units by",
        list(criteria),
        format_func=lambda name: criteria[name].label,
        key=_PICKED,
        placeholder="a class that needs them, a label, or any measure",
        select_all=False,  # it would take all conditions that match what is typed
        on_change=lambda: _pick(view, criteria, conditions),
    )
    found = unit_conditions.met(conditions, criteria, view.layer.n_units)
    if conditions:
        with st.container(horizontal=True, vertical_alignment="bottom"):
            for condition in conditions:
                _show_one(view, criteria[condition.name], conditions, condition)
        _say(view, found)
    return found


def _say(view: View, found: Met) -> None:
    n_found = int(found.sum())
    with st.container(horizontal=True, vertical_alignment="center"):
        if n_found:
            note(f"{count(n_found, 'unit')} of {len(found):,} found; they are what the page shows.")
        else:
            note(f"None of the {count(len(found), 'unit')} is found. Ask for something else, or take a condition away.")
        if 0 < n_found < len(found) and view.layer.ablations:
            what_if_link.show(view, [int(unit) for unit in np.flatnonzero(found)], "What if they were off?")


def _pick(view: View, criteria: Mapping[str, Criterion], conditions: Sequence[Condition]) -> None:
    """Write the conditions that the reader picked into the URL. For callbacks."""
    old = {condition.name: condition for condition in conditions}
    _put(view, [old.get(name) or _first(view, name, criteria[name]) for name in st.session_state[_PICKED]])


def _first(view: View, name: str, criterion: Criterion) -> Condition:
    """Return a new condition: it asks for the chosen class, else for the first answer of any unit, or for all units."""
    if criterion.answers is None:
        every = range_of(None, None) if isinstance(criterion, InRange) else f"0-{view.layer.n_units - 1}"
        return Condition(name, every)
    looked_at = view.selection.label
    if looked_at is not None and looked_at in criterion.answers:
        return Condition(name, looked_at)
    # An answer that no unit meets would empty the page before the reader has asked for anything.
    of_a_unit = (answer for answer in criterion.answers if criterion.met(answer).any())
    return Condition(name, next(of_a_unit, criterion.answers[0]))


def _put(view: View, conditions: Sequence[Condition]) -> None:
    navigate.put(view.selection.to(find=unit_conditions.write(conditions), page=1))


def _show_one(view: View, criterion: Criterion, conditions: Sequence[Condition], condition: Condition) -> None:
    if isinstance(criterion, InRange):
        _show_range(view, criterion, conditions, condition)
        return
    key = f"find_{condition.name}"
    st.session_state[key] = condition.asked

    def put() -> None:
        if criterion.means_something(st.session_state[key]):
            _replace(view, conditions, Condition(condition.name, st.session_state[key]))

    if criterion.answers is None:
        st.text_input(criterion.label, key=key, on_change=put, width=_NAME_WIDTH)
        return
    titles = dict(zip(view.store.classes.name, view.store.classes.title, strict=True))
    st.selectbox(
        md_text(criterion.label),
        criterion.answers,
        format_func=lambda name: titles.get(name, name),
        key=key,
        on_change=put,
        width=_NAME_WIDTH,
    )


def _show_range(view: View, criterion: InRange, conditions: Sequence[Condition], condition: Condition) -> None:
    keys = [f"find_{condition.name}_{end}" for end in ("least", "most")]

    def put() -> None:
        _replace(view, conditions, Condition(condition.name, range_of(*(st.session_state[key] for key in keys))))

    ends = [f"{end(criterion.values):.3g}" for end in (np.nanmin, np.nanmax)]
    words = (f"{criterion.label}, at least", "at most")
    for key, word, value, end in zip(keys, words, ends_of(condition.asked), ends, strict=True):
        st.session_state[key] = value
        width = _NAME_WIDTH if word != "at most" else _FIELD_WIDTH
        asks = help_markdown(view.layer.measures[condition.name]) if word != "at most" else None
        st.number_input(word, value=None, format="%g", key=key, placeholder=end, on_change=put, width=width, help=asks)


def _replace(view: View, conditions: Sequence[Condition], changed: Condition) -> None:
    _put(view, [changed if condition.name == changed.name else condition for condition in conditions])
