"""Accuracy and loss of every class's own images under many ablations, added up over shards of images."""

import numpy as np

from precompute.stages.ablation import Effect
from precompute.stages.activations import log_softmax


class ClassCounts:
    """Right answers and log-probabilities, for no ablation (row 0) and each of some ablations (rows 1 and up).

    Parameters
    ----------
    n_ablations
        How many ablations. Which they are may differ from class to class.
    n_classes
        How many classes.

    Attributes
    ----------
    count
        (class,) images.
    right
        (ablation, class) images of the class that are given its output.
    log_prob
        (ablation, class) sum of the log-probabilities of its output over them.
    """

    def __init__(self, n_ablations: int, n_classes: int) -> None:
        self.count = np.zeros(n_classes, dtype=np.int64)
        self.right = np.zeros((n_ablations + 1, n_classes), dtype=np.int64)
        self.log_prob = np.zeros((n_ablations + 1, n_classes))

    def add(self, effect: Effect, *, label: np.ndarray, logits: np.ndarray, target: np.ndarray) -> None:
        """Add some images.

        Parameters
        ----------
        effect
            What every ablation changes for them.
        label
            (image,) their classes.
        logits
            (image, output) what the network says of them with nothing ablated.
        target
            (image,) the output that is right.
        """
        image = np.arange(len(label))
        prediction = np.tile(logits.argmax(axis=1), (len(self.right), 1))
        prediction[effect.flip_unit + 1, effect.flip_image] = effect.flip_prediction
        log_prob = np.tile(log_softmax(logits)[image, target], (len(self.right), 1))
        log_prob[1:] += effect.log_prob_change
        for c in np.unique(label):
            of_class = label == c
            self.count[c] += of_class.sum()
            self.right[:, c] += (prediction == target)[:, of_class].sum(axis=1)
            self.log_prob[:, c] += log_prob[:, of_class].sum(axis=1)

    def accuracy(self) -> np.ndarray:
        """Return the share of each class's images that are right, (ablation, class); NaN for a class without images."""
        return self.right / np.where(self.count, self.count, np.nan)

    def loss(self) -> np.ndarray:
        """Return the mean negative log-probability of the right output in nats, (ablation, class); NaN likewise."""
        return -self.log_prob / np.where(self.count, self.count, np.nan) + 0.0
