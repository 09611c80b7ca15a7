"""Textures: the polygons of a second colour that are laid over a shape, in the shape's own frame.

Each function of `TEXTURES` takes a random generator and returns polygons that fill a disc of radius 1.3.
"""

from collections.abc import Callable

import numpy as np

from precompute.images.drawing.geometry import Pose, corners, ellipse, repeated

_REACH = 1.3

Texture = Callable[[np.random.Generator], np.ndarray]  # (polygon, corner, 2)


def _lattice(rng: np.random.Generator, step: float, *, row_step: float, stagger: float) -> np.ndarray:
    """Points in rows, `step` apart; every second row is moved by `stagger` steps."""
    rows = np.arange(-_REACH - row_step, _REACH + row_step, row_step)
    columns = np.arange(-_REACH - 2 * step, _REACH + step, step)
    shift = stagger * step * (np.arange(len(rows)) % 2)
    points = np.empty((len(rows), len(columns), 2))
    points[..., 0] = columns + shift[:, None] + step * rng.uniform()
    points[..., 1] = rows[:, None] + row_step * rng.uniform()
    return points.reshape(-1, 2)


def _turned(polygons: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return Pose(0, 0, 1, rng.uniform(-0.35, 0.35)).carry(polygons)


def _plain(rng: np.random.Generator) -> np.ndarray:
    return np.empty((0, 4, 2))


def _striped(rng: np.random.Generator) -> np.ndarray:
    step = rng.uniform(0.5, 0.7)
    half = step * rng.uniform(0.2, 0.28)
    starts = np.arange(-_REACH - step, _REACH + step, step) + step * rng.uniform()
    bar = corners((-half, -2), (half, -2), (half, 2), (-half, 2))
    return _turned(repeated(bar, np.stack([starts, 0 * starts], axis=1)), rng)


def _dotted(rng: np.random.Generator) -> np.ndarray:
    step = rng.uniform(0.52, 0.68)
    radius = step * rng.uniform(0.25, 0.32)
    centres = _lattice(rng, step, row_step=0.87 * step, stagger=0.5)
    return _turned(repeated(ellipse(0, 0, radius, radius, steps=14), centres), rng)


def _checked(rng: np.random.Generator) -> np.ndarray:
    step = rng.uniform(0.4, 0.54)
    square = corners((0, 0), (step, 0), (step, step), (0, step))
    return _turned(repeated(square, _lattice(rng, 2 * step, row_step=step, stagger=0.5)), rng)


TEXTURES: dict[str, Texture] = {"checked": _checked, "dotted": _dotted, "plain": _plain, "striped": _striped}
"""Texture name -> the polygons of its second colour, a little different at each call."""
