"""The dimension of a layer's units and their positions, in words."""

from explorer.format import count, significant
from precompute.store.reader import Layer


def shape_words(layer: Layer) -> str:
    """Describe a unit's positions: the sides of a map, the tokens of the picture and those apart, or no space."""
    sides = " × ".join(str(size) for size in layer.spatial_shape)
    if layer.positions == "tokens":
        return f"{sides} picture tokens" + (f" and {apart}" if (apart := _tokens_apart(layer)) else "")
    return sides or "no space"


def where_words(layer: Layer) -> str:
    """Say where the units lie in the layer's output; empty where it is dimension 1, the usual case."""
    if layer.unit_dimension == 1:
        return ""
    last = "the channels of its output's last dimension"
    return f"{last}, each silenced on every token" if layer.positions == "tokens" else last


def apart_words(layer: Layer, unit: int) -> str:
    """Describe one unit's activation on the tokens apart from the picture; empty where there are none."""
    values = layer.other_tokens(unit)
    if values is None:
        return ""
    one = values.shape[1] == 1
    said = [
        f"{'it is' if one else f'token {token} is'} at {significant(float(of.mean()))} on average, "
        f"{significant(float(of.min()))} to {significant(float(of.max()))} over the images"
        for token, of in enumerate(values.T, 1)
    ]
    which = "token" if one else "tokens"
    apart = f"On the {which} apart from the picture, class or register {which}: {'; '.join(said)}."
    return f"{apart} Silencing covers {'it' if one else 'them'} too."


def _tokens_apart(layer: Layer) -> str:
    n = layer.n_other_tokens
    return f"{count(n, 'token')} apart from them" if n else ""
