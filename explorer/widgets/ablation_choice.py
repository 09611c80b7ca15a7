"""The choice of the kind of ablation, for stores that hold several."""

from explorer.navigate import View
from explorer.widgets import url_choice
from precompute.ablation_kinds import kind_of
from precompute.store.reader import Layer


def choose_ablation(view: View, layer: Layer) -> None:
    """Let the reader choose the kind of ablation; show nothing if there is only one."""
    if len(layer.ablations) < 2:
        return
    words = {kind: kind_of(kind).words for kind in layer.ablations}
    url_choice.choose(view, "ablation", words, view.selection.ablation, key="silenced", label="The unit is")
