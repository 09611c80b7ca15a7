"""Grey of more than 8 bits, made into 8.

Pillow cuts such numbers off at 255 or keeps their upper half, so a radiograph of 12 bits in a file of 16 would arrive
white, or black. Which value is white is taken from the file where it says so, from the person who knows it, or from the
pixels where they leave no doubt; otherwise the picture is refused.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from PIL import Image

WHITE_OF_16_BITS = 65535.0
_WHITE_IS_ZERO = 0
_PHOTOMETRIC = 262
_PIXELS_AT_ONCE = 2**20


class UnknownWhite(ValueError):
    """Nobody knows which value of a picture's pixels is white; the message is a short reason."""


@dataclass(frozen=True)
class Depth:
    """How a file holds its pixels, as far as their range goes. To be found before the file is decoded.

    Parameters
    ----------
    grey
        Whether it is grey of more than 8 bits.
    sixteen_bits
        Whether its values are unsigned and of 16 bits, of colours too.
    white
        The value that is white where the file, or what decodes it, leaves no doubt.
    inverted
        Whether 0 is white in it.
    """

    grey: bool
    sixteen_bits: bool
    white: float | None
    inverted: bool

    @classmethod
    def of(cls, picture: Image.Image) -> "Depth":
        """Look at an image file that is open and not yet decoded."""
        raw, decoder = _raw_mode(picture)
        grey = picture.mode.startswith(("I", "F"))
        tags = getattr(picture, "tag_v2", {})
        return cls(
            grey=grey,
            sixteen_bits=(picture.mode.startswith("I;16") or (picture.format, picture.mode) == ("PPM", "I"))
            if grey
            else ";16" in raw,
            # The decoder of PGM stretches to 16 bits what the file's header says is white.
            white=4095.0 if raw == "I;12" else WHITE_OF_16_BITS if grey and decoder.startswith("ppm") else None,
            inverted=grey and tags.get(_PHOTOMETRIC) == _WHITE_IS_ZERO,
        )

    @property
    def uncertain(self) -> bool:
        """Whether something has to say which value is white."""
        return self.white is None and (self.grey or self.sixteen_bits)


def brightest(picture: Image.Image, depth: Depth) -> float:
    """Return the largest value of a decoded picture of 16 bits.

    Parameters
    ----------
    picture : Image.Image
        Of an image file: grey, or colours of which Pillow kept the upper 8 of 16 bits.
    depth : Depth
        Of its file.
    """
    if depth.grey:
        return float(max(np.max(strip) for _, strip in _strips(picture)))
    return 257.0 * max(int(np.asarray(picture.getchannel(band)).max()) for band in picture.getbands() if band != "A")


def eight_bits(picture: Image.Image, depth: Depth, white: float | None) -> Image.Image:
    """Bring a decoded grey picture to 8 bits: 0 is black, values of `white` and above are white.

    Parameters
    ----------
    picture : Image.Image
        Of integers or floating-point numbers.
    depth : Depth
        Of its file.
    white : float, optional
        The value that is white. None where nobody said it: then the largest value of 16 bits is white if the picture
        uses the upper half of the range.

    Returns
    -------
    Image.Image
        In mode L.

    Raises
    ------
    UnknownWhite
        Where black or white is not certain.
    """
    if white is None and not depth.sixteen_bits:
        kind = "floating-point numbers" if picture.mode == "F" else "signed or 32-bit integers"
        raise UnknownWhite(f"its pixels are {kind} of unknown range; --white N says which value is white")
    if depth.inverted:
        raise UnknownWhite("0 is white in it, and of more than 8 bits that is not understood: use a loader of your own")
    if white is None:
        refuse_dark(brightest(picture, depth))
    scale = (white or WHITE_OF_16_BITS) / 255
    grey = np.empty(picture.size[::-1], dtype=np.uint8)
    for rows, strip in _strips(picture):
        low = strip.min()
        if not low >= 0:
            found = f"it has pixels down to {low:g}" if low < 0 else "it has pixels that are not a number"
            raise UnknownWhite(f"{found}, but black is 0: use a loader of your own")
        grey[rows] = np.rint(np.clip(strip / scale, 0, 255))
    return Image.fromarray(grey)


def refuse_dark_colours(picture: Image.Image, depth: Depth, white: float | None) -> None:
    """Refuse colours of 16 bits that use less than half of their range, and any other white than that of 16 bits.

    Raises
    ------
    UnknownWhite
        Where that is so.
    """
    if white is None:
        refuse_dark(brightest(picture, depth))
    elif white != WHITE_OF_16_BITS:
        raise UnknownWhite("of its 16 bits a colour only the upper 8 are read, so --white cannot be: use a loader")


def refuse_dark(found: float) -> None:
    """Refuse 16-bit values that use only the lower half of the range: they may be numbers of fewer bits.

    Raises
    ------
    UnknownWhite
        Where no value is in the upper half.
    """
    if found <= WHITE_OF_16_BITS / 2:
        raise UnknownWhite(
            f"its brightest pixel is {found:.0f} of 65535, so it may hold fewer than 16 bits; "
            "--white N says which value is white"
        )


def _raw_mode(picture: Image.Image) -> tuple[str, str]:
    """How Pillow will unpack the pixels, and by which decoder; empty where it does not say."""
    tiles = getattr(picture, "tile", None)
    if not tiles:
        return "", ""
    args = tiles[0].args
    first = args[0] if isinstance(args, tuple) and args else args
    return (first if isinstance(first, str) else ""), tiles[0].codec_name


def _strips(picture: Image.Image) -> Iterator[tuple[slice, np.ndarray]]:
    """Cut the picture into bands of rows: the whole as numbers of eight bytes would take too much memory."""
    width, height = picture.size
    step = max(1, _PIXELS_AT_ONCE // width)
    for top in range(0, height, step):
        bottom = min(top + step, height)
        yield slice(top, bottom), np.asarray(picture.crop((0, top, width, bottom))).astype(np.float64)
