"""Stores beside each other: what their units lose and prefer."""

from explorer import navigate
from explorer.pages.compare import sections
from explorer.widgets import header, messages
from explorer.widgets.html import sentence

view = navigate.current()
# What is chosen here is no experiment's choice, and links lead to experiments.
with header.show(navigate.without_choice(view), page=navigate.COMPARE):
    pass
messages.show_problems(view.problems)
sentence("Stores beside each other")
sections.show(view)
