"""Stores beside each other, layer by layer: how right the network is, what its units lose, what they prefer."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from precompute.errors import StoreError
from precompute.measures.bootstrap import Correlation
from precompute.measures.comparison import COMPARED_DROPS, UnitEffects, describe_units, quantiles
from precompute.measures.known import mean_of_known
from precompute.store.answers import answers
from precompute.store.layer import Layer
from precompute.store.reader import Store
from precompute.words import percent

_TITLES = {"overall_drop": "overall drop", "max_drop": "largest class drop"}


@dataclass(frozen=True, eq=False)
class Side:
    """One layer of one store, to be set beside others.

    Parameters
    ----------
    store, layer, kind
        Names of the store and the layer, and the kind of ablation.
    accuracy
        Share of the images that are right with nothing ablated.
    n_images, n_dead
        Images, and units that are zero everywhere.
    images
        List hash of the images: drops on different images have different noise.
    units
        What silencing each unit does.
    correlations
        Class selectivity against drops; see `precompute.measures.comparison.UnitEffects.correlations`.
    """

    store: str
    layer: str
    kind: str
    accuracy: float
    n_images: int
    n_dead: int
    images: str
    units: UnitEffects
    correlations: dict[str, dict[str, Correlation]]

    @property
    def n_units(self) -> int:
        """Units of the layer, dead ones included."""
        return len(self.units.overall_drop)


def sides(store: Store, name: str, layers: Sequence[str] | None = None) -> list[Side]:
    """Describe layers of a store.

    Parameters
    ----------
    store
        The store.
    name
        What to call it.
    layers
        Names of layers; those that the store does not hold are left out. All where None.

    Returns
    -------
    list of Side
        In the order of the network; none of a layer whose units were not ablated.
    """
    wanted = [layer for layer in store.layers if layers is None or layer.name in layers]
    return [_side(store, name, layer) for layer in wanted if layer.ablations]


def _side(store: Store, name: str, layer: Layer) -> Side:
    before, kind = answers(store), layer.ablations[0]
    dead = _dead(layer)
    held = layer.measures.get("class_selectivity")
    selectivity = np.full(layer.n_units, np.nan) if held is None else np.asarray(held.values, dtype=np.float64)
    units = describe_units(layer.flip_table(kind), before, ~dead, selectivity)
    return Side(
        store=name,
        layer=layer.name,
        kind=kind,
        accuracy=float(before.right.mean()) if len(before.label) else float("nan"),
        n_images=len(before.label),
        n_dead=int(dead.sum()),
        images=store.images.list_hash,
        units=units,
        correlations=units.correlations(),
    )


def _dead(layer: Layer) -> np.ndarray:
    held = layer.measures.get("dead")
    return np.zeros(layer.n_units, dtype=bool) if held is None else np.asarray(held.values == 1)


# As text


def tables(found: Sequence[Side], asked: Sequence[str] | None = None) -> list[str]:
    """Write stores beside each other, as lines of text.

    Parameters
    ----------
    found
        Layers of stores.
    asked
        Names of layers that some store has to hold.

    Raises
    ------
    StoreError
        Where none does, or there is nothing to set beside anything.
    """
    missing = sorted(set(asked or ()) - {side.layer for side in found})
    if missing or not found:
        what = f"the layer {', '.join(missing)}" if missing else "any layer"
        raise StoreError(
            f"None of these stores holds {what} with ablated units. `info STORE.h5` lists a store's layers."
        )
    return [
        *_aligned([_DROPS_HEAD, *map(_drops, found)]),
        "",
        "Drops and flips in points; in brackets the quartiles over the units that are not dead. By chance: what the",
        "mean would be if every changed answer were a coin. q<=.05: units whose largest class drop is more than that.",
        "",
        *_aligned([_CORRELATIONS_HEAD, *map(_correlations, found)]),
        "",
        "Class selectivity against drops, over units, with 95 % bootstrap intervals.",
        *caveats(found),
    ]


_DROPS_HEAD = (
    *("store", "layer", "right", "units", "dead", "overall drop", "largest class drop", "mean", "by chance"),
    *("q<=.05", "flips", "selectivity"),
)
_CORRELATIONS_HEAD = (
    "store",
    "layer",
    *(f"{title}, {way}" for title in _TITLES.values() for way in ("Spearman", "Pearson")),
)


def _drops(side: Side) -> tuple[str, ...]:
    units = side.units
    return (
        side.store,
        side.layer + ("" if side.kind == "zero" else f" ({side.kind})"),
        percent(side.accuracy, side.n_images),
        str(side.n_units),
        str(side.n_dead),
        _median(100 * units.overall_drop, 2),
        _median(100 * units.max_drop, 1),
        _number(100 * mean_of_known(units.max_drop), 1),
        _number(100 * mean_of_known(units.max_drop_expected), 1),
        str(units.called()),
        _number(100 * mean_of_known(units.flip_rate), 2),
        _median(units.selectivity, 2),
    )


def _median(values: np.ndarray, decimals: int) -> str:
    low, middle, high = quantiles(values)
    return _number(middle, decimals, (low, high))


def _number(value: float, decimals: int, ends: tuple[float, float] | None = None) -> str:
    """Write a number, with the ends of its interval or range in brackets; a dash where there is none."""
    if np.isnan(value):
        return "-"
    return f"{value:.{decimals}f}" + (f" [{ends[0]:.{decimals}f} to {ends[1]:.{decimals}f}]" if ends else "")


def _correlations(side: Side) -> tuple[str, ...]:
    cells = [side.correlations[target][way] for target in COMPARED_DROPS for way in ("spearman", "pearson")]
    return (side.store, side.layer, *(_number(cell.r, 2, (cell.low, cell.high)) for cell in cells))


def _aligned(rows: Sequence[tuple[str, ...]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(f"{cell:{width}}" for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def caveats(found: Sequence[Side]) -> list[str]:
    """Say what keeps these stores from being compared number by number, a sentence each."""
    said = []
    if len({side.images for side in found}) > 1:
        said.append(
            "These stores are not of the same images: the fewer images a class has, the larger its drops by chance, so "
            "compare largest class drops with their chance levels only."
        )
    if len({side.kind for side in found}) > 1:
        said.append("Some were ablated to the mean, others to zero: their drops are not of one kind.")
    return said
