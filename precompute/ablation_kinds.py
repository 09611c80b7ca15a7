"""The ways to silence a unit: one row each. A row added here is an option of a run and a kind in stores and pages."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class AblationKind:
    """One way to silence a unit.

    Parameters
    ----------
    name : str
        Its name on the command line and in stores.
    words : str
        What happens to the unit, for readers: "the unit is ..." goes before it.
    value : callable
        What units are set to, given their means over images and space, (unit,), or (unit, 1 + token) in layers with
        tokens apart from the picture.
    needs_means : bool
        Whether it depends on these means; otherwise they are given as zeros, and a run does not look for them.
    """

    name: str
    words: str
    value: Callable[[Floats], Floats]
    needs_means: bool = True

    def values(self, n_units: int, means: Floats | None) -> Floats:
        """Return what each unit of a layer is set to, given their means where it needs them."""
        return self.value(means if self.needs_means and means is not None else np.zeros(n_units))


KINDS: tuple[AblationKind, ...] = (
    AblationKind("zero", "set to zero", np.zeros_like, needs_means=False),
    AblationKind("mean", "set to its mean", lambda means: means),
)
"""The first is the usual one: its measures have names without a suffix."""


def names() -> tuple[str, ...]:
    """Return the names of all kinds."""
    return tuple(kind.name for kind in KINDS)


def kind_of(name: str) -> AblationKind:
    """Return a kind by its name.

    Raises
    ------
    KeyError
        Where there is none of that name.
    """
    return {kind.name: kind for kind in KINDS}[name]
