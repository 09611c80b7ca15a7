"""The sheet that is painted on: a picture, and for every category the part that each pixel shows."""

from collections.abc import Mapping

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from precompute.images.drawing.geometry import Polygons, Pose
from precompute.images.drawing.palette import PARTS, part_index

SIZE = 96
_FINENESS = 4  # polygons are filled on a grid this much finer, then averaged: smooth edges


class Sheet:
    """A picture in the making, or a window of one.

    Attributes
    ----------
    picture : (height, width, 3) float32 array
        Red, green and blue, 0 to 255.
    parts : dict of str to (height, width) uint8 array
        For each category of `PARTS` the index of the part on top at each pixel; 0 where there is none.
    left, top : int
        Where a window begins on its sheet. All positions are given in pixels of the sheet.
    """

    def __init__(self, picture: np.ndarray, parts: dict[str, np.ndarray], *, left: int = 0, top: int = 0) -> None:
        self.picture = picture
        self.parts = parts
        self.left = left
        self.top = top

    @classmethod
    def empty(cls) -> "Sheet":
        """Return a black sheet of 96 by 96 pixels that shows no part."""
        parts = {category: np.zeros((SIZE, SIZE), dtype=np.uint8) for category in PARTS}
        return cls(np.zeros((SIZE, SIZE, 3), dtype=np.float32), parts)

    def window(self, pose: Pose, reach: float) -> "Sheet":
        """Return the square window around a pose, `reach` units of length to each side.

        What is painted on the window is painted on the sheet; a small thing costs little that way.
        """
        half = pose.size * reach
        left, top = max(0, int(pose.x - half)), max(0, int(pose.y - half))
        area = np.s_[top : max(0, int(pose.y + half) + 1), left : max(0, int(pose.x + half) + 1)]
        parts = {category: index[area] for category, index in self.parts.items()}
        return Sheet(self.picture[area], parts, left=left, top=top)

    def cover(self, polygons: Polygons, *, grow: float = 0.0) -> np.ndarray:
        """Return the share of each pixel that a union of polygons covers.

        Parameters
        ----------
        polygons : list of (corner, 2) arrays, or (polygon, corner, 2) array
            Corners in pixels of the sheet.
        grow : float
            Width by which the union is widened on all sides, in pixels.

        Returns
        -------
        (height, width) float32 array
            From 0 to 1.
        """
        height, width = self.picture.shape[:2]
        fine = Image.new("L", (width * _FINENESS, height * _FINENESS))
        pen = ImageDraw.Draw(fine)
        band = round(2 * grow * _FINENESS)
        for points in self._fine_points(polygons):
            pen.polygon(points, fill=255)
            if band:
                pen.line(points + points[:4], fill=255, width=band, joint="curve")
        return np.asarray(fine.reduce(_FINENESS), dtype=np.float32) / 255

    def _fine_points(self, polygons: Polygons) -> list[list[float]]:
        """Turn polygons into lists x, y, x, y ... on the fine grid."""
        origin = np.array([self.left, self.top]) + 0.5 / _FINENESS
        if isinstance(polygons, list):
            return [((polygon - origin) * _FINENESS).ravel().tolist() for polygon in polygons]
        return ((polygons - origin) * _FINENESS).reshape(len(polygons), -1).tolist()

    def paint(self, cover: np.ndarray, colour: np.ndarray, parts: Mapping[str, str | None]) -> None:
        """Lay a colour over the covered pixels and note which parts they now show.

        Parameters
        ----------
        cover : (height, width) array
            What `cover` returns.
        colour : (3,) or (height, width, 3) array
            One colour, or one for each pixel.
        parts : mapping of category to part name, or to None
            What the covered pixels show from here on; categories that it leaves out stay as they are, None clears them.
        """
        change = colour - self.picture
        change *= cover[:, :, None]
        self.picture += change
        seen = cover > 0.5
        for category, part in parts.items():
            self.parts[category][seen] = part_index(category, part) if part else 0

    def overlay(self, other: "Sheet", cover: np.ndarray) -> None:
        """Show another sheet of the same size where it covers this one."""
        self.picture += cover[:, :, None] * (other.picture - self.picture)
        for category, index in self.parts.items():
            np.copyto(index, other.parts[category], where=cover > 0.5)

    def shade(self, factor: np.ndarray) -> None:
        """Multiply the picture by a (height, width) or (3,) factor: light and shadow."""
        self.picture *= factor[:, :, None] if factor.ndim == 2 else factor

    def developed(self) -> np.ndarray:
        """Return the picture as (height, width, 3) uint8."""
        return self.picture.round().clip(0, 255).astype(np.uint8)


def blur(cover: np.ndarray, radius: float) -> np.ndarray:
    """Soften the edges of a cover."""
    image = Image.fromarray((cover * 255).astype(np.uint8))
    return np.asarray(image.filter(ImageFilter.GaussianBlur(radius)), dtype=np.float32) / 255


def mottle(rng: np.random.Generator, cells: int) -> np.ndarray:
    """Return smooth light and dark patches, (96, 96) from -1 to 1, about `cells` of them a side."""
    coarse = Image.fromarray(rng.integers(0, 256, (cells, cells), dtype=np.uint8))
    return np.asarray(coarse.resize((SIZE, SIZE), Image.Resampling.BICUBIC), dtype=np.float32) / 127.5 - 1
