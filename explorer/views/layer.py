"""One layer: all its units, over any two measures, in a table and as a wall."""

from explorer import navigate
from explorer.components import header, messages, units

view = navigate.current()
layer = view.layer
with header.header(view, page=navigate.LAYER):
    header.place(f"{layer.n_units:,} units")
messages.problems(view.problems)
units.summary(view, layer)
units.plot_and_table(view, layer)
units.all_units(view, layer)
