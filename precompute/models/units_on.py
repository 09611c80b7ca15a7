"""The option ``--units-on``, by which a user says where the units of layers lie."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from precompute.errors import OptionError

_DIMENSIONS = {"1": 1, "last": -1}
_WORD = re.compile(r"(1|last)(?::([1-9]\d*)x([1-9]\d*))?")


@dataclass(frozen=True)
class Said:
    """Where the units of a layer lie.

    Parameters
    ----------
    dimension
        The dimension of the units: 1, or -1 for the last.
    grid
        For a layer of tokens: height and width of the picture's tokens, which are the last tokens, row by row.
        Otherwise empty.
    """

    dimension: int
    grid: tuple[int, ...] = ()


@dataclass(frozen=True)
class UnitsOn:
    """All values of ``--units-on``.

    Parameters
    ----------
    everywhere
        For every layer that does not show where its units lie; None where no value is for all layers.
    layers
        For single layers, by their names.
    """

    everywhere: Said | None = None
    layers: Mapping[str, Said] = field(default_factory=dict)

    @classmethod
    def read(cls, texts: Sequence[str]) -> "UnitsOn":
        """Read the values of ``--units-on``: ``1``, ``last`` or ``last:14x14``, or one of them for a layer.

        Raises
        ------
        OptionError
            Where a value is none of these.
        """
        everywhere, layers = None, {}
        for text in texts:
            layer, _, word = text.rpartition("=")
            found = _WORD.fullmatch(word)
            if found is None:
                raise OptionError(
                    f"--units-on {text}: expected 1, last, or for tokens last:14x14 or 1:14x14 (height and width of "
                    "the picture's tokens), or a layer and one of these, as in features.7=last."
                )
            said = Said(_DIMENSIONS[found[1]], tuple(int(side) for side in found.groups()[1:] if side))
            if layer:
                layers[layer] = said
            else:
                everywhere = said
        return cls(everywhere, layers)

    def of(self, layer: str) -> Said | None:
        """Return what counts for a layer that does not show where its units lie; None where nothing was said."""
        return self.layers.get(layer, self.everywhere)


NOBODY_SAYS = UnitsOn()
