"""Images of every class that are right, lost and gained under many ablations, added up over shards of images."""

import numpy as np

from precompute.measures.balanced import balanced_accuracy
from precompute.measures.drops import Answers
from precompute.measures.paired import FlipTable, PairedCounts, paired_counts
from precompute.stages.ablation import Effect


class AccuracyCounts:
    """Counts of images by class under some ablations.

    Parameters
    ----------
    n_ablations
        How many ablations.
    output_index
        (class,) the network output that each class is.

    Attributes
    ----------
    count
        (class,) images.
    correct
        (class,) images that are given its output with nothing ablated.
    lost, gained
        (ablation, class) images right with nothing ablated and wrong under the ablation, and the other way round.
    flipped
        (ablation,) images that are given another output than with nothing ablated, right or wrong.
    predicted
        (1 + ablation, class) images of any class that are given the class's output: with nothing ablated in row 0.
    """

    def __init__(self, n_ablations: int, output_index: np.ndarray) -> None:
        n_classes = len(output_index)
        self.output_index = output_index
        self.count = np.zeros(n_classes, dtype=np.int64)
        self.correct = np.zeros(n_classes, dtype=np.int64)
        self.lost = np.zeros((n_ablations, n_classes), dtype=np.int64)
        self.gained = np.zeros((n_ablations, n_classes), dtype=np.int64)
        self.flipped = np.zeros(n_ablations, dtype=np.int64)
        self.predicted = np.zeros((n_ablations + 1, n_classes), dtype=np.int64)

    def add(self, effect: Effect, label: np.ndarray, prediction: np.ndarray) -> None:
        """Add some images.

        Parameters
        ----------
        effect
            What every ablation changes for them.
        label
            (image,) their classes.
        prediction
            (image,) the network's top-1 outputs with nothing ablated.
        """
        before = Answers(prediction, self.output_index[label], label, len(self.count))
        flips = FlipTable(effect.flip_unit, effect.flip_image, effect.flip_prediction, len(self.flipped))
        found = paired_counts(flips, before)
        self.count += found.count
        self.correct += before.correct
        self.lost += found.lost
        self.gained += found.gained
        self.flipped += np.bincount(flips.unit, minlength=len(self.flipped))
        unablated = np.zeros_like(self.predicted[:1])
        self._count_predictions(unablated, np.zeros_like(label), prediction, 1)
        self.predicted += unablated
        self._count_predictions(self.predicted, flips.unit + 1, flips.prediction, 1)
        self._count_predictions(self.predicted, flips.unit + 1, prediction[flips.image], -1)

    @property
    def right(self) -> np.ndarray:
        """Images of each class that are given its output, (1 + ablation, class): with nothing ablated in row 0."""
        return self.correct + np.concatenate([np.zeros_like(self.predicted[:1]), self.gained - self.lost])

    def paired(self) -> PairedCounts:
        """Return what the paired statistics are computed from."""
        return PairedCounts(self.lost, self.gained, self.count)

    def accuracy(self) -> np.ndarray:
        """Return the share of all images that are right, (1 + ablation,)."""
        return self.right.sum(axis=1) / self.count.sum()

    def agreement(self) -> np.ndarray:
        """Return the share of all images that are given the same output as with nothing ablated, (1 + ablation,)."""
        return 1 - np.append(0, self.flipped) / self.count.sum()

    def class_accuracy(self) -> np.ndarray:
        """Return the share of each class's images that are right, (1 + ablation, class); NaN without images."""
        return self.right / np.where(self.count, self.count, np.nan)

    def class_balanced(self) -> np.ndarray:
        """Return the balanced accuracy of each class against the rest, (1 + ablation, class); NaN where it has none."""
        return balanced_accuracy(self.right, self.predicted, self.count, int(self.count.sum()))

    def balanced(self) -> np.ndarray:
        """Return the mean over classes of their balanced accuracy, (1 + ablation,); NaN where none has one."""
        each = self.class_balanced()
        n_defined = (~np.isnan(each)).sum(axis=1)
        return np.nansum(each, axis=1) / np.where(n_defined, n_defined, np.nan)

    def _count_predictions(self, predicted: np.ndarray, row: np.ndarray, output: np.ndarray, change: int) -> None:
        """Count images under the class of the output that they are given, where it is one."""
        order = np.argsort(self.output_index)
        place = np.searchsorted(self.output_index, output, sorter=order)
        of_class = order[np.minimum(place, len(order) - 1)]
        known = self.output_index[of_class] == output
        np.add.at(predicted, (row[known], of_class[known]), change)
