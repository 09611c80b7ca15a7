"""A closer look at one unit: what is found by asking for it."""

import streamlit as st

from explorer import navigate
from explorer.pages.closer import ablations, alike, maps
from explorer.widgets import header, messages, part_choice, steps

view = navigate.current()
layer, unit = view.layer, view.selection.unit or 0
view = navigate.at_unit(view, unit)
plain = navigate.without_choice(view)
with header.show(plain, page=navigate.CLOSER):
    steps.show("unit", unit, unit, layer.n_units, lambda other: view.selection.to(unit=other, other=None))
    st.page_link(navigate.UNIT, label=f"The page of unit {unit}", query_params=plain.selection.query())
messages.show_problems(view.problems)
PARTS = {"alike": "Units alike", "maps": "Any map", "ablations": "Other ablations"}
{"alike": alike, "maps": maps, "ablations": ablations}[part_choice.choose(view, PARTS)].show(view, layer, unit)
