"""Class correlation: correlation of a unit's activation with the network's probability of each class."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True, eq=False)
class JointMoments:
    """The sums over images that the correlations follow from; moments of several sets of images can be added.

    Parameters
    ----------
    n_images : int
        Images.
    activation, probability : (unit,) and (class,) arrays
        Means over the images.
    activation_spread, probability_spread : (unit,) and (class,) arrays
        Sums of squared distances from those means.
    product : (unit, class) array
        Sum over the images of the product of both distances.
    """

    n_images: int
    activation: Floats
    probability: Floats
    activation_spread: Floats
    probability_spread: Floats
    product: Floats

    @classmethod
    def of(cls, activation: Floats, probability: Floats) -> Self:
        """Take the moments of some images.

        Parameters
        ----------
        activation : (unit, image) array
            One number per unit and image: the maximum or the mean over space. Say which one next to the result.
        probability : (image, class) array
            The network's probability of each class, in [0, 1].
        """
        n_images = len(probability)
        a, p = activation.astype(np.float64), probability.astype(np.float64)
        mean_a, mean_p = a.sum(axis=1) / max(n_images, 1), p.sum(axis=0) / max(n_images, 1)
        a, p = a - mean_a[:, None], p - mean_p
        return cls(n_images, mean_a, mean_p, (a**2).sum(axis=1), (p**2).sum(axis=0), a @ p)

    def __add__(self, other: Self) -> Self:
        """Return the moments of the images of both.

        References
        ----------
        Chan, Golub, LeVeque 1983, "Algorithms for computing the sample variance", American Statistician 37, 242-247.
        """
        n_images = self.n_images + other.n_images
        share = other.n_images / max(n_images, 1)
        weight = self.n_images * share
        a, p = other.activation - self.activation, other.probability - self.probability
        return type(self)(
            n_images,
            self.activation + share * a,
            self.probability + share * p,
            self.activation_spread + other.activation_spread + weight * a**2,
            self.probability_spread + other.probability_spread + weight * p**2,
            self.product + other.product + weight * np.outer(a, p),
        )

    def correlation(self) -> Floats:
        r"""Pearson correlation over the images, :math:`\rho_{u,c}`.

        Both sides come from the network's answers to the same images, so this describes the network, and is no evidence
        of the effect of an ablation. To compare with drops, take correlations and drops from different images.

        Returns
        -------
        (unit, class) array
            In [-1, 1]; NaN for units or probabilities that do not vary, and for fewer than three images.

        References
        ----------
        Zhou, Sun, Bau, Torralba 2018, "Revisiting the importance of individual units in CNNs via ablation"
        (arXiv:1806.02891).
        """
        n = self.n_images if self.n_images >= 3 else 0
        spread = np.outer(
            _length(self.activation_spread, n * self.activation**2),
            _length(self.probability_spread, n * self.probability**2),
        )
        defined = (spread > 0) & (n > 0)
        return np.clip(self.product / np.where(defined, spread, np.nan), -1, 1)


def shuffled_correlations(activation: Floats, probability: Floats, *, draws: int, seed: int = 0) -> Floats:
    """Return the largest correlation of every unit over the classes when its activations are shuffled over the images.

    Parameters
    ----------
    activation : (unit, image) array
        One number per unit and image.
    probability : (image, class) array
        What the network gives each class.
    draws : int
        Number of shuffles. A unit whose activation has nothing to do with the image exceeds all of them with a
        probability of at most 1 / (1 + draws).
    seed : int
        Same seed, same shuffles.

    Returns
    -------
    (draw, unit) array
        NaN for units that do not vary.
    """
    rng = np.random.default_rng(seed)
    shuffles = (rng.permutation(len(probability)) for _ in range(draws))
    found = [strongest_class(JointMoments.of(activation[:, order], probability).correlation())[0] for order in shuffles]
    return np.array(found).reshape(draws, len(activation))


def strongest_class(correlation: Floats) -> tuple[Floats, Floats]:
    """Return the largest value of every unit over the classes, and its class.

    Parameters
    ----------
    correlation : (unit, class) array
        Class correlation, or any other score of units for classes; NaN where undefined.

    Returns
    -------
    largest, strongest : (unit,) arrays
        The value, and the class, the first among equals; NaN where none is defined.
    """
    known = np.where(np.isnan(correlation), -np.inf, correlation)
    strongest = known.argmax(axis=1)
    largest = correlation[np.arange(len(correlation)), strongest]
    return largest, np.where(np.isnan(largest), np.nan, strongest)


def _length(spread: Floats, size: Floats) -> Floats:
    """Return the root of a sum of squares; 0 where the sum is only rounding error of numbers of the given size."""
    return np.sqrt(np.where(spread > 1e-24 * size, spread, 0))
