"""The presentation of ``random_weights``: attribution maps beside those of the network with random weights."""

import numpy as np

from explorer import cache
from explorer.experiments.presentation import Presentation
from explorer.format import number
from explorer.likeness import ALIKE, PARTLY, Likeness, likeness_of_maps, not_told_apart
from explorer.navigate import View
from explorer.widgets.html import heading, note, table, with_range
from precompute.attribution_methods import label_of
from precompute.store.reader import Experiment, Layer


def _draw(view: View, layer: Layer, _experiment: Experiment) -> None:
    heading("How alike maps are with random weights", layer.name)
    compared = cache.likeness(view.source, layer)
    rows = [
        [label_of(method), _with_interval(found), str(found.n_maps), found.verdict]
        for method, found in compared.items()
    ]
    table(["method", "rank correlation", "maps", ""], rows, numbers=slice(1, 3))
    note(
        "Each correlation is a mean over maps: those of the first top exemplar of at most 16 units. In small type: its "
        "95 % interval over maps. The verdict is that of the whole interval: where it holds a limit, both are named."
    )
    if pairs := not_told_apart(likeness_of_maps(view.store, layer)):
        said = "; ".join(" and ".join(map(label_of, pair)) for pair in pairs)
        note(f"Not told apart by these maps: {said}.")


def _with_interval(found: Likeness) -> str:
    if np.isnan(found.low):
        return number(found.value, 2)
    return with_range(found.value, found.low, found.high)


PRESENTATION = Presentation(
    shows="Whether attribution maps would look the same if the network had learnt nothing.",
    reading=(
        "The numbers in every weight tensor are put in random order. This keeps the network's layers and the scale of "
        "its weights, and removes all that it has learnt. Each method then attributes a unit of this network at "
        "the same position of the same picture. It is the unit that is most active there, because without "
        "learning any unit is as good as another. The table shows the rank correlation of the absolute values of "
        "both maps, over the pixels on which either depends. Near 0 the maps owe their form to the weights. "
        f"From {ALIKE:g} on they look much alike, and show the picture rather than the network. In between "
        "they show both."
    ),
    limits=(
        "There is one random order of the weights, and there are few maps. So the numbers are about methods, not "
        "units. Methods with close numbers are not told apart. Maps that change with the weights need not show what "
        "the unit looks at. Both limits are our "
        f"choice: from {ALIKE:g} on maps count as alike, from {PARTLY:g} on as partly alike."
    ),
    draw=_draw,
)
