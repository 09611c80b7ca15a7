"""Pictures from arrays: outlines and heat maps that lie over a thumbnail, and the data URIs that carry them.

Overlays are transparent where they show nothing, so they work on light and dark pages.
"""

import base64
import io
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from precompute.store.schema import WHOLE

Floats = NDArray[np.floating[Any]]
Part = tuple[float, float, float, float]

SIDE = 224
"""Pixels a side of an overlay on a square picture."""
LINE = (255, 255, 255)
CASING = (16, 20, 24)
CONCEPT = (149, 80, 225)
RAISES = (31, 127, 184)
LOWERS = (224, 103, 44)
Colour = tuple[int, int, int]
Signed = tuple[Colour, Colour]

_COLOURS, _ALPHA = ((0, 0, 0), CASING, LINE, CONCEPT, CONCEPT), bytes((0, 255, 255, 110, 255))
_CASED, _LINED, _FILLED, _BORDERED = range(1, 5)
# Of a signed map: the number of the colour at zero, with as many colours below as above, and how strong each is.
_CLEAR = 127
_STRENGTHS = bytes(round(255 * abs(number - _CLEAR) / _CLEAR) for number in range(2 * _CLEAR + 1))


def data_uri(data: bytes, kind: str) -> str:
    """Return the bytes of an image as a data URI, which needs no request."""
    return f"data:image/{kind};base64,{base64.b64encode(data).decode('ascii')}"


def opened(jpeg: bytes) -> Image.Image:
    """Open a picture of a store as what it must be: for some other formats Pillow would start a program."""
    return Image.open(io.BytesIO(jpeg), formats=("JPEG",))


def mosaic(jpegs: Sequence[bytes]) -> bytes:
    """Join the pictures of up to four images, two in a row, as one JPEG; empty where there are none."""
    parts = [opened(jpeg).convert("RGB") for jpeg in jpegs if jpeg]
    if not parts:
        return b""
    width, height = parts[0].size
    whole = Image.new("RGB", (2 * width, 2 * height), "white")
    for at, part in enumerate(parts[:4]):
        whole.paste(part.resize((width, height)), (at % 2 * width, at // 2 * height))
    out = io.BytesIO()
    whole.save(out, "JPEG", quality=90)
    return out.getvalue()


def outline_level(top_maps: Floats) -> float:
    """Return the activation at which a unit's active regions are outlined: half the typical peak of its top exemplars.

    The level is the same for all lists, so that a picture that hardly drives the unit has no outline.

    Parameters
    ----------
    top_maps : (exemplar, row, column) array
        Maps of the unit's top exemplars.

    Returns
    -------
    float
        Half the median of the maps' maxima; NaN where it is not above zero, and without maps.
    """
    if top_maps.size == 0:
        return float("nan")
    typical = float(np.median(top_maps.max(axis=(1, 2))))
    return typical / 2 if typical > 0 else float("nan")


def aspect_of(input_size: Sequence[int]) -> float:
    """Return width over height of a network's inputs (channel, height, width), which its pictures share."""
    height, width = (*input_size, 1, 1)[1:3] if len(input_size) == 3 else (1, 1)
    return width / height if height > 0 and width > 0 else 1.0


def canvas(aspect: float) -> tuple[int, int]:
    """Return rows and columns of an overlay for pictures of an aspect; the area is about the same for all."""
    root = math.sqrt(aspect)
    return max(1, round(SIDE / root)), max(1, round(SIDE * root))


def active_region(
    activation: Floats, level: float, size: tuple[int, int] = (SIDE, SIDE), part: Part = WHOLE
) -> NDArray[np.bool_]:
    """Say where a map, enlarged smoothly to the rows and columns of a picture, exceeds a level; nowhere outside it."""
    (top, bottom), (left, right) = _ends(part, size)
    height, width = activation.shape
    above, aside, below, across = part
    box = (
        width * max(0.0, (left / size[1] - aside) / (across - aside)),
        height * max(0.0, (top / size[0] - above) / (below - above)),
        width * min(1.0, (right / size[1] - aside) / (across - aside)),
        height * min(1.0, (bottom / size[0] - above) / (below - above)),
    )
    region = np.zeros(size, bool)
    if bottom > top and right > left and box[2] > box[0] and box[3] > box[1]:
        there = (right - left, bottom - top)
        enlarged = Image.fromarray(activation.astype(np.float32)).resize(there, Image.Resampling.BICUBIC, box)
        region[top:bottom, left:right] = np.asarray(enlarged) > level
    return region


def placed(values: Floats, part: Part) -> Floats:
    """Return a map laid out over the whole picture, zero where the map does not reach."""
    if part == WHOLE:
        return values
    where = ((np.arange(SIDE) + 0.5) / SIDE - np.array(part[:2])[:, None]) / (np.array(part[2:]) - part[:2])[:, None]
    cells = [np.floor(along * n).astype(int) for along, n in zip(where, values.shape, strict=True)]
    laid = values[np.ix_(*(np.clip(each, 0, n - 1) for each, n in zip(cells, values.shape, strict=True)))]
    inside = [(each >= 0) & (each < n) for each, n in zip(cells, values.shape, strict=True)]
    return np.where(inside[0][:, None] & inside[1], laid, 0).astype(values.dtype)


def _ends(part: Part, size: tuple[int, int]) -> tuple[tuple[int, int], ...]:
    """Return the first pixel of a part of a picture and the one behind its last, for rows and for columns."""
    ends = zip(part[:2], part[2:], size, strict=True)
    return tuple((round(max(0.0, first) * n), round(min(1.0, last) * n)) for first, last, n in ends)


def outline(activation: Floats, level: float, size: tuple[int, int] = (SIDE, SIDE), part: Part = WHOLE) -> bytes | None:
    """Draw the border of a unit's active region as a transparent PNG.

    Parameters
    ----------
    activation : (row, column) array
        The unit's map on one image.
    level : float
        Activation that counts as active.
    size : (int, int)
        Rows and columns of the PNG, from :func:`canvas`.
    part : (float, float, float, float)
        Where the map lies in the picture, as :attr:`precompute.store.layer.Layer.part`.

    Returns
    -------
    bytes or None
        None where nothing exceeds the level, and in layers without spatial dimensions, where a map is one number.
    """
    if activation.size == 1 or np.isnan(level):
        return None
    region = active_region(activation, level, size, part)
    if not region.any():
        return None
    drawn = np.zeros(size, np.uint8)
    _draw_border(drawn, region)
    return _drawing(drawn)


def regions(own: NDArray[np.bool_], concept: NDArray[np.bool_], size: tuple[int, int] = (SIDE, SIDE)) -> bytes | None:
    """Draw where a concept is, and over it the border of where a unit is active, as a transparent PNG.

    Parameters
    ----------
    own, concept : (row, column) bool array
        Where the unit is active and where the concept is.
    size : (int, int)
        Rows and columns of the PNG, from :func:`canvas`.

    Returns
    -------
    bytes or None
        None where there is neither.
    """
    if not (own.any() or concept.any()):
        return None
    drawn = np.zeros(size, np.uint8)
    place = active_region(concept.astype(np.float32), 0.5, size)
    drawn[place] = _FILLED
    drawn[_any_around(place & ~_all_around(place))] = _BORDERED
    _draw_border(drawn, active_region(own.astype(np.float32), 0.5, size))
    return _drawing(drawn)


def _draw_border(drawn: NDArray[np.uint8], region: NDArray[np.bool_]) -> None:
    line = _any_around(region & ~_all_around(region))
    # A casing on both sides, as wide as the line, makes it visible on light and dark pictures, and at small size.
    drawn[_any_around(_any_around(line)) & ~line] = _CASED
    drawn[line] = _LINED


def frame(
    ends: tuple[float, float, float, float], shape: tuple[int, int], size: tuple[int, int] = (SIDE, SIDE)
) -> bytes | None:
    """Draw the border of a rectangle of a network's input as a transparent PNG, as far as it lies on the picture.

    Parameters
    ----------
    ends : (float, float, float, float)
        First row, first column, last row and last column, inclusive, in pixels of the input counted from 0.
    shape : (int, int)
        Rows and columns of the input.
    size : (int, int)
        Rows and columns of the PNG, from :func:`canvas`.

    Returns
    -------
    bytes or None
        None where an end is NaN, and where no part of the rectangle is on the picture.
    """
    if np.isnan(ends).any():
        return None
    top, left, bottom, right = ends
    rows, columns = (
        (np.arange(n_pixels) + 0.5) * n_inputs / n_pixels for n_pixels, n_inputs in zip(size, shape, strict=True)
    )
    inside = ((rows >= top) & (rows < bottom + 1))[:, None] & ((columns >= left) & (columns < right + 1))
    if not inside.any():
        return None
    drawn = np.zeros(size, np.uint8)
    _draw_border(drawn, inside)
    return _drawing(drawn)


def heat(values: Floats, limit: float, colours: Signed = (RAISES, LOWERS)) -> bytes:
    """Draw a signed map as a transparent PNG: blue where it is above zero, orange where below, clear at zero.

    Parameters
    ----------
    values : (row, column) array
        The map; clear where it is NaN.
    limit : float
        The absolute value that is drawn in full colour; use the same value for maps that are compared.
    colours : pair of RGB
        The colours above and below zero.
    """
    strength = np.clip(np.nan_to_num(values) / limit, -1, 1) if limit > 0 else np.zeros(values.shape)
    drawn = (_CLEAR + np.rint(_CLEAR * strength)).astype(np.uint8)
    above, below = colours
    return _drawing(drawn, [*[below] * _CLEAR, *[above] * (_CLEAR + 1)], _STRENGTHS)


def common_limit(maps: Floats) -> float:
    """Return a common scale for several signed maps: the 99th percentile of their absolute values.

    Scaling by the single largest pixel would leave everything else pale.
    """
    size = np.abs(maps[np.isfinite(maps)])
    if size.size == 0:
        return 0.0
    return float(np.percentile(size, 99)) or float(size.max())


def _any_around(region: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Grow a region by one pixel, diagonals included."""
    grown = region.copy()
    grown[1:] |= region[:-1]
    grown[:-1] |= region[1:]
    wide = grown.copy()
    wide[:, 1:] |= grown[:, :-1]
    wide[:, :-1] |= grown[:, 1:]
    return wide


def _all_around(region: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Shrink a region by one pixel. Everything beyond the picture counts as inside, so its edge is not a border."""
    return ~_any_around(~region)


def _drawing(drawn: NDArray[np.uint8], colours: Sequence[Colour] = _COLOURS, alpha: bytes = _ALPHA) -> bytes:
    """Return a drawing, the number of a colour a pixel, as a PNG that writes its colours once.

    A pixel is one byte, not four, so this is made, sent and read several times as fast. The lowest level of compression
    takes half the time of the usual one, for a few more bytes.
    """
    image = Image.fromarray(drawn, "P")
    image.putpalette([part for colour in colours for part in colour])
    buffer = io.BytesIO()
    image.save(buffer, "PNG", transparency=alpha, compress_level=1)
    return buffer.getvalue()
