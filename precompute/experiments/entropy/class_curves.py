"""Accuracy and loss of every class as units are removed in an order of its own, backwards too, and at random.

A class's own orders are tried on its own images alone, so that they cost as much as one order does on all images.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from precompute.ablation.ablations import Ablater, Ablation
from precompute.experiments.ablation_orders import N_RANDOM, without
from precompute.experiments.entropy.class_counts import ClassCounts
from precompute.experiments.protocol import Advance, Arrays
from precompute.experiments.restored_run import RestoredRun
from precompute.measures.curves import steepest_fall, steps_to_half, window_steps
from precompute.models.outputs import has_log_prob
from precompute.stages.ablation import sweep
from precompute.store.answers import answers
from precompute.store.reader import Store

RANKINGS = ("lowest", "highest", *["random"] * N_RANDOM)
"""The orders of every class: its own, its own backwards, and random ones that all classes share."""


@dataclass(frozen=True, eq=False)
class Removal:
    """What is removed from one layer.

    Parameters
    ----------
    ablater
        What runs the network without some of its units.
    n_removed
        (step,) how many units are removed, from 0 to all.
    order
        (class, unit): every class's own order.
    at_random
        (draw, unit): random orders, `N_RANDOM` of them.
    """

    ablater: Ablater
    n_removed: np.ndarray
    order: np.ndarray
    at_random: np.ndarray

    def own(self, c: int) -> list[Ablation]:
        """List a class's own sets of units: step by step, from both ends of its order; not none, not all."""
        return self._sets([self.order[c], self.order[c][::-1]])

    def shared(self) -> list[Ablation]:
        """List the sets of units that all classes share: step by step, those at random; last all units."""
        return [*self._sets(self.at_random), without(self.at_random[0])]

    def _sets(self, orders: Sequence[np.ndarray] | np.ndarray) -> list[Ablation]:
        return [without(units[:n]) for n in self.n_removed[1:-1] for units in orders]


@dataclass(frozen=True, eq=False)
class _Images:
    """Some images, what the network says of them, and what it should: image first in each."""

    inputs: Tensor
    logits: np.ndarray
    label: np.ndarray
    target: np.ndarray

    def of(self, c: int) -> "_Images":
        rows = np.flatnonzero(self.label == c)
        return _Images(self.inputs[rows], self.logits[rows], self.label[rows], self.target[rows])

    def remove(self, ablater: Ablater, ablations: list[Ablation], counts: ClassCounts, advance: Advance) -> None:
        if ablations:
            effect = sweep(ablater, self.inputs, ablations, baseline=self.logits, target=self.target, advance=advance)
            counts.add_with_log_prob(effect, label=self.label, logits=self.logits)


def n_sets(n_steps: int) -> int:
    """Return from how many sets of units every image is looked at."""
    return len(RANKINGS) * (n_steps - 2) + 1


def class_curves(
    restored: RestoredRun, removals: Sequence[Removal], store: Store, where: np.ndarray, *, advance: Advance
) -> list[Arrays]:
    """Remove units of some layers, and follow accuracy and loss.

    Parameters
    ----------
    restored
        The network and its images.
    removals
        The layers.
    store
        Says what is right for every image.
    where
        (image,) positions of the images to measure on.
    advance
        Told how many sets of units have been removed from an image.

    Returns
    -------
    list of dict
        The curves of each layer and what is read off them, as the store holds them.
    """
    before, output_index = answers(store), np.asarray(store.classes.output_index)
    own = [ClassCounts(len(removal.own(0)), output_index) for removal in removals]
    shared = [ClassCounts(len(removal.shared()), output_index) for removal in removals]
    for shard, inputs, logits in restored.read(where):
        images = _Images(inputs, logits, before.label[shard], before.target[shard])
        for removal, of_class, of_all in zip(removals, own, shared, strict=True):
            images.remove(removal.ablater, removal.shared(), of_all, advance)
            for c in np.unique(images.label):
                images.of(c).remove(removal.ablater, removal.own(c), of_class, advance)
    found = [_read_off(*each) for each in zip(removals, own, shared, strict=True)]
    if not has_log_prob(restored.log_prob):
        found = [curves | {"loss": np.full_like(curves["loss"], np.nan)} for curves in found]
    return found


def _read_off(removal: Removal, own: ClassCounts, shared: ClassCounts) -> Arrays:
    accuracy = _orders_first(own.class_accuracy(), shared.class_accuracy())
    return {
        "ranking": np.array(RANKINGS),
        "unit": removal.order,
        "n_removed": removal.n_removed,
        "accuracy": accuracy,
        "loss": _orders_first(own.loss(), shared.loss()),
        **_transition(accuracy, removal.n_removed),
    }


def _orders_first(own: np.ndarray, shared: np.ndarray) -> np.ndarray:
    """Put rows of the two tallies, (ablation, class), in their places: (order, step, class)."""
    n_classes = own.shape[1]
    both = own[1:].reshape(-1, len(RANKINGS) - N_RANDOM, n_classes)
    drawn = shared[1:-1].reshape(-1, N_RANDOM, n_classes)
    ends = np.broadcast_to(shared[[0, -1], None], (2, len(RANKINGS), n_classes))
    between = np.concatenate([both, drawn], axis=1)
    return np.concatenate([ends[:1], between, ends[1:]]).swapaxes(0, 1)


def _transition(accuracy: np.ndarray, n_removed: np.ndarray) -> Arrays:
    """Read off every curve where half of the accuracy is gone, and where it falls most steeply."""
    curve = np.moveaxis(accuracy, 1, -1)
    at = steps_to_half(curve)
    fall, start = steepest_fall(curve)
    return {
        "half_at": np.where(np.isnan(at), np.nan, n_removed[np.nan_to_num(at).astype(np.int64)]),
        "fall": fall,
        "fall_from": n_removed[start],
        "fall_to": n_removed[start + window_steps(len(n_removed) - 1)],
    }
