"""Right answers of every class under many ablations, added up over shards of images."""

import numpy as np

from precompute.measures.balanced import balanced_accuracy
from precompute.stages.ablation import Effect


class AccuracyCounts:
    """Counts of images by class, for no ablation (row 0) and each of some ablations (rows 1 and up).

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
    right
        (ablation, class) images of the class that are given its output.
    named
        (ablation, class) images of any class that are given its output.
    flipped
        (ablation,) images that are given another output than with nothing ablated, right or wrong.
    """

    def __init__(self, n_ablations: int, output_index: np.ndarray) -> None:
        n_classes = len(output_index)
        self.output_index = output_index
        self.count = np.zeros(n_classes, dtype=np.int64)
        self.right = np.zeros((n_ablations + 1, n_classes), dtype=np.int64)
        self.named = np.zeros((n_ablations + 1, n_classes), dtype=np.int64)
        self.flipped = np.zeros(n_ablations + 1, dtype=np.int64)

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
        n_classes = len(self.count)
        self.count += np.bincount(label, minlength=n_classes)
        is_right = prediction == self.output_index[label]
        self.right += np.bincount(label[is_right], minlength=n_classes)
        row, image = effect.flip_unit + 1, effect.flip_image
        self.flipped += np.bincount(row, minlength=len(self.flipped))
        np.add.at(self.right, (row, label[image]), self._right(effect.flip_prediction, label[image]))
        np.add.at(self.right, (row, label[image]), -self._right(prediction[image], label[image]))
        unablated = np.zeros_like(self.named[:1])
        self._name(unablated, np.zeros_like(label), prediction, 1)
        self.named += unablated
        self._name(self.named, row, effect.flip_prediction, 1)
        self._name(self.named, row, prediction[image], -1)

    def accuracy(self) -> np.ndarray:
        """Return the share of all images that are right, (ablation,)."""
        return self.right.sum(axis=1) / self.count.sum()

    def agreement(self) -> np.ndarray:
        """Return the share of all images that are given the output that they are given with nothing ablated."""
        return 1 - self.flipped / self.count.sum()

    def class_accuracy(self) -> np.ndarray:
        """Return the share of each class's images that are right, (ablation, class); NaN for a class without images."""
        return self.right / np.where(self.count, self.count, np.nan)

    def class_balanced(self) -> np.ndarray:
        """Return each class's balanced accuracy against the rest, (ablation, class); NaN without images or others."""
        return balanced_accuracy(self.right, self.named, self.count, int(self.count.sum()))

    def balanced(self) -> np.ndarray:
        """Return the mean over classes of their balanced accuracy, (ablation,); NaN where none has one."""
        each = self.class_balanced()
        n_defined = (~np.isnan(each)).sum(axis=1)
        return np.nansum(each, axis=1) / np.where(n_defined, n_defined, np.nan)

    def _right(self, prediction: np.ndarray, label: np.ndarray) -> np.ndarray:
        return (prediction == self.output_index[label]).astype(np.int64)

    def _name(self, named: np.ndarray, row: np.ndarray, output: np.ndarray, change: int) -> None:
        """Count images under the class of the output that they are given, where it is one."""
        order = np.argsort(self.output_index)
        place = np.searchsorted(self.output_index, output, sorter=order)
        of_class = order[np.minimum(place, len(order) - 1)]
        known = self.output_index[of_class] == output
        np.add.at(named, (row[known], of_class[known]), change)
