"""Passes of an experiment over images, cut in pieces, which this process computes or several workers share.

A piece is some images and what is to be done with them. It depends on no other piece, and the pieces are the same
whoever computes them; what they find comes back in their order. So sums over them are the same to the last bit.
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
"""Images of a piece where there are few, and the number of pieces from which on they grow up to `SHARD` images."""


@dataclass(frozen=True, eq=False)
class SweptNetwork:
    """A network with what sweeps some of its layers.

    Parameters
    ----------
    restored
        The network.
    sites
        By the layer's name, where it is.
    ablaters
        By the layer's name, what runs the network without some of its units.
    """

    restored: RestoredRun
    sites: Mapping[str, Site]
    ablaters: Mapping[str, Ablater]

    @classmethod
    def of(cls, restored: RestoredRun, layers: Sequence[Layer]) -> "SweptNetwork":
        """Make what sweeps some layers of a store."""
        sites = {layer.name: restored.site(layer) for layer in layers}
        return cls(restored, sites, {name: restored.ablater(site) for name, site in sites.items()})


@dataclass(frozen=True, eq=False)
class Seen:
    """The images of a piece.

    Parameters
    ----------
    where
        (image,) their positions in the list that the pass is about.
    inputs
        (image, channel, height, width).
    logits
        (image, output) what the network says of them.
    """

    where: np.ndarray
    inputs: Tensor
    logits: np.ndarray


class PieceWork(Protocol):
    """What is to be done with the images of a piece. It depends on nothing else, and it can be pickled."""

    def __call__(self, network: SweptNetwork, seen: Seen, advance: Advance) -> Arrays:
        """Do it, and say how many steps are done."""


class Sweeps:
    """Passes over images.

    Parameters
    ----------
    network
        What they are computed with in this process.
    pool
        Several workers that have the same network; None where this process computes by itself.
    n_devices
        How many different devices share the work.
    """

    def __init__(self, network: SweptNetwork, pool: WorkerPool | None = None, n_devices: int = 1) -> None:
        self._network, self._pool, self.n_devices = network, pool, n_devices

    def shared(self, seconds: Callable[[T], float]) -> Callable[[T], float]:
        """Return what estimates work here, given what estimates it for one device."""
        return lambda work: seconds(work) / self.n_devices

    def over(self, positions: np.ndarray, work: PieceWork, stage: Stage) -> Iterator[Arrays]:
        """Go over images of the store.

        Parameters
        ----------
        positions
            (image,) which.
        work
            What to do with a piece of them.
        stage
            Is told of the steps.

        Yields
        ------
        dict of str to array
            What `work` returned, piece by piece in the order of the images.

        Raises
        ------
        UnitscopeError
            Where an image cannot be read, the network does not say of one what the store says, or a piece fails.
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
            if found:  # none of its images could be read
                yield found


# Pieces


def _size(n_images: int) -> int:
    """Return how many images a piece has: not by who computes it, or the results would not be the same."""
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
    """Yield what comes in any order in that of its names."""
    held: dict[str, Arrays] = {}
    waiting = list(reversed(list(names)))
    for name, arrays in found:
        held[name] = arrays
        while waiting and waiting[-1] in held:
            yield held.pop(waiting.pop())


@dataclass(frozen=True, eq=False)
class PieceTask:
    """A piece as a worker computes it; it can be pickled.

    Parameters
    ----------
    work
        What to do with it.
    images
        Its images.
    where
        (image,) their positions in the list that the pass is about.
    prediction
        (image,) the store's top-1 outputs; None of images that the store does not hold.
    """

    work: PieceWork
    images: ImageList
    where: np.ndarray
    prediction: np.ndarray | None

    def __call__(self, network: SweptNetwork, advance: Advance) -> Arrays:
        """Read its images and do it; nothing comes of a piece without any image that can be read."""
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
    """What every ablation of some layers changes for the images of a piece.

    Parameters
    ----------
    where
        (image,) their positions.
    logits
        (image, output) with nothing ablated.
    effects
        By the names that `AblateAll` has for them.
    """

    where: np.ndarray
    logits: np.ndarray
    effects: Mapping[str, Effect]

    @classmethod
    def of(cls, found: Arrays) -> "Ablated":
        """Read off what `AblateAll` returned."""
        last = f"/{_PARTS[0]}"
        names = [path.removesuffix(last) for path in found if path.endswith(last)]
        effects = {name: Effect(*(found[f"{name}/{part}"] for part in _PARTS)) for name in names}
        return cls(found["where"], found["logits"], effects)


def effect_arrays(name: str, effect: Effect) -> Arrays:
    """Name the parts of an effect, for :meth:`Ablated.of`."""
    return {f"{name}/{part}": getattr(effect, part) for part in _PARTS}


_PARTS = ("flip_unit", "flip_image", "flip_prediction", "log_prob_change")
Listing = Callable[[], Sequence[Ablation]]
"""Lists ablations: a list of them can be long where what it is made of is small."""


@dataclass(frozen=True, eq=False)
class AblateAll:
    """Work that sweeps ablations of some layers over the images of a piece.

    Parameters
    ----------
    ablations
        By a name for their effects, the layer and what lists its ablations.
    target
        (image,) the outputs that are right, of the whole list that the pass is about.
    """

    ablations: Mapping[str, tuple[str, Listing]]
    target: np.ndarray

    @cached_property
    def _listed(self) -> dict[str, tuple[str, Sequence[Ablation]]]:
        return {name: (layer, listing()) for name, (layer, listing) in self.ablations.items()}

    def __call__(self, network: SweptNetwork, seen: Seen, advance: Advance) -> Arrays:
        """Sweep them all, and return what :meth:`Ablated.of` reads."""
        found: Arrays = {"where": seen.where, "logits": seen.logits}
        target = self.target[seen.where]
        for name, (layer, ablations) in self._listed.items():
            effect = sweep(
                network.ablaters[layer], seen.inputs, ablations, baseline=seen.logits, target=target, advance=advance
            )
            found |= effect_arrays(name, effect)
        return found
