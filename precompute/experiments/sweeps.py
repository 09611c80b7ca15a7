"""Passes of an experiment over images, cut into pieces that this process computes or several workers share.

A piece is some images and the work to do on them. It depends on no other piece. The pieces do not depend on who
computes them, and their results come back in order. So sums over the pieces are always the same to the last bit.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Protocol, TypeVar

import numpy as np
from torch import Tensor

from precompute.ablation.ablations import Ablater, Ablation
from precompute.experiments.restored_run import SHARD, Read, RestoredRun
from precompute.images.folder import ImageList
from precompute.models.device import exact_float32
from precompute.models.sites import Site
from precompute.progress import Stage
from precompute.stages.ablation import Effect, sweep
from precompute.store.layer import Layer
from precompute.workers.recipe import Advance, Arrays
from precompute.workers.worker_pool import WorkerPool

T = TypeVar("T")
FEWEST, PIECES = 64, 16
"""A piece has at least `FEWEST` images. Where that makes more than `PIECES` pieces, they grow up to `SHARD` images."""


@dataclass(frozen=True, eq=False)
class SweptNetwork:
    """A network and what sweeps some of its layers.

    Parameters
    ----------
    restored
        The network.
    sites
        By the layer's name, where it is in the network.
    ablaters
        By the layer's name, what runs the network without some of its units.
    """

    restored: RestoredRun
    sites: Mapping[str, Site]
    ablaters: Mapping[str, Ablater]

    @classmethod
    def of(cls, restored: RestoredRun, layers: Sequence[Layer]) -> "SweptNetwork":
        """Prepare the sweeps of some layers of a store."""
        sites = {layer.name: restored.site(layer) for layer in layers}
        ablaters = restored.ablaters(list(sites.values()))
        return cls(restored, sites, {name: ablaters[site] for name, site in sites.items()})


@dataclass(frozen=True, eq=False)
class Seen:
    """The images of a piece.

    Parameters
    ----------
    where
        (image,): their positions in the list that the pass goes over.
    inputs
        (image, channel, height, width): the network's inputs.
    logits
        (image, output): the network's outputs.
    """

    where: np.ndarray
    inputs: Tensor
    logits: np.ndarray


class PieceWork(Protocol):
    """The work to do on the images of a piece. It depends on nothing else, and can be pickled."""

    def __call__(self, network: SweptNetwork, seen: Seen, advance: Advance) -> Arrays:
        """Do the work; call `advance` with the number of steps done."""


class Sweeps:
    """Passes over images.

    Parameters
    ----------
    network
        The network in this process.
    pool
        Workers with the same network; None where this process computes alone.
    n_devices
        How many different devices share the work.
    """

    def __init__(self, network: SweptNetwork, pool: WorkerPool | None = None, n_devices: int = 1) -> None:
        self._network, self._pool, self.n_devices = network, pool, n_devices

    def shared(self, seconds: Callable[[T], float]) -> Callable[[T], float]:
        """Return a function that estimates the seconds here, given one that estimates them for one device."""
        return lambda work: seconds(work) / self.n_devices

    def over(self, positions: np.ndarray, work: PieceWork, stage: Stage) -> Iterator[Arrays]:
        """Go over images of the store.

        Parameters
        ----------
        positions
            (image,): the positions of the images.
        work
            The work to do on each piece.
        stage
            Counts the steps.

        Yields
        ------
        dict of str to array
            What `work` returns for each piece, in the order of the images.

        Raises
        ------
        UnitscopeError
            Where an image cannot be read, a prediction differs from the store's, or the work on a piece fails.
        """
        restored = self._network.restored
        if self._pool is not None:
            return self._spread(_cut(restored.images, positions, work, restored.prediction), self._pool, stage)
        return self._here(restored.read(positions, at_once=_size(len(positions))), work, stage)

    def over_others(self, images: ImageList, positions: np.ndarray, work: PieceWork, stage: Stage) -> Iterator[Arrays]:
        """Go over images that the store does not hold, as :meth:`over`; those that cannot be read are left out."""
        restored = self._network.restored
        if self._pool is not None:
            return self._spread(_cut(images, positions, work), self._pool, stage)
        return self._here(restored.read_others(images, positions, at_once=_size(len(positions))), work, stage)

    def _here(self, pieces: Iterator[Read], work: PieceWork, stage: Stage) -> Iterator[Arrays]:
        with exact_float32():
            for read in pieces:
                yield work(self._network, Seen(*read), stage.advance)

    def _spread(self, pieces: Mapping[str, "PieceTask"], pool: WorkerPool, stage: Stage) -> Iterator[Arrays]:
        for found in _in_order(pieces, pool.compute(pieces, pieces.__getitem__, stage)):
            if found:  # empty where none of the piece's images could be read
                yield found


# Pieces


def _size(n_images: int) -> int:
    """Return how many images a piece has; it depends on the number of images alone, so that results are the same."""
    return min(SHARD, max(FEWEST, -(-n_images // PIECES)))


def _cut(
    images: ImageList, positions: np.ndarray, work: PieceWork, prediction: np.ndarray | None = None
) -> dict[str, "PieceTask"]:
    """Return the pieces of a pass by their names."""
    n, size = len(positions), _size(len(positions))
    parts = {start: positions[start : start + size] for start in range(0, n, size)}
    return {
        f"the piece with images {start + 1} to {start + len(where)} of {n}": PieceTask(
            work, images.at(where).to_send(), where, None if prediction is None else prediction[where]
        )
        for start, where in parts.items()
    }


def _in_order(names: Iterable[str], found: Iterator[tuple[str, Arrays]]) -> Iterator[Arrays]:
    """Yield results in the order of the names, though they come in any order."""
    held: dict[str, Arrays] = {}
    waiting = list(reversed(list(names)))
    for name, arrays in found:
        held[name] = arrays
        while waiting and waiting[-1] in held:
            yield held.pop(waiting.pop())


@dataclass(frozen=True, eq=False)
class PieceTask:
    """A piece for a worker to compute; it can be pickled.

    Parameters
    ----------
    work
        The work to do.
    images
        The images of the piece.
    where
        (image,): their positions in the list that the pass goes over.
    prediction
        (image,): the store's top-1 outputs; None for images that the store does not hold.
    """

    work: PieceWork
    images: ImageList
    where: np.ndarray
    prediction: np.ndarray | None

    def __call__(self, network: SweptNetwork, advance: Advance) -> Arrays:
        """Read the images and do the work; return nothing where no image can be read."""
        for at, inputs, logits in self._read(network.restored):
            return self.work(network, Seen(self.where[at], inputs, logits), advance)
        return {}

    def _read(self, restored: RestoredRun) -> Iterator[Read]:
        every = range(len(self.images))
        if self.prediction is None:
            return restored.read_others(self.images, every)
        own = replace(self.images, load=restored.images.load)
        return replace(restored, images=own, prediction=self.prediction).read(every)


# Sweeps


@dataclass(frozen=True, eq=False)
class Ablated:
    """What every ablation of some layers changes on the images of a piece.

    Parameters
    ----------
    where
        (image,): the positions of the images.
    logits
        (image, output): the network's outputs with nothing ablated.
    effects
        The effects, by the names that `AblateAll` gives them.
    """

    where: np.ndarray
    logits: np.ndarray
    effects: Mapping[str, Effect]

    @classmethod
    def of(cls, found: Arrays) -> "Ablated":
        """Make it from the arrays that `AblateAll` returns."""
        last = f"/{_PARTS[0]}"
        names = [path.removesuffix(last) for path in found if path.endswith(last)]
        effects = {name: Effect(*(found[f"{name}/{part}"] for part in _PARTS)) for name in names}
        return cls(found["where"], found["logits"], effects)


def effect_arrays(name: str, effect: Effect) -> Arrays:
    """Return the parts of an effect by name, for :meth:`Ablated.of`."""
    return {f"{name}/{part}": getattr(effect, part) for part in _PARTS}


_PARTS = ("flip_unit", "flip_image", "flip_prediction", "log_prob_change")
Listing = Callable[[], Sequence[Ablation]]
"""Returns a list of ablations. It is sent to workers in place of the list, which may be much longer."""


@dataclass(frozen=True, eq=False)
class AblateAll:
    """Work that sweeps ablations of some layers over the images of a piece.

    Parameters
    ----------
    ablations
        By the name of the effect: the layer, and what lists its ablations.
    target
        (image,): the right output of each image of the list that the pass goes over.
    """

    ablations: Mapping[str, tuple[str, Listing]]
    target: np.ndarray

    @cached_property
    def _listed(self) -> dict[str, tuple[str, Sequence[Ablation]]]:
        return {name: (layer, listing()) for name, (layer, listing) in self.ablations.items()}

    def __call__(self, network: SweptNetwork, seen: Seen, advance: Advance) -> Arrays:
        """Sweep all ablations; return arrays for :meth:`Ablated.of`."""
        found: Arrays = {"where": seen.where, "logits": seen.logits}
        target = self.target[seen.where]
        for name, (layer, ablations) in self._listed.items():
            effect = sweep(
                network.ablaters[layer], seen.inputs, ablations, baseline=seen.logits, target=target, advance=advance
            )
            found |= effect_arrays(name, effect)
        return found
