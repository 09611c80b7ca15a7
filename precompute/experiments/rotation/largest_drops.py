"""The drops of every unit and direction, and a test of the largest class drop against chance."""

import numpy as np

from precompute.experiments.accuracy_counts import AccuracyCounts
from precompute.experiments.protocol import Arrays
from precompute.measures.maxdrop import max_drop_test, takes_part


def largest_drops(counts: AccuracyCounts) -> tuple[Arrays, tuple[np.ndarray, ...]]:
    """Return the drops of every ablation, and test the largest class drop.

    Returns
    -------
    tuple
        Datasets by name, (ablation,) each; and for each ablation the p-values that its test can give.
    """
    n_images = max(1, int(counts.count.sum()))
    paired = counts.paired()
    test = max_drop_test(paired, takes_part(counts.correct, counts.count))
    arrays: Arrays = {
        "overall_drop": paired.overall_drop,
        "flip_rate": counts.flipped / n_images,
        "max_drop": test.largest,
        "max_drop_class": test.worst,
        "max_drop_expected": test.expected,
        "max_drop_ceiling": test.ceiling,
        "max_drop_p": test.p,
    }
    return arrays, test.attainable
