"""One layer: all its units, over any two measures, in a table and as a grid."""

from explorer import navigate
from explorer.pages.layer import sections
from explorer.widgets import header, messages

view = navigate.current()
layer = view.layer
with header.show(view, page=navigate.LAYER):
    header.place(f"{layer.n_units:,} units")
messages.show_problems(view.problems)
sections.show_headline(view, layer)
sections.show_plot_and_table(view, layer)
sections.show_grid(view, layer)
