"""The labels that people gave to units of a store: how many, how far raters agree, and the file itself."""

import math
from collections import Counter
from collections.abc import Sequence

import streamlit as st

from explorer import labels
from explorer.format import count, number
from explorer.labels import Label
from explorer.navigate import View
from explorer.widgets.html import escape, heading, note, table
from explorer.widgets.messages import alert
from precompute.errors import OptionError, UnitscopeError
from precompute.measures.agreement import FEWEST, Agreement

_SAID, _DONE, _FILE = "labels_said", "labels_done", "labels_file"
_MOST_PAIRS = 10


def show(view: View) -> None:
    """Show what is known of the labels; nothing where nobody gave any."""
    if said := st.session_state.pop(_SAID, None):
        alert("us-warning", escape(said))
    if done := st.session_state.pop(_DONE, None):
        note(done)
    try:
        held = labels.load(view.source.path)
    except UnitscopeError as error:
        alert("us-warning", escape(error))
        return
    if not held:
        return
    heading("Labels", "what people call units; no finding")
    raters = Counter(label.rater for label in held)
    note(" · ".join(f"{rater}: {count(n, 'unit')}" for rater, n in raters.most_common(_MOST_PAIRS)))
    _show_agreement(held)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.download_button(
            "Labels as CSV",
            lambda: labels.write(held),
            file_name=f"{view.selection.store}.labels.csv",
            mime="text/csv",
            on_click="ignore",
            key="labels_csv",
        )
        with st.popover("Take in labels"):
            note("A file of labels of this store. A label in it replaces the one that its rater gave the unit before.")
            st.file_uploader("Labels", type="csv", key=_FILE, on_change=_take_in, args=(view,), max_upload_size=16)


def _show_agreement(held: Sequence[Label]) -> None:
    pairs = labels.agreements(held)
    if not pairs:
        return
    rows = [[f"{ours} and {theirs}", f"{one.n:,}", f"{one.same:,}", *_kappa(one)] for ours, theirs, one in pairs]
    table(["raters", "named by both", "alike", "kappa", "95 % interval"], rows[:_MOST_PAIRS])
    if len(rows) > _MOST_PAIRS:
        note(f"The first {_MOST_PAIRS} of {count(len(rows), 'pair')}; the rest can be computed from the file.")
    note(
        "Kappa is 1 where two raters always agree, 0 where they agree as often as chance would have it (Cohen 1960). "
        f"It has an interval from {FEWEST} units on. Labels that differ by capitals and spaces alone are the same."
    )


def _kappa(one: Agreement) -> tuple[str, str]:
    if math.isnan(one.kappa):
        return "–", "–"
    interval = "–" if math.isnan(one.low) else f"{number(one.low)} to {number(one.high)}"
    return number(one.kappa), interval


def _take_in(view: View) -> None:
    """Add the labels of a file that a reader chose; for callbacks."""
    file = st.session_state[_FILE]
    if file is None:
        return
    try:
        given = labels.read(file.getvalue().decode("utf-8"))
        layers = {layer.name: layer.n_units for layer in view.store.layers}
        strange = [label for label in given if label.unit >= layers.get(label.layer, 0)]
        if strange:
            raise OptionError(f"This store has no unit {strange[0].layer}:{strange[0].unit}. Nothing was taken in.")
        labels.put(view.source.path, *given)
        st.session_state[_DONE] = f"{count(len(given), 'label')} taken in."
    except UnicodeDecodeError:
        st.session_state[_SAID] = "The file is no text in UTF-8. Nothing was taken in."
    except UnitscopeError as error:
        st.session_state[_SAID] = str(error)
