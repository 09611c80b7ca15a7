"""Attribution maps beside those of the network with its weights in random order."""

from explorer.experiments.presentation import Presentation
from explorer.format import number
from explorer.likeness import ALIKE, PARTLY, likeness_of
from explorer.navigate import View
from explorer.widgets.html import heading, note, table
from precompute.attribution_methods import label_of
from precompute.store.reader import Experiment, Layer


def _draw(view: View, layer: Layer, _experiment: Experiment) -> None:
    heading("How alike maps are with random weights", layer.name)
    rows = [
        [label_of(method), number(found.value, 2), str(found.n_maps), found.verdict]
        for method, found in likeness_of(view.store, layer).items()
    ]
    table(["method", "rank correlation", "maps", ""], rows, numbers=slice(1, 3))
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
