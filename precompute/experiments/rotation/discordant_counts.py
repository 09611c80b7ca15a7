"""Images lost and gained under many ablations, added up over shards, and what they say."""

import numpy as np

from precompute.experiments.protocol import Arrays
from precompute.measures.drops import Answers
from precompute.measures.maxdrop import MaxDropTest, max_drop_test, takes_part
from precompute.measures.paired import FlipTable, PairedCounts, paired_counts
from precompute.stages.ablation import Effect


class DiscordantCounts:
    """Counts of images that ablations turn from right to wrong and from wrong to right.

    Parameters
    ----------
    n_ablations, n_classes
        How many there are.

    Attributes
    ----------
    lost, gained
        (ablation, class) images right before and wrong after, and the other way round.
    flips
        (ablation,) images whose prediction changes.
    correct, count
        (class,) images right with nothing ablated, and images.
    """

    def __init__(self, n_ablations: int, n_classes: int) -> None:
        self.lost = np.zeros((n_ablations, n_classes), dtype=np.int64)
        self.gained = np.zeros((n_ablations, n_classes), dtype=np.int64)
        self.flips = np.zeros(n_ablations, dtype=np.int64)
        self.correct = np.zeros(n_classes, dtype=np.int64)
        self.count = np.zeros(n_classes, dtype=np.int64)

    def add(self, effect: Effect, before: Answers) -> None:
        """Add some images: what every ablation changes for them, and the answers that it changes."""
        flips = FlipTable(effect.flip_unit, effect.flip_image, effect.flip_prediction, len(self.flips))
        found = paired_counts(flips, before)
        self.lost += found.lost
        self.gained += found.gained
        self.flips += np.bincount(effect.flip_unit, minlength=len(self.flips))
        self.correct += before.correct
        self.count += before.count

    def test(self) -> MaxDropTest:
        """Hold the largest drop of every ablation to chance, over the classes that have something to lose."""
        return max_drop_test(PairedCounts(self.lost, self.gained, self.count), takes_part(self.correct, self.count))

    def described(self, test: MaxDropTest) -> Arrays:
        """Return the drops of every ablation beside their noise level, (ablation,) each, given their `test`."""
        n_images = max(1, int(self.count.sum()))
        return {
            "overall_drop": (self.lost - self.gained).sum(axis=1) / n_images,
            "flip_rate": self.flips / n_images,
            "max_drop": test.largest,
            "max_drop_class": test.worst,
            "max_drop_expected": test.expected,
            "max_drop_ceiling": test.ceiling,
            "max_drop_p": test.p,
        }
