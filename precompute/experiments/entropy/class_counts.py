"""Accuracy and loss of every class's own images under many ablations, added up over shards of images."""

import numpy as np

from precompute.experiments.accuracy_counts import AccuracyCounts
from precompute.stages.ablation import Effect
from precompute.stages.activations import log_softmax


class ClassCounts(AccuracyCounts):
    """Right answers and log-probabilities; which the ablations are may differ from class to class.

    Parameters
    ----------
    n_ablations
        How many ablations.
    output_index
        (class,) the network output that each class is.

    Attributes
    ----------
    log_prob
        (1 + ablation, class) sum of the log-probabilities of its output over the images of the class.
    """

    def __init__(self, n_ablations: int, output_index: np.ndarray) -> None:
        super().__init__(n_ablations, output_index)
        self.log_prob = np.zeros(self.predicted.shape)

    def add_with_log_prob(self, effect: Effect, *, label: np.ndarray, logits: np.ndarray) -> None:
        """Add some images.

        Parameters
        ----------
        effect
            What every ablation changes for them.
        label
            (image,) their classes.
        logits
            (image, output) what the network says of them with nothing ablated.
        """
        self.add(effect, label, logits.argmax(axis=1))
        right = log_softmax(logits)[np.arange(len(label)), self.output_index[label]]
        log_prob = np.tile(right, (len(self.log_prob), 1))
        log_prob[1:] += effect.log_prob_change
        for c in np.unique(label):
            self.log_prob[:, c] += log_prob[:, label == c].sum(axis=1)

    def loss(self) -> np.ndarray:
        """Return the mean negative log-probability of the right output in nats, (1 + ablation, class).

        NaN for a class without images.
        """
        return -self.log_prob / np.where(self.count, self.count, np.nan) + 0.0
