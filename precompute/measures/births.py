"""When a unit's map, read as a graph, first has a hole: the birth level behind feature entropy.

A square map of m x m numbers is read as the weighted adjacency matrix of a graph with m vertices: the edge between i
and j has the larger of the numbers at (i, j) and (j, i). Edges come in from the strongest to the weakest, and triangles
are filled as soon as they have their three edges. A cycle that is not filled by triangles is a hole. The coordinates of
the map are vertices, so a shifted or mirrored map has another birth level: this is a weakness of the method itself.

Before the first hole, an edge makes a hole exactly where its ends are already connected and have no common neighbour.
So the edges are added one by one until the first edge that makes a hole.
"""

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]

SMALLEST_SIDE = 4
"""A graph of fewer than four vertices has no hole, so feature entropy is undefined for smaller maps."""

_NUMBERS_AT_ONCE = 2**22


def centre_crop(maps: Floats) -> Floats:
    """Cut the largest centred square out of every map.

    Parameters
    ----------
    maps : (..., height, width) array

    Returns
    -------
    (..., side, side) array
        A view; where the margin is odd, the larger part is cut off below or to the right.
    """
    height, width = maps.shape[-2:]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return maps[..., top : top + side, left : left + side]


def birth_levels(maps: Floats, *, count_entries: bool = False) -> Floats:
    """Find the level at which every map's graph first has a hole.

    Levels count the distinct strengths of edges from the strongest, which is level 1. A strictly increasing rescaling
    of the map changes no level.

    Parameters
    ----------
    maps : (..., side, side) array
        Square maps without NaN; see :func:`centre_crop`.
    count_entries : bool
        Count instead all entries of the map down to the first hole, including the diagonal, both directions of an edge
        and equal entries. The equations of the paper read like this.

    Returns
    -------
    (...) float64 array
        Whole numbers from 1; NaN where no hole appears at any level, as in a map that is zero nearly everywhere.

    Raises
    ------
    ValueError
        Where the maps are not square, or have fewer than four cells a side.

    References
    ----------
    Zhao and Zhang 2021, "Quantitative performance assessment of CNN units via topological entropy calculation"
    (arXiv:2103.09716).
    """
    side = maps.shape[-1]
    if maps.ndim < 2 or maps.shape[-2] != side or side < SMALLEST_SIDE:
        raise ValueError(f"Expected square maps of at least {SMALLEST_SIDE} a side, but got shape {maps.shape}.")
    flat = maps.reshape(-1, side, side)
    at_once = max(1, _NUMBERS_AT_ONCE // side**2)
    parts = [_born(flat[start : start + at_once], count_entries) for start in range(0, len(flat), at_once)]
    return np.concatenate([*parts, np.empty(0)]).reshape(maps.shape[:-2])


def _born(flat: Floats, count_entries: bool) -> Floats:
    side = flat.shape[-1]
    ends = np.triu_indices(side, 1)
    strength = np.maximum(flat[:, ends[0], ends[1]], flat[:, ends[1], ends[0]])
    order = np.argsort(-strength, axis=1, kind="stable")
    descending = np.take_along_axis(strength, order, axis=1)
    edge = list(zip(ends[0].tolist(), ends[1].tolist(), strict=True))
    born = np.full(len(flat), np.nan)
    for index, (row, path) in enumerate(zip(descending, order.tolist(), strict=True)):
        starts = np.flatnonzero(np.r_[True, row[1:] != row[:-1]])
        level = _first_hole(_groups(path, starts.tolist(), edge), side)
        if level and count_entries:
            born[index] = 1 + (flat[index] > row[starts[level - 1]]).sum()
        elif level:
            born[index] = level
    return born


def _groups(path: list[int], starts: list[int], edge: list[tuple[int, int]]) -> Iterator[list[tuple[int, int]]]:
    """Yield the edges of each level but the last, which completes the graph and leaves no hole."""
    for start, stop in itertools.pairwise(starts):
        yield [edge[place] for place in path[start:stop]]


def _first_hole(groups: Iterator[list[tuple[int, int]]], side: int) -> int:
    """Return the first level, from 1, at which the growing graph has a hole; 0 where there is none."""
    neighbours = [0] * side
    component = list(range(side))
    for level, group in enumerate(groups, start=1):
        hole = False
        for i, j in group:
            if component[i] != component[j]:
                _join(component, i, j)
            elif not neighbours[i] & neighbours[j]:
                hole = True
            neighbours[i] |= 1 << j
            neighbours[j] |= 1 << i
        # Of several edges at one level, some may fill a hole that another makes.
        if hole and (len(group) == 1 or has_hole(neighbours)):
            return level
    return 0


def _join(component: list[int], i: int, j: int) -> None:
    kept, gone = component[i], component[j]
    component[:] = [kept if name == gone else name for name in component]


def has_hole(neighbours: list[int]) -> bool:
    """Say whether a graph has a cycle that its triangles do not fill, by ranks over the field of two elements.

    Parameters
    ----------
    neighbours : list of int
        For each vertex, the set of its neighbours as bits.
    """
    side = len(neighbours)
    number: dict[tuple[int, int], int] = {}
    for i in range(side):
        for j in range(i + 1, side):
            if neighbours[i] >> j & 1:
                number[i, j] = len(number)
    cycles = len(number) - side + _n_components(neighbours)
    pivots: dict[int, int] = {}
    for i, j in number:
        common = (neighbours[i] & neighbours[j]) >> (j + 1) << (j + 1)
        while common and len(pivots) < cycles:
            k = (common & -common).bit_length() - 1
            common &= common - 1
            _reduce(pivots, 1 << number[i, j] | 1 << number[i, k] | 1 << number[j, k])
    return len(pivots) < cycles


def _reduce(pivots: dict[int, int], chain: int) -> None:
    """Add a chain of edges to a basis, if it is not a sum of what is there."""
    while chain:
        top = chain.bit_length()
        if top not in pivots:
            pivots[top] = chain
            return
        chain ^= pivots[top]


def _n_components(neighbours: list[int]) -> int:
    unseen, found = (1 << len(neighbours)) - 1, 0
    while unseen:
        found += 1
        front = unseen & -unseen
        while front:
            unseen &= ~front
            vertex = (front & -front).bit_length() - 1
            front = (front & (front - 1)) | (neighbours[vertex] & unseen)
    return found
