"""Removing units one after another: in which orders, at which steps, and what that costs."""

import numpy as np

from precompute.ablation.ablations import Ablater, Ablation
from precompute.ablation.iterative import silence
from precompute.experiments.restored_run import RestoredRun
from precompute.experiments.timing import seconds_swept

N_RANDOM = 20
"""How many random orders an order by a score is compared with, in every experiment that removes units."""

_FEWEST_STEPS = 8
_TIMED_SETS = (2, 8, 32, 128, 512, 2048)


def orders(score: np.ndarray, *, seed: int) -> np.ndarray:
    """Order units by a score, highest first and lowest first, and at random.

    Parameters
    ----------
    score
        (unit,): NaN where undefined, which ranks lowest. Units of equal score come in random order.
    seed
        The seed of the random orders, and of the order of equal scores.

    Returns
    -------
    np.ndarray
        (order, unit): highest score first; the same order reversed; then `N_RANDOM` random orders.
    """
    rng = np.random.default_rng(seed)
    most = np.lexsort((rng.permutation(len(score)), -np.where(np.isnan(score), -np.inf, score)))
    return np.stack([most, most[::-1], *(rng.permutation(len(score)) for _ in range(N_RANDOM))])


def steps(n_units: int, share: float) -> np.ndarray:
    """Choose the numbers of removed units at which to measure.

    Parameters
    ----------
    n_units
        Units of the layer.
    share
        The share of all numbers that there is time for; at least 8 steps are kept, where there are as many units.

    Returns
    -------
    np.ndarray
        (step,): evenly spaced numbers from 0 to `n_units`.
    """
    n_steps = min(n_units, max(_FEWEST_STEPS, int(n_units * share)))
    return np.unique(np.rint(np.linspace(0, n_units, n_steps + 1)).astype(np.int64))


def without(units: np.ndarray) -> Ablation:
    """Return the ablation that sets some units to zero together, given their indices, (removed unit,)."""
    return silence(tuple(units.tolist()))


def seconds_each(restored: RestoredRun, ablater: Ablater, order: np.ndarray) -> float:
    """Time the ablation of sets of units; return the seconds for one set on one image.

    Parameters
    ----------
    restored
        The network, and some images.
    ablater
        Runs the network without some units of a layer.
    order
        (order, unit): orders in which units are removed.
    """
    return seconds_swept(ablater, restored.probe, (_some_sets(order, n_sets) for n_sets in _TIMED_SETS))


def _some_sets(order: np.ndarray, n_sets: int) -> list[Ablation]:
    """Return sets of units, of sizes spread evenly over the layer; sets of one size come together, as in the sweep."""
    of_a_size = order[: max(1, n_sets // 4)]
    n_sizes = max(1, n_sets // len(of_a_size))
    sizes = np.linspace(1, order.shape[1], n_sizes + 1)[:-1].astype(int)
    return [without(units[:size]) for size in sizes for units in of_a_size]


def rows_of_steps(n_orders: int, n_steps: int) -> np.ndarray:
    """Return the row of the counts that belongs to each order and step.

    Parameters
    ----------
    n_orders, n_steps
        Number of orders, and of steps from no unit removed to all units removed.

    Returns
    -------
    np.ndarray
        (order, step): row 0 is for no unit removed, which all orders share. Then come the orders of the first step, of
        the second, and so on. The last row is for all units removed, which all orders share too.
    """
    row = np.empty((n_orders, n_steps), dtype=np.int64)
    row[:, 0] = 0
    row[:, 1:-1] = 1 + np.arange((n_steps - 2) * n_orders).reshape(n_steps - 2, n_orders).T
    row[:, -1] = 1 + (n_steps - 2) * n_orders
    return row
