"""The specification of ``random_weights``: how much attribution maps owe to what the network has learnt."""

from precompute.store.entry import STRING, Axis, Entry
from precompute.store.experiments.spec import OF_ANY, OF_MODEL, ExperimentSpec
from precompute.store.schema import MAX_ATTRIBUTION_MAP_SIDE

_LAYER = "/experiments/random_weights/layers/<layer>"

ENTRIES: tuple[Entry, ...] = (
    Entry(f"{_LAYER}/method", STRING, ("method",), "name", "The attribution methods."),
    Entry(
        f"{_LAYER}/likeness",
        "f4",
        ("method",),
        "correlation",
        "Rank correlation over pixels of the absolute values of maps with those of the same network with its weights "
        "in random order, at the same position, of the unit that is most active there; mean over the maps compared.",
        nan="where no two maps can be compared: all units are silent with random weights, or the method is not right "
        "for the layer",
    ),
    Entry(f"{_LAYER}/n_maps", "i4", ("method",), "maps", "Maps compared, each of the first top exemplar of a unit."),
    Entry(
        f"{_LAYER}/unit",
        "i4",
        ("compared unit",),
        "index",
        "The units whose maps were compared.",
        required=False,
    ),
    Entry(
        f"{_LAYER}/map",
        "f2",
        ("method", "compared unit", "row", "column"),
        "activation per input",
        "The maps of the network with its weights in random order, as in `attribution/<method>/map`, each beside that "
        "of the unit's first top exemplar.",
        required=False,
        nan="where the method is not right for the layer with random weights",
        max_side=MAX_ATTRIBUTION_MAP_SIDE,
    ),
)

SPEC = ExperimentSpec(
    name="random_weights",
    title="Attribution with random weights",
    source="Adebayo et al. 2018, arXiv:1810.03292",
    adds="for every layer and attribution method: how much its maps resemble those of the same network with its "
    "weights in random order",
    on_one_device="it attributes a few images of each unit and sweeps none",
    options=(*OF_ANY, *OF_MODEL),
    entries=ENTRIES,
    axes=(
        Axis("method", "attribution methods compared", "as in the dataset `method`", "method"),
        Axis("compared unit", "units whose maps are compared, at most 16", "as in the dataset `unit`", "unit"),
    ),
)
