"""What a person says of where the units of layers lie: the option ``--units-on``."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from precompute.errors import OptionError

_WORDS = {"1": 1, "last": -1}


@dataclass(frozen=True)
class UnitsOn:
    """Dimensions that a person names, 1 or -1 for the last.

    Parameters
    ----------
    everywhere
        For layers that do not show where their units lie; None where nothing is said of all of them.
    layers
        For single layers, by their names.
    """

    everywhere: int | None = None
    layers: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def read(cls, texts: Sequence[str]) -> "UnitsOn":
        """Read the values of ``--units-on``: ``1``, ``last``, or one of them for a layer, as ``features.7=last``.

        Raises
        ------
        OptionError
            Where a value is none of these.
        """
        everywhere, layers = None, {}
        for text in texts:
            layer, _, word = text.rpartition("=")
            if word not in _WORDS:
                raise OptionError(
                    f"--units-on {text}: expected 1 or last, or a layer and one of them, as in features.7=last."
                )
            if layer:
                layers[layer] = _WORDS[word]
            else:
                everywhere = _WORDS[word]
        return cls(everywhere, layers)

    def of(self, layer: str) -> int | None:
        """Return what is said of a layer that does not show it."""
        return self.layers.get(layer, self.everywhere)


NOBODY_SAYS = UnitsOn()
