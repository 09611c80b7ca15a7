"""Which measures of a unit can be held against what its ablation costs, and which need care there."""

FROM_PREDICTIONS = frozenset({"class_correlation", "flip_rate"})
"""Measures made of the network's answers to the images, as drops are: on the same images the two share noise."""

FROM_WEIGHTS = frozenset({"l1_norm", "weight_chroma"})
"""Measures that no image has a part in."""

_OF_CHANCE = ("_p", "_q", "_noise", "_ceiling", "_reliability")
_OF_ABLATION = ("drop", "effect")


def describes_unit(name: str, values: str) -> bool:
    """Whether a measure is a quantity of the unit that can be held against what its ablation costs.

    What that costs is not, by whatever name, nor is what says how sure another measure is, the name of a class or
    concept, or a yes or no.

    Parameters
    ----------
    name : str
        Its name in a store.
    values : str
        The values it can take, as its row or the store says.
    """
    base = name.removesuffix("_mean")
    if base.endswith(_OF_CHANCE) or any(word in base for word in _OF_ABLATION):
        return False
    return not (values.endswith("index") or values == "0 or 1")
