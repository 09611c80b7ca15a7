"""Feature entropy: how alike the birth levels of a unit's maps are over the images of a class.

The entropy is low where the maps have their first hole at the same level, image after image. Noise has an entropy too,
and not a high one: never show a unit's entropy without that of noise.
"""

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from precompute.measures.births import birth_levels

Floats = NDArray[np.floating[Any]]
Ints = NDArray[np.integer[Any]]

Rule = Literal["ours", "paper", "code"]
"""Which reading of the method; see :func:`feature_entropy`."""

LEAST_RATE = 0.1
"""Below this selective rate, too few maps have a birth level to compute an entropy."""

_LAST = 100 * math.log(100)  # the authors' code gives this to units that must rank last


@dataclass(frozen=True, eq=False)
class FeatureEntropy:
    """Entropy of birth levels, and the share of maps that have one.

    Parameters
    ----------
    entropy : array
        In nats, 0 and above; low for a unit whose maps are alike on all images. Compare it only between maps of the
        same size and classes with the same number of images.
    selective_rate : array
        Fraction of the images whose map has a birth level. Never rank by entropy without it.
    """

    entropy: Floats
    selective_rate: Floats


def feature_entropy(births: Floats, *, rule: Rule = "ours") -> FeatureEntropy:
    r"""Entropy of the birth levels over the last axis, the images of one class.

    .. math:: H = -\sum_x P(x) \log P(x)

    The paper, the authors' program and we read the method differently:

    ========  =================================  ====================================================================
    rule      P is a share of                    where the selective rate e is low
    ========  =================================  ====================================================================
    ours      images that have a birth level     e < 0.1: :math:`(1 - e) \log n`, near the most that n images can have
    paper     all n images                       e < 0.1: :math:`e \log n`, as printed; silent units look best
    code      images that have a birth level     :math:`H / e` everywhere, and :math:`100 \log 100` where that is below
                                                 0.1 or no image has a birth level
    ========  =================================  ====================================================================

    Parameters
    ----------
    births : (..., image) array
        Birth levels as :func:`rule_births` reads them; NaN for none.
    rule : {"ours", "paper", "code"}
        Which reading.

    Returns
    -------
    FeatureEntropy
        (...) arrays; NaN without images.

    References
    ----------
    Zhao and Zhang 2021, "Quantitative performance assessment of CNN units via topological entropy calculation"
    (arXiv:2103.09716).
    """
    n_images = births.shape[-1]
    if n_images == 0:
        nothing = np.full(births.shape[:-1], np.nan)
        return FeatureEntropy(nothing, nothing)
    frequency = _frequencies(births.reshape(-1, n_images))
    n_born = frequency.sum(axis=1)
    rate = n_born / n_images
    share = frequency / (n_images if rule == "paper" else np.maximum(n_born, 1)[:, None])
    entropy = -(share * np.log(np.where(share > 0, share, 1))).sum(axis=1) + 0.0
    if rule == "code":
        ineffective = np.divide(entropy, rate, out=np.zeros_like(entropy), where=rate > 0)
        entropy = np.where(ineffective < 0.1, _LAST, ineffective)
    else:
        substitute = (rate if rule == "paper" else 1 - rate) * math.log(n_images)
        entropy = np.where(rate < LEAST_RATE, substitute, entropy)
    return FeatureEntropy(entropy.reshape(births.shape[:-1]), rate.reshape(births.shape[:-1]))


def class_feature_entropy(births: Floats, label: Ints, n_classes: int, *, rule: Rule = "ours") -> FeatureEntropy:
    """Feature entropy of every unit for every class.

    Parameters
    ----------
    births : (unit, image) array
        Birth levels; NaN for none.
    label : (image,) integer array
        Class of each image.
    n_classes : int
        Number of classes.
    rule : {"ours", "paper", "code"}
        Which reading, see :func:`feature_entropy`.

    Returns
    -------
    FeatureEntropy
        (unit, class) arrays; NaN for classes without images.
    """
    found = [feature_entropy(births[:, label == c], rule=rule) for c in range(n_classes)]
    return FeatureEntropy(
        np.stack([one.entropy for one in found], axis=1), np.stack([one.selective_rate for one in found], axis=1)
    )


def rule_births(maps: Floats, *, rule: Rule = "ours") -> Floats:
    """Birth levels as each reading of the method counts them.

    We count distinct strengths of edges. The equations of the paper count all entries of the map, and the authors'
    program counts as we do but leaves some out, see :func:`cut_as_code`.

    Parameters
    ----------
    maps : (..., side, side) array
        Square maps; see :func:`precompute.measures.births.birth_levels`.
    rule : {"ours", "paper", "code"}
        Which reading.

    Returns
    -------
    (...) array
        Whole numbers from 1; NaN for none.
    """
    births = birth_levels(maps, count_entries=rule == "paper")
    return cut_as_code(births, maps.shape[-1]) if rule == "code" else births


def cut_as_code(births: Floats, side: int, *, density: float = 0.8, cap: int = 50) -> Floats:
    """Drop the birth levels that the authors' program does not count.

    The program stops at a share of all possible edges, ignores births after a fixed row (its rows count from 0), and
    cannot tell a birth in row 0 from none.

    Parameters
    ----------
    births : array
        Birth levels of maps of one size.
    side : int
        Their side.
    density : float
        Share of the possible edges.
    cap : int
        Last row; meant for maps of 14 a side.

    Returns
    -------
    array
        The same with NaN where there is none.
    """
    last = math.ceil(density * math.comb(side, 2))
    row = births - 1
    return np.where((births <= last) & (row > 0) & (row <= cap), births, np.nan)


def _frequencies(births: Floats) -> Ints:
    """Count how often each level occurs in each row, (row, level)."""
    row, place = np.nonzero(~np.isnan(births))
    level = births[row, place].astype(np.int64)
    n_levels = int(level.max(initial=0)) + 1
    return np.bincount(row * n_levels + level, minlength=len(births) * n_levels).reshape(len(births), n_levels)
