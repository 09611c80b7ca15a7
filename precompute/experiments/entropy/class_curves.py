"""Accuracy and loss of every class as units are removed in the class's own order, in its reverse, and at random.

The order of a class is tried on the images of that class alone. So the orders of all classes together cost as much as
one order on all images.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from precompute.ablation.ablations import Ablater, Ablation
from precompute.experiments.ablation_orders import N_RANDOM, without
from precompute.experiments.entropy.class_counts import ClassCounts
from precompute.experiments.protocol import Advance, Arrays
from precompute.experiments.sweeps import Ablated, Seen, Sweeps, SweptNetwork, effect_arrays
from precompute.measures.curves import steepest_fall, steps_to_half, window_steps
from precompute.models.outputs import has_log_prob
from precompute.progress import Stage
from precompute.stages.ablation import Effect, sweep
from precompute.store.answers import answers
from precompute.store.reader import Store

RANKINGS = ("lowest", "highest", *["random"] * N_RANDOM)
"""The orders of every class: its own, the reverse, and random orders that all classes share."""


@dataclass(frozen=True, eq=False)
class ClassOrders:
    """What is removed from one layer; it can be pickled.

    Parameters
    ----------
    n_removed
        (step,): how many units are removed, from 0 to all.
    order
        (class, unit): the order of every class.
    at_random
        (draw, unit): `N_RANDOM` random orders.
    """

    n_removed: np.ndarray
    order: np.ndarray
    at_random: np.ndarray

    def own(self, c: int) -> list[Ablation]:
        """List the ablations of class c, from both ends of its order, step by step, without the first and last step."""
        return self._sets([self.order[c], self.order[c][::-1]])

    def shared(self) -> list[Ablation]:
        """List the ablations that all classes share: the random orders, step by step; and last, all units."""
        return [*self._sets(self.at_random), without(self.at_random[0])]

    def _sets(self, orders: Sequence[np.ndarray] | np.ndarray) -> list[Ablation]:
        return [without(units[:n]) for n in self.n_removed[1:-1] for units in orders]


@dataclass(frozen=True, eq=False)
class _RemoveAll:
    """Work that sweeps a piece of the images: the shared ablations on all of them, each class's own on its images.

    Parameters
    ----------
    removals
        What is removed, by the layer's name.
    label, target
        (image,): the class of each of the store's images, and its right output.
    """

    removals: Mapping[str, ClassOrders]
    label: np.ndarray
    target: np.ndarray

    def __call__(self, network: SweptNetwork, seen: Seen, advance: Advance) -> Arrays:
        found: Arrays = {"where": seen.where, "logits": seen.logits}
        for layer, removal in self.removals.items():
            remove = partial(self._effect, network.ablaters[layer], seen, advance=advance)
            every = np.arange(len(seen.where))
            found |= effect_arrays(_SHARED.format(layer), remove(every, removal.shared()))
            label = self.label[seen.where]
            rows = {int(c): np.flatnonzero(label == c) for c in np.unique(label)}
            own = [remove(of_class, removal.own(c)) for c, of_class in rows.items()]
            found |= effect_arrays(_OWN.format(layer), _together(own, list(rows.values())))
        return found

    def _effect(
        self, ablater: Ablater, seen: Seen, rows: np.ndarray, ablations: list[Ablation], *, advance: Advance
    ) -> Effect:
        """Return the effect of some ablations on some of the images; the effect numbers these images from 0."""
        if not ablations:
            nothing = np.empty(0, dtype=np.int32)
            return Effect(nothing, nothing, nothing, np.empty((0, len(rows)), dtype=np.float16))
        inputs, logits, target = seen.inputs[rows], seen.logits[rows], self.target[seen.where[rows]]
        return sweep(ablater, inputs, ablations, baseline=logits, target=target, advance=advance)


_SHARED, _OWN = "{}/shared", "{}/own"


def _together(effects: Sequence[Effect], rows: Sequence[np.ndarray]) -> Effect:
    """Join the effects on several groups of images, given the positions of the images of each group."""
    change = np.zeros((len(effects[0].log_prob_change), sum(map(len, rows))), dtype=np.float16)
    for effect, where in zip(effects, rows, strict=True):
        change[:, where] = effect.log_prob_change
    unit = np.concatenate([effect.flip_unit for effect in effects])
    image = np.concatenate([where[effect.flip_image] for effect, where in zip(effects, rows, strict=True)])
    new = np.concatenate([effect.flip_prediction for effect in effects])
    order = np.lexsort((image, unit))
    return Effect(unit[order], image[order].astype(np.int32), new[order], change)


def n_sets(n_steps: int) -> int:
    """Return the number of sets of units that are ablated on every image, given the number of steps."""
    return len(RANKINGS) * (n_steps - 2) + 1


def class_curves(
    sweeps: Sweeps, removals: Mapping[str, ClassOrders], store: Store, where: np.ndarray, stage: Stage
) -> dict[str, Arrays]:
    """Remove units of some layers, and measure accuracy and loss.

    Parameters
    ----------
    sweeps
        Goes over the images.
    removals
        What is removed, by the layer's name.
    store
        Holds the class and the right output of every image.
    where
        (image,): positions of the images to measure on.
    stage
        Called with the number of ablated images done.

    Returns
    -------
    dict of dict
        For each layer, the curves and what is read off them, in the datasets of the store.
    """
    before, output_index = answers(store), np.asarray(store.classes.output_index)
    own = {layer: ClassCounts(len(removal.own(0)), output_index) for layer, removal in removals.items()}
    shared = {layer: ClassCounts(len(removal.shared()), output_index) for layer, removal in removals.items()}
    for found in sweeps.over(where, _RemoveAll(removals, before.label, before.target), stage):
        piece = Ablated.of(found)
        label = before.label[piece.where]
        for layer in removals:
            for counts, name in ((shared[layer], _SHARED), (own[layer], _OWN)):
                counts.add_with_log_prob(piece.effects[name.format(layer)], label=label, logits=piece.logits)
    curves = {layer: _read_off(removal, own[layer], shared[layer]) for layer, removal in removals.items()}
    if not has_log_prob(store.baseline.log_prob_of):
        curves = {layer: each | {"loss": np.full_like(each["loss"], np.nan)} for layer, each in curves.items()}
    return curves


def _read_off(removal: ClassOrders, own: ClassCounts, shared: ClassCounts) -> Arrays:
    accuracy = _by_order(own.class_accuracy(), shared.class_accuracy())
    return {
        "ranking": np.array(RANKINGS),
        "unit": removal.order,
        "n_removed": removal.n_removed,
        "accuracy": accuracy,
        "loss": _by_order(own.loss(), shared.loss()),
        **_transition(accuracy, removal.n_removed),
    }


def _by_order(own: np.ndarray, shared: np.ndarray) -> np.ndarray:
    """Put the rows of both counts, (1 + ablation, class), in their places: (order, step, class)."""
    n_classes = own.shape[1]
    both = own[1:].reshape(-1, len(RANKINGS) - N_RANDOM, n_classes)
    drawn = shared[1:-1].reshape(-1, N_RANDOM, n_classes)
    ends = np.broadcast_to(shared[[0, -1], None], (2, len(RANKINGS), n_classes))
    between = np.concatenate([both, drawn], axis=1)
    return np.concatenate([ends[:1], between, ends[1:]]).swapaxes(0, 1)


def _transition(accuracy: np.ndarray, n_removed: np.ndarray) -> Arrays:
    """Return where half of each curve's accuracy is gone, and where it falls most steeply."""
    curve = np.moveaxis(accuracy, 1, -1)
    at = steps_to_half(curve)
    fall, start = steepest_fall(curve)
    return {
        "half_at": np.where(np.isnan(at), np.nan, n_removed[np.nan_to_num(at).astype(np.int64)]),
        "fall": fall,
        "fall_from": n_removed[start],
        "fall_to": n_removed[start + window_steps(len(n_removed) - 1)],
    }
