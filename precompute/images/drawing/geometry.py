"""Polygons, and where they are put.

Shapes and textures are polygons in a frame of their own, about one unit in radius and with y pointing down. A `Pose`
carries them to pixels.
"""

from dataclasses import dataclass

import numpy as np

Polygon = np.ndarray  # (corner, 2): x and y
Polygons = list[Polygon] | np.ndarray  # several; an array (polygon, corner, 2) where all have as many corners


@dataclass(frozen=True)
class Pose:
    """Position, size and turn of something on the sheet.

    Attributes
    ----------
    x, y : float
        Centre, in pixels.
    size : float
        Pixels per unit of length.
    angle : float
        Turn in radians, clockwise on the screen.
    mirrored : bool
        Whether left and right are swapped before the turn.
    """

    x: float
    y: float
    size: float
    angle: float = 0.0
    mirrored: bool = False

    def place(self, polygons: Polygons) -> Polygons:
        """Carry polygons from their own frame to pixels."""
        if isinstance(polygons, list):
            return [self.carry(polygon) for polygon in polygons]
        return self.carry(polygons)

    def carry(self, points: np.ndarray) -> np.ndarray:
        """Carry (..., 2) points from their own frame to pixels."""
        across = points[..., 0] * (-self.size if self.mirrored else self.size)
        down = points[..., 1] * self.size
        cosine, sine = direction(self.angle)
        placed = np.empty_like(points)
        placed[..., 0] = self.x + across * cosine - down * sine
        placed[..., 1] = self.y + across * sine + down * cosine
        return placed


def direction(angle: float | np.ndarray) -> np.ndarray:
    """Return cosine and sine of angles, as (2, ...).

    Rounded, because their last bit differs between processors and pictures must not.
    """
    return np.stack([np.cos(angle), np.sin(angle)]).round(9)


def corners(*points: tuple[float, float]) -> Polygon:
    """Make a polygon from its corners."""
    return np.array(points, dtype=np.float64)


def arc(x: float, y: float, width: float, height: float, *, turns: tuple[float, float], steps: int = 24) -> Polygon:
    """Return the part of an ellipse between two angles, in half turns, as a line of points."""
    cosine, sine = direction(np.linspace(turns[0] * np.pi, turns[1] * np.pi, steps))
    return np.stack([x + width * cosine, y + height * sine], axis=1)


def ellipse(x: float, y: float, width: float, height: float, *, steps: int = 40) -> Polygon:
    """Return an ellipse with half axes `width` and `height`."""
    return arc(x, y, width, height, turns=(0, 2 - 2 / steps), steps=steps)


def repeated(polygon: Polygon, centres: np.ndarray) -> np.ndarray:
    """Repeat a polygon at (place, 2) centres: (place, corner, 2)."""
    return polygon + centres[:, None, :]


def wave(along: np.ndarray, y: float, *, height: float, length: float, phase: float = 0.0) -> Polygon:
    """Return a wavy line of points at the given positions: one crest every `length`, `height` above its middle."""
    return np.stack([along, y + height * direction(2 * np.pi * along / length + phase)[1]], axis=1)


def stroke(line: Polygon, width: float) -> Polygon:
    """Thicken an open line of points to a band."""
    along = np.gradient(line, axis=0)
    across = np.stack([-along[:, 1], along[:, 0]], axis=1)
    across *= width / 2 / np.sqrt((across**2).sum(axis=1, keepdims=True))
    return np.concatenate([line + across, (line - across)[::-1]])


def smooth(polygon: Polygon, rounds: int = 2) -> Polygon:
    """Round the corners of a closed polygon by cutting each one (Chaikin's scheme)."""
    for _ in range(rounds):
        following = np.roll(polygon, -1, axis=0)
        polygon = np.stack([0.75 * polygon + 0.25 * following, 0.25 * polygon + 0.75 * following], axis=1)
        polygon = polygon.reshape(-1, 2)
    return polygon
