"""Stores, and layers, beside each other: what their units lose and prefer, and which units match."""

from explorer import navigate
from explorer.pages.compare import all_units, matched
from explorer.widgets import header, messages, part_choice
from explorer.widgets.html import sentence

view = navigate.current()
# The header's links lead to experiments, too, and what is chosen here is not a choice of theirs.
with header.show(navigate.without_choice(view), page=navigate.COMPARE):
    pass
messages.show_problems(view.problems)
sentence("Stores and layers beside each other")
PARTS = {"all": "All units", "matched": "Units matched"}
(matched if part_choice.choose(view, PARTS) == "matched" else all_units).show(view)
