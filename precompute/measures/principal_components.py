"""Principal components: the plane on which points of many dimensions spread most."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]


def principal_plane(points: Floats) -> tuple[Floats, float]:
    """Place points on the plane of their first two principal components.

    Parameters
    ----------
    points
        (point, dimension), finite.

    Returns
    -------
    places : ndarray
        (point, 2), float64, in the units of the points, with mean 0. The largest place along each is positive, so
        that the same points give the same picture. Zeros where there is nothing to spread over.
    share : float
        How much of the points' variation the plane shows, 0 to 1: the part of the sum of squared distances from their
        mean. NaN where they do not vary.

    References
    ----------
    Pearson, "On lines and planes of closest fit to systems of points in space", Philosophical Magazine 2 (1901).
    """
    centred = points - points.mean(axis=0) if len(points) else np.zeros((0, 1))
    left, sizes, _ = np.linalg.svd(np.asarray(centred, dtype=np.float64), full_matrices=False)
    places = np.zeros((len(points), 2))
    places[:, : min(2, len(sizes))] = (left * sizes)[:, :2]
    if len(places):
        ends = places[np.abs(places).argmax(axis=0), [0, 1]]
        places *= np.where(ends < 0, -1.0, 1.0)
    total = float((sizes**2).sum())
    return places, float((sizes[:2] ** 2).sum()) / total if total else np.nan


def share_by_chance(points: Floats, *, draws: int = 5, seed: int = 0) -> float:
    """Return how much of the variation the plane shows on average if the numbers of every point are shuffled.

    The plane is the one that shows most, so it shows much of a few points, or of few dimensions, whatever they are.

    Parameters
    ----------
    points
        (point, dimension), finite.
    draws : int
        Number of shuffles, each of every point by itself.
    seed : int
        Same seed, same shuffles.

    Returns
    -------
    float
        0 to 1; NaN where the shuffled points do not vary.
    """
    rng, found = np.random.default_rng(seed), []
    for _ in range(draws if len(points) else 0):
        drawn = rng.permuted(np.asarray(points, dtype=np.float64), axis=1)
        centred = drawn - drawn.mean(axis=0)
        # The smaller of the two products has the same sizes, and is found faster than the plane itself.
        product = centred @ centred.T if len(centred) < centred.shape[1] else centred.T @ centred
        sizes = np.clip(np.linalg.eigvalsh(product), 0, None)
        if sizes.sum() > 0:
            found.append(sizes[-2:].sum() / sizes.sum())
    return float(np.mean(found)) if found else np.nan
