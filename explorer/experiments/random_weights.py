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
    note("Each correlation is a mean over maps: those of the first top exemplar of at most 16 units.")


PRESENTATION = Presentation(
    shows="Whether attribution maps would look the same if the network had learnt nothing.",
    reading=(
        "The numbers of every weight are put in random order. This keeps the network's layers and its "
        "scale, and removes all that it has learnt. In that network too, each method attributes a unit at "
        "the same position of the same picture. The unit taken is the most active one, because without "
        "learning one is as good as another. The table shows the rank correlation of the absolute values of "
        "both maps, over the pixels on which either depends. Near 0 the maps owe their form to the weights. "
        f"From {ALIKE:g} on they look much alike, and show the picture rather than the network. In between "
        "they show both."
    ),
    limits=(
        "There is one order of the weights and there are few maps, so the numbers tell methods apart, not "
        "units. Maps that change with the weights need not show what the unit looks at. Both limits are our "
        f"choice: {ALIKE:g} counts as alike, {PARTLY:g} as partly alike."
    ),
    draw=_draw,
)
