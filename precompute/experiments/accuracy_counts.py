"""Count the images of every class that are right, lost and gained under many ablations, shard after shard."""

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
        Number of ablations.
    output_index
        (class,): the network output of each class.

    Attributes
    ----------
    count
        (class,): images of the class.
    correct
        (class,): images of the class that the network gets right with nothing ablated.
    lost, gained
        (ablation, class): images of the class that are right without the ablation and wrong under it; and the reverse.
    flipped
        (ablation,): images whose prediction changes, right or wrong.
    predicted
        (1 + ablation, class): images of any class that are predicted to be of this class; row 0 with nothing ablated.
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
            What every ablation changes on these images.
        label
            (image,): the class of each image.
        prediction
            (image,): the network's top-1 output with nothing ablated.
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
        """Images of each class that are right, (1 + ablation, class); row 0 with nothing ablated."""
        return self.correct + np.concatenate([np.zeros_like(self.predicted[:1]), self.gained - self.lost])

    def paired(self) -> PairedCounts:
        """Return the counts that paired statistics are computed from."""
        return PairedCounts(self.lost, self.gained, self.count)

    def accuracy(self) -> np.ndarray:
        """Return the share of all images that are right, (1 + ablation,); row 0 with nothing ablated."""
        return self.right.sum(axis=1) / self.count.sum()

    def agreement(self) -> np.ndarray:
        """Return the share of all images whose prediction stays the same, (1 + ablation,); 1 in row 0."""
        return 1 - np.append(0, self.flipped) / self.count.sum()

    def class_accuracy(self) -> np.ndarray:
        """Return the share of each class's images that are right, (1 + ablation, class); NaN without images."""
        return self.right / np.where(self.count, self.count, np.nan)

    def class_balanced(self) -> np.ndarray:
        """Return the balanced accuracy of each class against the rest, (1 + ablation, class).

        NaN for a class without images, and for one that has all images.
        """
        return balanced_accuracy(self.right, self.predicted, self.count, int(self.count.sum()))

    def balanced(self) -> np.ndarray:
        """Return the mean over classes of their balanced accuracy, (1 + ablation,); NaN where no class has one."""
        each = self.class_balanced()
        n_defined = (~np.isnan(each)).sum(axis=1)
        return np.nansum(each, axis=1) / np.where(n_defined, n_defined, np.nan)

    def _count_predictions(self, predicted: np.ndarray, row: np.ndarray, output: np.ndarray, change: int) -> None:
        """Add `change` for each image at the class that is predicted; outputs that are not a class are not counted."""
        order = np.argsort(self.output_index)
        place = np.searchsorted(self.output_index, output, sorter=order)
        of_class = order[np.minimum(place, len(order) - 1)]
        known = self.output_index[of_class] == output
        np.add.at(predicted, (row[known], of_class[known]), change)
