"""Evidence on drops from a layer's flips: counts, tests, and drops of classes chosen on other images."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from precompute.measures.drops import Answers
from precompute.measures.false_discovery import discrete_false_discovery
from precompute.measures.halves import held_out_drop, reliability
from precompute.measures.maxdrop import MaxDropTest, max_drop_test
from precompute.measures.paired import (
    FlipTable,
    PairedCounts,
    drop_interval,
    mcnemar,
    mcnemar_attainable,
    paired_counts,
)

Bools = NDArray[np.bool_]
Ints = NDArray[np.integer[Any]]
Arrays = dict[str, NDArray[Any]]

_MISSED = 0.05  # share of the layers in which an interval of an overall drop misses the truth


@dataclass(frozen=True, eq=False)
class Evidence:
    """The evidence on a layer's drops.

    Parameters
    ----------
    counts
        Images lost and gained.
    test
        The largest drop of every unit against chance.
    arrays
        All numbers by the names that they have in the experiment ``statistics``; NaN as FORMAT.md says.
    """

    counts: PairedCounts
    test: MaxDropTest
    arrays: Arrays


def evidence(flips: FlipTable, before: Answers, half: Ints, taking: Bools) -> Evidence:
    """Count images lost and gained without each unit, and test the drops.

    Parameters
    ----------
    flips : FlipTable
        The predictions that change.
    before : Answers
        The answers that they change.
    half : (image,) integer array
        0 for images on which classes are chosen, 1 for images on which their drops are read.
    taking : (class,) bool array
        The classes that can show a drop, see :func:`precompute.measures.maxdrop.takes_part`.

    Returns
    -------
    Evidence
    """
    counts = paired_counts(flips, before)
    first, second = (paired_counts(flips, before, half == number) for number in (0, 1))
    test = max_drop_test(counts, taking)
    arrays = {
        "lost": counts.lost,
        "gained": counts.gained,
        "mcnemar_p": mcnemar(counts.lost, counts.gained),
        "class_p": test.class_p,
        "max_drop": test.largest,
        "max_drop_class": test.worst,
        "max_drop_expected": test.expected,
        "max_drop_ceiling": test.ceiling,
        "max_drop_p": test.p,
        "max_drop_q": test.q,
        "reliability": reliability(_profile(first, taking), _profile(second, taking)),
        **_held_out(first, second, taking),
        **_overall(counts),
    }
    return Evidence(counts, test, arrays)


def _overall(counts: PairedCounts) -> Arrays:
    """Test the drop over all images as that of one class; all intervals of the layer hold at once (Bonferroni)."""
    lost, gained = counts.lost.sum(axis=1), counts.gained.sum(axis=1)
    low, high = overall_interval(lost, gained, counts.count.sum(), len(lost))
    p = mcnemar(lost, gained)
    return {
        "overall_p": p,
        "overall_q": discrete_false_discovery(p, [mcnemar_attainable(n) for n in (lost + gained).tolist()]),
        "overall_low": low,
        "overall_high": high,
    }


def overall_interval(lost: Ints, gained: Ints, n_images: int, n_units: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the limits of the 95 % intervals of overall drops; those of all units of a layer hold at once.

    Parameters
    ----------
    lost, gained : integer arrays
        Images lost and gained without a unit, of all classes together.
    n_images : int
        All images.
    n_units : int
        Units of the layer.

    Returns
    -------
    low, high : float arrays
        Fractions of the images.
    """
    return drop_interval(lost, gained, np.array(n_images), level=1 - _MISSED / max(1, n_units))


def _held_out(first: PairedCounts, second: PairedCounts, taking: Bools) -> Arrays:
    found = held_out_drop(_profile(first, taking), second)
    low, high = drop_interval(found.lost, found.gained, found.count)
    return {
        "held_out_class": found.chosen,
        "held_out_drop": found.drop,
        "held_out_low": low,
        "held_out_high": high,
        "held_out_lost": found.lost,
        "held_out_gained": found.gained,
        "held_out_images": found.count,
    }


def _profile(counts: PairedCounts, taking: Bools) -> NDArray[Any]:
    """Return the drops of the classes that can show one, NaN for the others."""
    return np.where(taking, counts.drop, np.nan)
