"""Grey of more than 8 bits, scaled to 8 bits.

Pillow clips such numbers at 255 or keeps their upper 8 bits, so a radiograph of 12 bits in a file of 16 would arrive
white, or black. The value of white comes from the file if it says so, from the user, or from the pixels if they leave
no doubt. Otherwise the picture is refused.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from PIL import Image

from precompute.images.unreadable import UnreadablePicture

WHITE_OF_16_BITS = 65535.0
_WHITE_IS_ZERO = 0
_PHOTOMETRIC = 262
_PIXELS_AT_ONCE = 2**20
_SAY_WHITE = "say with --white N which value is white"
_OWN_LOADER = "use your own loader"


@dataclass(frozen=True)
class Depth:
    """The range of the pixels in a file, found before the file is decoded.

    Parameters
    ----------
    grey
        Whether the file is grey of more than 8 bits.
    sixteen_bits
        Whether the values, grey or colours, are unsigned and of 16 bits.
    white
        The value of white if the file, or the way it is decoded, leaves no doubt; otherwise None.
    inverted
        Whether 0 is white.
    """

    grey: bool
    sixteen_bits: bool
    white: float | None
    inverted: bool

    @classmethod
    def of(cls, picture: Image.Image) -> "Depth":
        """Return the depth of an image file that is open and not yet decoded."""
        raw, decoder = _raw_mode(picture)
        grey = picture.mode.startswith(("I", "F"))
        tags = getattr(picture, "tag_v2", {})
        return cls(
            grey=grey,
            sixteen_bits=(picture.mode.startswith("I;16") or (picture.format, picture.mode) == ("PPM", "I"))
            if grey
            else ";16" in raw,
            # The decoder of PGM scales the white of the file's header to 16 bits.
            white=4095.0 if raw == "I;12" else WHITE_OF_16_BITS if grey and decoder.startswith("ppm") else None,
            inverted=grey and tags.get(_PHOTOMETRIC) == _WHITE_IS_ZERO,
        )

    @property
    def uncertain(self) -> bool:
        """Whether the value of white must come from elsewhere."""
        return self.white is None and (self.grey or self.sixteen_bits)


def brightest(picture: Image.Image, depth: Depth) -> float:
    """Return the largest value of a decoded picture of 16 bits.

    Parameters
    ----------
    picture : Image.Image
        The picture: grey, or colours of which Pillow kept the upper 8 of 16 bits.
    depth : Depth
        The depth of its file.
    """
    if depth.grey:
        return float(max(np.max(strip) for _, strip in _strips(picture)))
    return 257.0 * max(int(np.asarray(picture.getchannel(band)).max()) for band in picture.getbands() if band != "A")


def eight_bits(picture: Image.Image, depth: Depth, white: float | None) -> Image.Image:
    """Scale a decoded grey picture to 8 bits: 0 is black, values of `white` and above are white.

    Parameters
    ----------
    picture : Image.Image
        The picture, of integers or floating-point numbers.
    depth : Depth
        The depth of its file.
    white : float, optional
        The value of white. None if it is not known: then the largest value of 16 bits is white if the picture uses the
        upper half of the range.

    Returns
    -------
    Image.Image
        In mode L.

    Raises
    ------
    UnreadablePicture
        If it is not certain which value is black or white.
    """
    if white is None and not depth.sixteen_bits:
        kind = "floating-point numbers" if picture.mode == "F" else "signed or 32-bit integers"
        raise UnreadablePicture(f"its pixels are {kind} of unknown range", _SAY_WHITE)
    if depth.inverted:
        raise UnreadablePicture("0 is white in it, which is not supported with more than 8 bits", _OWN_LOADER)
    if white is None:
        refuse_dark(brightest(picture, depth))
    scale = (white or WHITE_OF_16_BITS) / 255
    grey = np.empty(picture.size[::-1], dtype=np.uint8)
    for rows, strip in _strips(picture):
        low = strip.min()
        if not low >= 0:
            found = f"it has pixels down to {low:g}" if low < 0 else "it has pixels that are not a number"
            raise UnreadablePicture(f"{found}, but black is 0", _OWN_LOADER)
        grey[rows] = np.rint(np.clip(strip / scale, 0, 255))
    return Image.fromarray(grey)


def refuse_dark_colours(picture: Image.Image, depth: Depth, white: float | None) -> None:
    """Refuse colours of 16 bits that use only the lower half of their range, or whose white is not 65535.

    Raises
    ------
    UnreadablePicture
        If either is the case.
    """
    if white is None:
        refuse_dark(
            brightest(picture, depth), f"--white {WHITE_OF_16_BITS:.0f} says that it is just dark; or {_OWN_LOADER}"
        )
    elif white != WHITE_OF_16_BITS:
        raise UnreadablePicture(
            f"only the upper 8 of its 16 bits per colour are read, so {white:g} cannot be white", _OWN_LOADER
        )


def refuse_dark(found: float, way_on: str = _SAY_WHITE) -> None:
    """Refuse 16-bit values that use only the lower half of the range: they may be numbers of fewer bits.

    Parameters
    ----------
    found : float
        The largest value.
    way_on : str
        What to do about it at the command line.

    Raises
    ------
    UnreadablePicture
        If no value is in the upper half.
    """
    if found <= WHITE_OF_16_BITS / 2:
        raise UnreadablePicture(
            f"its brightest pixel is {found:.0f} of 65535, so it may hold fewer than 16 bits", way_on
        )


def _raw_mode(picture: Image.Image) -> tuple[str, str]:
    """Return how Pillow will unpack the pixels, and the name of its decoder; empty if Pillow does not say."""
    tiles = getattr(picture, "tile", None)
    if not tiles:
        return "", ""
    args = tiles[0].args
    first = args[0] if isinstance(args, tuple) and args else args
    return (first if isinstance(first, str) else ""), tiles[0].codec_name


def _strips(picture: Image.Image) -> Iterator[tuple[slice, np.ndarray]]:
    """Yield the picture in bands of rows as float64; the whole would take too much memory."""
    width, height = picture.size
    step = max(1, _PIXELS_AT_ONCE // width)
    for top in range(0, height, step):
        bottom = min(top + step, height)
        yield slice(top, bottom), np.asarray(picture.crop((0, top, width, bottom))).astype(np.float64)
