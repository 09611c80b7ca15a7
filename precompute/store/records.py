"""Records: the frozen dataclasses of plain values that the reader returns."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from precompute.words import few_pairs

Floats = NDArray[np.floating[Any]]
Ints = NDArray[np.integer[Any]]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class ModelFacts:
    """The network of a store: how to load it again, its weights, its number of outputs, its input size."""

    spec: str
    weights: str
    n_outputs: int
    input_size: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Classes:
    """The classes (C): folder names, titles for readers, and the network output that each of them is.

    ``mapping`` says how outputs were assigned to the classes; it is empty where the store does not say this.
    """

    name: tuple[str, ...]
    title: tuple[str, ...]
    output_index: Ints
    mapping: str = ""

    def __len__(self) -> int:
        return len(self.name)

    def told_mapping(self) -> str:
        """Say how outputs were assigned to the classes, with the first few; empty where the store does not say it."""
        return f"{self.mapping}: {few_pairs(self.name, self.output_index)}" if self.mapping else ""

    @cached_property
    def of_output(self) -> dict[int, int]:
        """The class of every network output that stands for a class."""
        return {int(output): index for index, output in enumerate(self.output_index)}

    def title_of_output(self, output: int) -> str:
        """Return the title of the class that an output stands for, or the output's number where there is none."""
        label = self.of_output.get(int(output))
        return f"output {output}" if label is None else self.title[label]


@dataclass(frozen=True, eq=False)
class Images:
    """The images (N) in order, with their classes; the root of their folder; the files that were skipped.

    ``digest`` is the beginning of each file's SHA-256, (N,); None in stores made before runs kept it.
    """

    root: str
    list_hash: str
    path: tuple[str, ...]
    label: Ints
    digest: NDArray[np.uint64] | None
    skipped: tuple[tuple[str, str], ...]

    def __len__(self) -> int:
        return len(self.path)

    def per_class(self, n_classes: int) -> Ints:
        """Return the number of images of every class, (C,)."""
        return np.bincount(self.label, minlength=n_classes)


@dataclass(frozen=True, eq=False)
class Baseline:
    """The network's answers with nothing ablated: top-1 output (N,) and log-probability of the true class (N,).

    ``log_prob`` is None where the network's outputs allow none; ``log_prob_of`` then says why, in a clause that can
    follow "because". Otherwise ``log_prob_of`` says what the network's outputs are: ``logits`` or ``log of
    probabilities``.
    """

    prediction: Ints
    log_prob: Floats | None
    log_prob_of: str


@dataclass(frozen=True, eq=False)
class HighestOutputs:
    """The network's highest outputs for one image (top output,), the highest first, and their log-probabilities.

    ``log_prob`` is None where the network's outputs allow none.
    """

    output: Ints
    log_prob: Floats | None


@dataclass(frozen=True, eq=False)
class StrongestUnits:
    """The units of a layer that fire most on one image (top unit,), strongest first, and their maxima on it."""

    unit: Ints
    value: Floats


@dataclass(frozen=True, eq=False)
class Measure:
    """One number per unit (U,), NaN where undefined, with what a reader needs to understand it.

    ``experiment`` names the experiment that added the measure, and is empty where the run did. ``kind`` says what the
    measure is, such as ``quantity`` or ``drop``: see `precompute.measures.measure_row.Kind`.
    """

    name: str
    label: str
    formula: str
    source: str
    range: str
    better: str
    values: Floats
    experiment: str = ""
    kind: str = "quantity"

    @property
    def is_index(self) -> bool:
        """Whether its values are indices of classes or of concepts, and so no quantities."""
        return self.kind in ("class", "concept")


@dataclass(frozen=True, eq=False)
class Activation:
    """One unit's response to every image, (N,), or that of consecutive units, (units, N): maximum and mean over space.

    ``positive_mean`` is None in layers that never go below zero, where it would equal ``mean``.
    """

    max: Floats
    mean: Floats
    positive_mean: Floats | None

    def copy(self) -> "Activation":
        """Return the same in arrays of its own."""
        positive = self.positive_mean
        return Activation(self.max.copy(), self.mean.copy(), None if positive is None else positive.copy())

    @property
    def rate(self) -> Floats:
        """The mean of the unit's positive part, from which measures of class preference are computed."""
        return self.mean if self.positive_mean is None else self.positive_mean


@dataclass(frozen=True, eq=False)
class AblationEffect:
    """Effect of silencing each unit in turn: number of images still right (U, C), accuracy lost (U, C), a fraction."""

    correct: Ints
    drop: Floats


@dataclass(frozen=True, eq=False)
class Flips:
    """The images whose top-1 output changes without one unit (M,), and what it changes to (M,)."""

    image: Ints
    prediction: Ints


@dataclass(frozen=True, eq=False)
class Exemplars:
    """One unit's exemplars in rank order: images (k,), values (k,), maps (k, h, w), and how many images tied."""

    image: Ints
    value: Floats
    map: Floats
    tied: int


@dataclass(frozen=True)
class AttributionFacts:
    """One attribution method.

    Parameters
    ----------
    method
        Its name.
    left_out
        Why the method cannot be right for the layer; None where it can.
    n_exemplars
        How many of the top exemplars of a unit can have a map.
    of
        What is attributed, where it is not the unit's stored activation; otherwise empty.
    """

    method: str
    left_out: str | None
    n_exemplars: int
    of: str = ""


@dataclass(frozen=True, eq=False)
class AttributionMaps:
    """The maps of one method for one unit.

    Parameters
    ----------
    map
        (exemplar, row, column); NaN where the map was not computed.
    computed
        (exemplar,) bool: whether the map was computed.
    error
        (exemplar,): by how much the map's sum differs from the change of the activation, as a share of that change; NaN
        where it is not known.
    """

    map: Floats
    computed: Bools
    error: Floats
