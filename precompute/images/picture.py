"""The input of the network, shown as a picture.

Transforms resize and crop, so a map over the network's input fits the input, not the file. To show the input, the
effect of the transform on colours is undone. Pictures of a single colour reveal it: for nearly all transforms each
pixel becomes ``matrix @ rgb + black``.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image

from precompute.errors import ModelError
from precompute.images.loading import Transform, apply_transform

# Black and the primaries give the matrix; white and a grey test it (the grey shows whether there is a gamma curve).
_PROBES = np.array([[0, 0, 0], [255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255], [96, 96, 96]], dtype=np.uint8)
# A direction of colour space is lost if the transform shrinks it below this share of the strongest direction.
_WEAK = 0.02
_RGB = 3
_FEW = 7
_RANGE = "stretched from the 1st to the 99th percentile of each image"


@dataclass(frozen=True, eq=False)
class InputView:
    """Turns network inputs back into pictures.

    Parameters
    ----------
    colours : np.ndarray, optional
        (rgb, channel) float64, from an input minus `black` to red, green and blue from 0 to 1. None if what the
        transform does to colours cannot be undone.
    black : np.ndarray, optional
        (channel,) float64, the input for black.
    """

    colours: np.ndarray | None = None
    black: np.ndarray | None = None

    @property
    def exact(self) -> bool:
        """Whether pictures have the colours that the network saw; if not, each is stretched to its own range."""
        return self.colours is not None

    @classmethod
    def probe(cls, transform: Transform, size: tuple[int, int]) -> "InputView":
        """Find out what a transform does to colours.

        It recognises normalisation by mean and deviation, any scale, BGR order, grey of one or three channels, and
        padding of any colour around the picture.

        Parameters
        ----------
        transform : callable
            The network's preprocessing.
        size : (int, int)
            Width and height of a usual image, in pixels.

        Returns
        -------
        InputView
            Exact if in six pictures of one colour each pixel either is an affine function of the colour, the same for
            all pixels and within a hundredth of its range, or does not depend on the colour (padding).
        """
        try:
            seen = np.stack([_probed(transform, size, colour) for colour in _PROBES])
        except (ModelError, ValueError):
            # It fails on pictures of one colour, or gives them several sizes; it may still work on real images.
            return cls()
        fitted = _affine(seen)
        if fitted is None:
            return cls()
        matrix, black = fitted
        return cls(_inverse(matrix), black)

    def rule(self, n_channels: int) -> str:
        """Say what pictures show of inputs with so many channels: a phrase that can follow "pictures show"."""
        if self.exact:
            return "what the network saw"
        if n_channels > _RGB:
            return (
                f"the first three of {n_channels} channels that the network saw, as red, green and blue, each {_RANGE}"
            )
        return f"what the network saw{' in grey' * (n_channels < _RGB)}, {_RANGE}"

    def picture(self, inputs: torch.Tensor | np.ndarray) -> np.ndarray:
        """Return the picture of an input.

        Parameters
        ----------
        inputs : torch.Tensor or np.ndarray
            (channel, height, width), the transformed image.

        Returns
        -------
        np.ndarray
            (height, width, rgb) uint8. If the view is not exact, the first three channels are red, green and blue;
            fewer channels are averaged to grey. The 1st percentile of the image becomes 0 and the 99th 255. With more
            than three channels this is done for each channel alone, since bands may have different scales.
        """
        values = torch.as_tensor(inputs).detach().to("cpu", torch.float64).numpy()
        if self.colours is None or self.black is None:
            rgb = _stretched(values)
        else:
            rgb = np.tensordot(self.colours, values - self.black[:, None, None], axes=1)
        levels = np.clip(np.nan_to_num(rgb), 0, 1) * 255
        return np.ascontiguousarray(levels.round().astype(np.uint8).transpose(1, 2, 0))


def _probed(transform: Transform, size: tuple[int, int], colour: np.ndarray) -> np.ndarray:
    picture = Image.new("RGB", size, tuple(colour.tolist()))
    return apply_transform(transform, picture, "a picture of one colour").numpy().astype(np.float64)


def _affine(seen: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    """Return the matrix (channel, rgb) and offset (channel,) that give the inputs of the probes; None if none fit.

    Inputs are (probe, channel, y, x).
    """
    moving = (np.ptp(seen, axis=0) > 0).any(axis=0)
    if not np.isfinite(seen).all() or not moving.any():
        return None
    pixels = seen[:, :, moving]  # (probe, channel, pixel), without padding
    means = pixels.mean(axis=2)
    black, matrix = means[0], (means[1:4] - means[0]).T
    expected = black + _PROBES / 255 @ matrix.T
    # Transforms that round to whole levels are off by up to two levels of 255: four probes are rounded.
    tolerance = 0.01 * np.ptp(means, axis=0)
    fits = np.abs(pixels - expected[:, :, None]) <= tolerance[:, None]
    return (matrix, black) if fits.all() else None


def _inverse(matrix: np.ndarray) -> np.ndarray | None:
    """Return the matrix (rgb, channel) that gives the colours back, or the grey if only that is left of them."""
    n_channels = len(matrix)
    scale = np.abs(matrix).max(axis=1, keepdims=True)
    if n_channels not in (1, 3) or not scale.all():
        return None
    strengths = np.linalg.svd(matrix / scale, compute_uv=False)
    if n_channels == 3 and strengths[2] > _WEAK * strengths[0]:
        return np.linalg.inv(matrix)
    white = (matrix / scale).sum(axis=1)
    if (strengths[1:] > _WEAK * strengths[0]).any() or np.linalg.norm(white) < _WEAK:
        return None
    grey = white / scale[:, 0] / (white @ white)
    return np.tile(grey, (3, 1))


def _stretched(values: np.ndarray) -> np.ndarray:
    if len(values) > _RGB:
        return np.concatenate([_to_range(band) for band in values[:_RGB, None]])
    if len(values) < _RGB:
        return np.repeat(_to_range(values.mean(axis=0, keepdims=True)), _RGB, axis=0)
    return _to_range(values)


def _to_range(values: np.ndarray) -> np.ndarray:
    finite = values[np.isfinite(values)]
    low, high = np.percentile(finite, (1, 99)) if finite.size else (0.0, 0.0)
    if low == high and finite.size:
        # Nearly all values are equal, so the percentiles would hide the few that are not.
        low, high = finite.min(), finite.max()
    return (values - low) / ((high - low) or 1.0)


def thumbnail(picture: np.ndarray, side: int) -> bytes:
    """Return a picture as a small JPEG file.

    Parameters
    ----------
    picture : np.ndarray
        (height, width, rgb) uint8.
    side : int
        The most pixels of the longer side; a smaller picture keeps its size.

    Returns
    -------
    bytes
        The file, always the same for the same picture.
    """
    image = Image.fromarray(picture)
    image.thumbnail((side, side), Image.Resampling.LANCZOS)
    file = io.BytesIO()
    # Chroma subsampling would smear the colours of such small pictures.
    image.save(file, "JPEG", quality=88, subsampling=0, optimize=True)
    return file.getvalue()


def area_average(maps: np.ndarray, side: int) -> np.ndarray:
    """Make maps small enough to store: each new cell is the mean over the area that it covers.

    A cell that lies in two new cells counts in each by its share there. So the mean over a map stays the same.

    Parameters
    ----------
    maps : np.ndarray
        (..., height, width), finite.
    side : int
        The most cells of the longer side. Maps that are no larger are returned unchanged.

    Returns
    -------
    np.ndarray
        (..., height', width') as :func:`small_shape` says; float32, or float64 if `maps` is. Unchanged maps keep
        their type.
    """
    old, new = maps.shape[-2:], small_shape(maps.shape[-2:], side)
    if new == old:
        return maps
    dtype = np.result_type(maps.dtype, np.float32)
    rows, columns = (_shares(before, after).astype(dtype) for before, after in zip(old, new, strict=True))
    return rows @ maps.astype(dtype) @ columns.T


def small_shape(shape: Sequence[int], side: int) -> tuple[int, int]:
    """Return the height and width of a map that is made small enough to store.

    A longer side than `side` becomes `side`, and the other side keeps the aspect ratio as well as whole cells allow. A
    side of up to seven cells stays as it is: a map of 2 x 96 would be left with one row, which could not show which
    of the two rows was active.
    """
    height, width = shape
    longer = max(height, width, side)
    rows, columns = (max(round(cells * side / longer), min(cells, _FEW, side)) for cells in (height, width))
    return rows, columns


def _shares(n: int, n_new: int) -> np.ndarray:
    """Return the share of each new cell's length that lies in each old cell, (new cell, old cell)."""
    edges = np.arange(n_new + 1) * (n / n_new)
    starts, stops = edges[:-1, None], edges[1:, None]
    cells = np.arange(n)
    overlap = np.minimum(stops, cells + 1) - np.maximum(starts, cells)
    return np.clip(overlap, 0, None) * (n_new / n)


def black_input(transform: Transform, size: tuple[int, int], shape: tuple[int, ...]) -> torch.Tensor | None:
    """Transform a black picture, the baseline of integrated gradients.

    Parameters
    ----------
    transform : callable
        The network's preprocessing.
    size : (int, int)
        Width and height of the picture in pixels.
    shape : tuple of int
        (channel, height, width) of the network's inputs.

    Returns
    -------
    torch.Tensor or None
        (channel, height, width) float32. None if the transform makes no input of a black picture: it fails, gives
        another shape, or divides by the deviation of the picture, which is 0.
    """
    try:
        black = apply_transform(transform, Image.new("RGB", size), "a black picture")
    except ModelError:
        return None
    return black if black.shape == shape and bool(black.isfinite().all()) else None
