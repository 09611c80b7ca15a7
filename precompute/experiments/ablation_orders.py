"""Units removed one after another: in which orders, at which steps, and what that costs."""

import numpy as np

from precompute.ablation.ablations import Ablater, Ablation
from precompute.ablation.iterative import silence
from precompute.experiments.restored_run import RestoredRun
from precompute.experiments.timing import seconds_swept

N_RANDOM = 20
_FEWEST_STEPS = 8
_TIMED_SETS = (2, 8, 32, 128, 512, 2048)


def orders(score: np.ndarray, *, seed: int) -> np.ndarray:
    """Order units by a score, highest first and lowest first, and at random.

    Parameters
    ----------
    score
        (unit,), NaN where undefined, which ranks lowest. Equal scores are ordered at random, the two ways alike.
    seed
        Of the random orders.

    Returns
    -------
    np.ndarray
        (order, unit): highest first, its reverse, then `N_RANDOM` random ones.
    """
    rng = np.random.default_rng(seed)
    most = np.lexsort((rng.permutation(len(score)), -np.where(np.isnan(score), -np.inf, score)))
    return np.stack([most, most[::-1], *(rng.permutation(len(score)) for _ in range(N_RANDOM))])


def steps(n_units: int, share: float) -> np.ndarray:
    """Choose at how many removed units to measure.

    Parameters
    ----------
    n_units
        Units of the layer.
    share
        Which share of all numbers can be afforded; a few are kept in any case.

    Returns
    -------
    np.ndarray
        (step,) rising from 0 to all, evenly.
    """
    n_steps = min(n_units, max(_FEWEST_STEPS, int(n_units * share)))
    return np.unique(np.rint(np.linspace(0, n_units, n_steps + 1)).astype(np.int64))


def without(units: np.ndarray) -> Ablation:
    """Return the ablation that sets some units, (removed unit,), to zero together."""
    return silence(tuple(units.tolist()))


def seconds_each(restored: RestoredRun, ablater: Ablater, order: np.ndarray) -> float:
    """Time the ablation of sets of units, in seconds for one set on one image.

    Parameters
    ----------
    restored
        The network, and some of its images.
    ablater
        What runs the network without some units of a layer.
    order
        (order, unit): orders in which units are removed.
    """
    return seconds_swept(ablater, restored.probe, (_some_sets(order, n_sets) for n_sets in _TIMED_SETS))


def _some_sets(order: np.ndarray, n_sets: int) -> list[Ablation]:
    """Return sets of sizes spread evenly over the layer, those of equal size together, as they will be swept."""
    of_a_size = order[: max(1, n_sets // 4)]
    n_sizes = max(1, n_sets // len(of_a_size))
    sizes = np.linspace(1, order.shape[1], n_sizes + 1)[:-1].astype(int)
    return [without(units[:size]) for size in sizes for units in of_a_size]


def rows_of_steps(n_orders: int, n_steps: int) -> np.ndarray:
    """Say in which row each order and step is counted, where the ablations were listed step by step.

    Parameters
    ----------
    n_orders, n_steps
        Orders, and steps from no unit removed to all.

    Returns
    -------
    np.ndarray
        (order, step) rows: 0 with no unit removed, then in each step the orders, last one for all units.
    """
    row = np.empty((n_orders, n_steps), dtype=np.int64)
    row[:, 0] = 0
    row[:, 1:-1] = 1 + np.arange((n_steps - 2) * n_orders).reshape(n_steps - 2, n_orders).T
    row[:, -1] = 1 + (n_steps - 2) * n_orders
    return row
