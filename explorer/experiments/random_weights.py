"""Attribution maps beside those of the network with its weights in random order."""

import streamlit as st

from explorer.experiments.presentation import Presentation
from explorer.format import number
from explorer.likeness import ALIKE, PARTLY, likeness_of
from explorer.navigate import View
from explorer.widgets.html import escape, heading, note
from precompute.attribution_methods import label_of
from precompute.store.reader import Experiment, Layer


def _draw(view: View, layer: Layer, _experiment: Experiment) -> None:
    heading("How alike maps are with random weights", layer.name)
    rows = "".join(
        f'<tr><td>{escape(label_of(method))}</td><td class="us-number">{number(found.value, 2)}</td>'
        f'<td class="us-number">{found.n_maps}</td><td>{escape(found.verdict)}</td></tr>'
        for method, found in likeness_of(view.store, layer).items()
    )
    head = '<tr><th>method</th><th class="us-number">rank correlation</th><th class="us-number">maps</th><th></th></tr>'
    st.html(f'<table class="us-table us-brief">{head}{rows}</table>')
    note("Mean over the maps compared, of the first top exemplar of at most 16 units.")


PRESENTATION = Presentation(
    shows="Whether attribution maps would look the same had the network learnt nothing.",
    reading=(
        "The numbers of every weight are put in random order, which leaves the network its layers and its scale and "
        "nothing of what it has learnt. Each method attributes, in that network too, a unit at the same position of "
        "the same picture: the most active one, for without what was learnt one is as good as another. Beside it "
        "stands the rank correlation of the absolute values of both maps, over the pixels on which either depends. "
        f"Near 0 the maps owe their form to the weights; from {ALIKE:g} on they look much alike, and show the picture "
        "rather than the network. In between they show both."
    ),
    limits=(
        "One order of the weights and few maps, so it tells methods apart, not units. That maps change with the "
        "weights does not prove that they show what the unit looks at. "
        f"That {ALIKE:g} counts as alike, and {PARTLY:g} as partly alike, is our choice."
    ),
    draw=_draw,
)
