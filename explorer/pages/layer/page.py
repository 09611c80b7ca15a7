"""One layer: all its units, over any two measures, in a table and as a wall."""

from explorer import navigate
from explorer.pages.layer import sections
from explorer.widgets import header, messages

view = navigate.current()
layer = view.layer
with header.header(view, page=navigate.LAYER):
    header.place(f"{layer.n_units:,} units")
messages.problems(view.problems)
sections.summary(view, layer)
sections.plot_and_table(view, layer)
sections.all_units(view, layer)
