"""The part of a picture that the network's input shows, so that masks of the picture can be laid over the input.

Transforms resize, crop, pad and mirror. To find out what a transform does, two ramps are put through it: pictures that
grow steadily brighter across or down. The brightness in the input then tells the place in the picture.
"""

import numpy as np
from PIL import Image

from precompute.errors import ModelError
from precompute.images.concepts import NONE
from precompute.images.loading import Transform, apply_transform

MAX_SIDE = 112
"""The most positions per side at which masks are read: as many as in the published network dissection."""

# Near the ends of a ramp a transform may round or clamp, so the line is fitted without this share at each end.
_MARGIN = 0.04
# How far the transformed ramp may be from a line, in levels of 255.
_LEVELS_OFF = 2.5


class Frame:
    """Where the positions of a grid over the network's input lie on a picture.

    Parameters
    ----------
    down, across : np.ndarray
        (row,) and (column,): the place on the picture, from 0 at the top (left) edge to 1 at the other edge. Places
        below 0 or above 1 lie beside the picture.
    """

    def __init__(self, down: np.ndarray, across: np.ndarray) -> None:
        self.down = down
        self.across = across

    def sample(self, mask: np.ndarray) -> np.ndarray:
        """Read a mask at the positions.

        Parameters
        ----------
        mask : np.ndarray
            (height, width) over the whole picture, of any size.

        Returns
        -------
        np.ndarray
            (row, column) the values of the pixels in which the positions lie; `NONE` beside the picture.
        """
        rows, columns = (_cells(place, size) for place, size in zip((self.down, self.across), mask.shape, strict=True))
        found = mask[np.maximum(rows, 0)[:, None], np.maximum(columns, 0)]
        return np.where((rows >= 0)[:, None] & (columns >= 0), found, NONE).astype(np.int32)


def _cells(place: np.ndarray, size: int) -> np.ndarray:
    """Return the index of the pixel at each place; -1 for places beside the picture."""
    cell = np.floor(place * size).astype(np.int64)
    return np.where((cell >= 0) & (cell < size), cell, -1)


class Framing:
    """Finds the frame for pictures of each size.

    Parameters
    ----------
    transform : callable
        The network's preprocessing.
    input_size : (int, int)
        Height and width of the network's input.
    max_side : int
        The most positions per side of the grid; there are no more than the input has pixels.
    """

    def __init__(self, transform: Transform, input_size: tuple[int, int], *, max_side: int = MAX_SIDE) -> None:
        self._transform = transform
        self._input = input_size
        longer = max(input_size)
        self.grid = tuple(max(1, round(side * min(max_side, longer) / longer)) for side in input_size)
        self._known: dict[tuple[int, int], Frame] = {}

    def of(self, size: tuple[int, int]) -> Frame:
        """Return the frame for pictures of a (width, height).

        Raises
        ------
        ModelError
            If the transform does more to a picture than resize, crop, pad or mirror it.
        """
        if size not in self._known:
            self._known[size] = self._find(size)
        return self._known[size]

    def _find(self, size: tuple[int, int]) -> Frame:
        width, height = size
        black, white = (self._seen(np.full((height, width), level)) for level in (0, 255))
        channel = np.abs(white - black).mean(axis=(1, 2)).argmax()
        shares = [
            _shares(self._seen(ramp)[channel], black[channel], white[channel])
            for ramp in (np.tile(_ramp(height)[:, None], width), np.tile(_ramp(width), (height, 1)))
        ]
        down, across = (_line(share, axis, size[1 - axis]) for axis, share in enumerate(shares))
        if down is None or across is None:
            raise ModelError(
                f"The network's transform does more than resize, crop, pad or mirror a picture of {width} x {height} "
                "pixels, so masks cannot be laid over what the network sees. Use a transform that does only these."
            )
        return Frame(
            _at_grid(down, self._input[0], self.grid[0]),
            _at_grid(across, self._input[1], self.grid[1]),
        )

    def _seen(self, grey: np.ndarray) -> np.ndarray:
        picture = Image.fromarray(grey.astype(np.uint8)).convert("RGB")
        return apply_transform(self._transform, picture, "a grey picture").numpy().astype(np.float64)


def _ramp(length: int) -> np.ndarray:
    return np.rint(255 * (np.arange(length) + 0.5) / length)


def _shares(seen: np.ndarray, black: np.ndarray, white: np.ndarray) -> np.ndarray:
    """Return how bright each pixel is, from 0 to 1; NaN where the input does not depend on the picture."""
    gain = white - black
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(np.abs(gain) > 0.5 * np.abs(gain).max(), (seen - black) / gain, np.nan)


def _line(share: np.ndarray, axis: int, length: int) -> np.ndarray | None:
    """Fit a line, slope and start, from the row (axis 0) or column to the place; None if the places are on no line."""
    index = np.broadcast_to(np.expand_dims(np.arange(share.shape[axis]), 1 - axis), share.shape)
    inside = (share > _MARGIN) & (share < 1 - _MARGIN)
    if len(np.unique(index[inside])) < 2:
        return None
    line = np.polyfit(index[inside], share[inside], 1)
    off = np.abs(np.polyval(line, index[inside]) - share[inside])
    return line if off.max() <= max(_LEVELS_OFF / 255, 1 / length) else None


def _at_grid(line: np.ndarray, n_pixels: int, n_places: int) -> np.ndarray:
    return np.polyval(line, (np.arange(n_places) + 0.5) * n_pixels / n_places - 0.5)
