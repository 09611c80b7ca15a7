"""Orders that are fixed before the first unit goes; greedy compression is compared with them."""

from collections.abc import Callable

import numpy as np

from precompute.experiments.ablation_orders import N_RANDOM
from precompute.measures.paired import paired_counts
from precompute.measures.selectivity import class_means, class_selectivity
from precompute.store.answers import answers
from precompute.store.layer import Layer
from precompute.store.reader import Store


def n_orders(layer: Layer) -> int:
    """Return how many orders of a layer's units are measured: the greedy one, those by a score, and random ones."""
    return 1 + len(_names(layer)) + N_RANDOM


def one_shot_orders(store: Store, layer: Layer, half: np.ndarray, *, seed: int) -> list[tuple[str, np.ndarray]]:
    """Order the units of a layer by a score of each unit alone, least important first.

    Parameters
    ----------
    store
        The store.
    layer
        One of its layers.
    half
        (image,): drops and class selectivity are computed on the images where it is 0.
    seed
        The seed of the random orders.

    Returns
    -------
    list
        Names, and orders (unit,): by the drop of each unit alone, by class selectivity, by L1 norm where the store has
        it, and at random. Of units with equal scores the one with the lowest norm goes first, then the one with the
        lowest index. A unit without a score, such as a dead one without selectivity, goes before all others.
    """
    norm = np.nan_to_num(unit_norm(layer))
    scores: dict[str, Callable[[], np.ndarray]] = {
        "drop": lambda: _drop(store, layer, half),
        "class_selectivity": lambda: _selectivity(store, layer, half),
        "l1_norm": lambda: norm,
    }
    rng = np.random.default_rng(seed)
    fixed = [(name, np.lexsort((norm, np.nan_to_num(scores[name](), nan=-np.inf)))) for name in _names(layer)]
    return [*fixed, *(("random", rng.permutation(layer.n_units)) for _ in range(N_RANDOM))]


def unit_norm(layer: Layer) -> np.ndarray:
    """Return the L1 norms of the kernels that make the units, (unit,), NaN where the store has none."""
    held = layer.measures.get("l1_norm")
    return np.full(layer.n_units, np.nan) if held is None else np.asarray(held.values, dtype=np.float64)


def _names(layer: Layer) -> list[str]:
    with_norm = [] if np.isnan(unit_norm(layer)).all() else ["l1_norm"]
    return ["drop", "class_selectivity", *with_norm]


def _drop(store: Store, layer: Layer, half: np.ndarray) -> np.ndarray:
    counts = paired_counts(layer.flip_table(layer.ablations[0]), answers(store), half == 0)
    return counts.overall_drop


def _selectivity(store: Store, layer: Layer, half: np.ndarray) -> np.ndarray:
    before, seen = answers(store), half == 0
    # Of the positive part, because with negative activations the index leaves its range.
    rate = np.concatenate([layer.activation(block).rate[:, seen] for block in layer.blocks()])
    return class_selectivity(class_means(rate, before.label[seen], before.n_classes))[0]
