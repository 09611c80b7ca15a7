"""One class."""

from explorer import navigate
from explorer.widgets import header, messages
from explorer.widgets.html import escape, sentence

view = navigate.current()
with header.show(view, page=navigate.CLASS):
    header.place("class")
messages.show_problems(view.problems)
sentence(escape(view.store.classes.title[view.chosen_class or 0]))
