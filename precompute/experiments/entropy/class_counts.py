"""Accuracy and loss of every class's own images under many ablations, counted shard after shard."""

import numpy as np

from precompute.experiments.accuracy_counts import AccuracyCounts
from precompute.stages.ablation import Effect
from precompute.stages.activations import log_softmax


class ClassCounts(AccuracyCounts):
    """Counts of right answers and sums of log-probabilities. A row may stand for another ablation in each class.

    Parameters
    ----------
    n_ablations
        Number of ablations.
    output_index
        (class,): the network output of each class.

    Attributes
    ----------
    log_prob
        (1 + ablation, class): over the images of the class, the sum of the log-probabilities of its output.
    """

    def __init__(self, n_ablations: int, output_index: np.ndarray) -> None:
        super().__init__(n_ablations, output_index)
        self.log_prob = np.zeros(self.predicted.shape)

    def add_with_log_prob(self, effect: Effect, *, label: np.ndarray, logits: np.ndarray) -> None:
        """Add some images.

        Parameters
        ----------
        effect
            What every ablation changes on these images.
        label
            (image,): the class of each image.
        logits
            (image, output): the network's outputs with nothing ablated.
        """
        self.add(effect, label, logits.argmax(axis=1))
        right = log_softmax(logits)[np.arange(len(label)), self.output_index[label]]
        log_prob = np.tile(right, (len(self.log_prob), 1))
        log_prob[1:] += effect.log_prob_change
        for c in np.unique(label):
            self.log_prob[:, c] += log_prob[:, label == c].sum(axis=1)

    def loss(self) -> np.ndarray:
        """Return the mean negative log-probability of the right output, in nats, (1 + ablation, class).

        NaN for a class without images.
        """
        return -self.log_prob / np.where(self.count, self.count, np.nan) + 0.0
