"""Rank units for each class by itself, and count what the class loses as units are removed in that order."""

from dataclasses import dataclass, replace

import numpy as np

from precompute.ablation.ablations import Ablation
from precompute.errors import OptionError
from precompute.experiments.ablation_orders import without
from precompute.experiments.accuracy_counts import AccuracyCounts
from precompute.experiments.log_prob_losses import log_prob_losses
from precompute.experiments.protocol import Arrays
from precompute.measures.balanced import balanced_accuracy
from precompute.measures.drops import Answers
from precompute.measures.paired import right_changes
from precompute.stages.ablation import Effect
from precompute.store.answers import answers
from precompute.store.layer import Layer
from precompute.store.reader import Store

# The numbers of units that the published figures remove, or leave, and those of the published table.
_PUBLISHED = (1, 2, 3, 4, 5, 20, 64, 128, 256)
_TABLE = (4, 20)


@dataclass(frozen=True, eq=False)
class ClassRanking:
    """Orders of a layer's units for some classes.

    Parameters
    ----------
    classes
        (ranked class,): the classes.
    score
        (ranked class, unit): the score that ranks the units.
    order
        (ranked class, unit): the units, highest score first.
    n_removed
        (step,): how many units are removed, from 0 to all; the same steps serve both ends of the order.
    """

    classes: np.ndarray
    score: np.ndarray
    order: np.ndarray
    n_removed: np.ndarray

    @property
    def n_sets(self) -> int:
        """Number of sets of units to ablate."""
        return 2 * len(self.classes) * (len(self.n_removed) - 1)

    def ablations(self) -> list[Ablation]:
        """List the ablations class by class: first from the most important unit on, then from the least."""
        ends = [end for order in self.order for end in (order, order[::-1])]
        return [without(end[:n]) for end in ends for n in self.n_removed[1:]]

    def own(self) -> np.ndarray:
        """Return the class of each ablation, (ablation,)."""
        return np.repeat(self.classes, 2 * (len(self.n_removed) - 1))

    def at_fewer_steps(self) -> "ClassRanking":
        """Return the same ranking with the steps of the published table alone."""
        n_units = self.order.shape[1]
        return replace(self, n_removed=_steps(n_units, (*_TABLE, n_units - _TABLE[-1])))


def rank_for_classes(store: Store, layer: Layer, half: np.ndarray, asked: tuple[str, ...] | None) -> ClassRanking:
    """Rank units for each class by how much balanced accuracy the class loses without each unit alone.

    Parameters
    ----------
    store
        The store.
    layer
        One of its layers.
    half
        (image,): 0 for images to rank the units on, 1 for images to measure on. Classes that lack either are left out.
    asked
        Classes by the names of their folders; they are measured at every number of units. Where None, all classes are
        ranked, and measured at fewer numbers.

    References
    ----------
    Bau et al. 2020, PNAS (arXiv:2009.05041).
    """
    before, kind = answers(store), layer.ablations[0]
    balanced = _balanced_without(store, layer, half == 0)
    loss = log_prob_losses(layer, kind, before, half == 0)
    in_both = np.intersect1d(before.label[half == 0], before.label[half == 1])
    classes = np.array([c for c in _asked(store, asked) if c in in_both], dtype=np.int64)
    score = (balanced[:1] - balanced[1:])[:, classes].T
    # By score, then by loss, then by index.
    order = np.lexsort((np.broadcast_to(np.arange(layer.n_units), score.shape), -loss[:, classes].T, -score), axis=1)
    n_units = layer.n_units
    some = (*_PUBLISHED, *(n_units - n for n in _PUBLISHED), *(n_units * k // 8 for k in range(8)))
    return ClassRanking(classes, score, order, _steps(n_units, some if asked is None else range(n_units)))


def _steps(n_units: int, wanted: range | tuple[int, ...]) -> np.ndarray:
    return np.unique([0, *(n for n in wanted if 0 < n < n_units), n_units])


def _asked(store: Store, asked: tuple[str, ...] | None) -> list[int]:
    names = list(store.classes.name)
    if asked is None:
        return list(range(len(names)))
    unknown = [name for name in asked if name not in names]
    if unknown:
        raise OptionError(
            f"--class {unknown[0]}: the store has no class of that name. Give the name of a class folder, such as "
            f"{', '.join(names[:3])}."
        )
    return sorted({names.index(name) for name in asked})


def _balanced_without(store: Store, layer: Layer, images: np.ndarray) -> np.ndarray:
    """Return balanced accuracies on some images, (1 + unit, class): with nothing ablated, then without each unit."""
    before, flips = answers(store), layer.flip_table(layer.ablations[0])
    counts = AccuracyCounts(layer.n_units, np.asarray(store.classes.output_index))
    kept = images[flips.image]
    place = np.cumsum(images) - 1  # the place of an image among those that are kept
    effect = Effect(flips.unit[kept], place[flips.image[kept]], flips.prediction[kept], np.empty((layer.n_units, 0)))
    counts.add(effect, before.label[images], before.prediction[images])
    return counts.class_balanced()


class RankedClassCounts:
    """Counts of right answers, of all classes and of one class for each ablation, added up over shards of images.

    Each ablation belongs to one class, and only the counts of that class are needed. `AccuracyCounts` would hold those
    of all classes: with 1,000 classes there are tens of thousands of ablations, so tens of millions of counts.

    Parameters
    ----------
    own
        (ablation,): the class of each ablation.
    output_index
        (class,): the network output of each class.
    """

    def __init__(self, own: np.ndarray, output_index: np.ndarray) -> None:
        self.own = own
        self.unablated = AccuracyCounts(0, output_index)
        self.right, self.own_right, self.own_predicted = (np.zeros(len(own)) for _ in range(3))

    def add(self, effect: Effect, label: np.ndarray, prediction: np.ndarray) -> None:
        """Add some images; see `precompute.experiments.accuracy_counts.AccuracyCounts.add`."""
        nothing = np.empty(0, dtype=np.int32)
        self.unablated.add(Effect(nothing, nothing, nothing, np.empty((0, 0))), label, prediction)
        row, image = effect.flip_unit, effect.flip_image
        own, output_index = self.own[row], self.unablated.output_index
        now, was = effect.flip_prediction, prediction[image]
        before = Answers(prediction, output_index[label], label, len(output_index))
        lost, gained = right_changes(image, now, before)
        right = gained * 1.0 - lost
        predicted = (now == output_index[own]) * 1.0 - (was == output_index[own])
        for total, change in (
            (self.right, right),
            (self.own_right, right * (label[image] == own)),
            (self.own_predicted, predicted),
        ):
            total += np.bincount(row, weights=change, minlength=len(total))

    def curves(self, ranking: ClassRanking) -> Arrays:
        """Return the curves, (ranked class, end, step) each, from no unit removed to all units removed."""
        count, right, predicted = self.unablated.count, self.unablated.right[0], self.unablated.predicted[0]

        def along(before: np.ndarray, change: np.ndarray) -> np.ndarray:
            steps = change.reshape(len(ranking.classes), 2, len(ranking.n_removed) - 1)
            begin = np.broadcast_to(before.reshape(-1, 1, 1), (*steps.shape[:2], 1))
            return np.concatenate([begin, begin + steps], axis=2)

        own = ranking.classes
        all_right = along(np.full(len(own), right.sum()), self.right)
        own_right, own_predicted = along(right[own], self.own_right), along(predicted[own], self.own_predicted)
        own_count, n_images = count[own].reshape(-1, 1, 1), int(count.sum())
        return {
            "accuracy": all_right / n_images,
            "class_accuracy": own_right / own_count,
            "class_balanced": balanced_accuracy(own_right, own_predicted, own_count, n_images),
        }
