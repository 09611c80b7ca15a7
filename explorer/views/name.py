"""Names for the units of a layer, one after the other, by keys alone; nobody sees what others call them."""

import numpy as np
import streamlit as st

from explorer import navigate
from explorer.labels import LABELS
from explorer.measure_display import dead_units
from explorer.naming_round import round_of
from explorer.pages.name import entry, wall
from explorer.widgets import csv_exchange, header, messages, rater
from explorer.widgets.html import escape, note, sentence

view = navigate.current()
layer = view.layer
with header.show(view, page=navigate.NAME, finds=False):
    header.choose_layer(view)
    if st.session_state.get(rater.KEY):
        rater.show(view, st.session_state[rater.KEY])
messages.show_problems(view.problems)
held = LABELS.load(view.source.path)
who = rater.ask(
    f"What do the units of {layer.name} answer to?",
    "You see one unit at a time and say what its pictures have in common. What others said is not shown, so that the "
    "agreement of raters means something. Labels lie in one file beside the store.",
)
if who is None:
    csv_exchange.show(view, LABELS, (), replaces="A label in it replaces the one that its rater gave the unit before.")
else:
    way = round_of(held, who, layer.name, np.flatnonzero(~dead_units(layer)).tolist())
    unit = view.selection.unit
    if unit is None:
        unit = way.next_after(-1) or 0
    view = navigate.at_unit(view, unit)
    top = st.container()
    wall.show(view, layer, unit)
    with top:
        left = f"{len(way.left):,} left" if way.left else "none left"
        sentence(f"Unit <b>{unit:,}</b> of {escape(layer.name)}: you have named {way.done:,}, {left}.")
        # Below the pictures in time, above them in place: the field takes keys only when these are there.
        entry.show(view, layer, unit, who, way)
    note(
        "Enter keeps the label and goes on to the next unit without one: with Shift you are sure, with Ctrl it is "
        "a guess. ← and → go to the units beside it, Esc undoes what was typed. Units that never fire are left out."
    )
