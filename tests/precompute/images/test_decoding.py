import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from precompute.images.decoding import UnreadablePicture, open_picture

RED, GREEN, WHITE = (255, 0, 0), (0, 255, 0), (255, 255, 255)


def saved(path, picture, **options):
    picture.save(path, **options)
    return path


def quadrants():
    """8 x 16 pixels, with another colour in each quarter."""
    pixels = np.zeros((16, 8, 3), np.uint8)
    pixels[:8, :4], pixels[:8, 4:], pixels[8:, :4] = RED, GREEN, WHITE
    return Image.fromarray(pixels)


def noise(mode="RGB", size=(64, 48)):
    return Image.effect_noise(size, 90).convert(mode)


def test_a_png_keeps_its_pixels(tmp_path):
    picture = open_picture(saved(tmp_path / "a.png", quadrants()))
    assert picture.mode == "RGB"
    assert np.array_equal(picture, quadrants())


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_jpeg_is_turned_upright(tmp_path, orientation):
    undo = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    lying = quadrants().transpose(undo[orientation]) if orientation in undo else quadrants()
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = saved(tmp_path / "a.jpg", lying, exif=exif, quality=100, subsampling=0)
    assert np.abs(np.asarray(open_picture(path), int) - np.asarray(quadrants(), int)).max() < 12


def test_damaged_exif_leaves_the_picture_as_it_lies(tmp_path):
    path = saved(tmp_path / "a.jpg", quadrants(), exif=b"Exif\0\0MM\0*\xff\xff\xff\xff nonsense")
    assert open_picture(path).size == (8, 16)


def test_cmyk_becomes_rgb(tmp_path):
    path = saved(tmp_path / "a.jpg", Image.new("CMYK", (8, 8), (0, 255, 255, 0)), quality=100)
    assert np.abs(np.asarray(open_picture(path), int) - RED).max() < 4


@pytest.mark.parametrize("transparency", [1, bytes([255, 0, 255])], ids=["index", "alpha"])
def test_transparent_parts_of_a_palette_lie_on_white(tmp_path, transparency):
    picture = Image.new("P", (2, 1))
    picture.putpalette([*RED, *GREEN])
    picture.putdata([0, 1])
    path = saved(tmp_path / "a.png", picture, transparency=transparency)
    assert np.asarray(open_picture(path)).tolist() == [[list(RED), list(WHITE)]]


def test_half_transparent_colours_are_mixed_with_white(tmp_path):
    path = saved(tmp_path / "a.png", Image.new("RGBA", (1, 1), (255, 0, 0, 127)))
    assert np.asarray(open_picture(path)).tolist() == [[[255, 128, 128]]]


@pytest.mark.parametrize("ending", ["png", "tif", "pgm"])
def test_sixteen_bit_grey_is_scaled_not_cut_off(tmp_path, ending):
    grey = np.array([[0, 257, 32896, 65535]], np.uint16)
    path = saved(tmp_path / f"a.{ending}", Image.fromarray(grey))
    assert np.asarray(open_picture(path)).tolist() == [[[value] * 3 for value in (0, 1, 128, 255)]]


def test_grey_black_and_white_and_gif_become_rgb(tmp_path):
    assert np.asarray(open_picture(saved(tmp_path / "l.png", Image.new("L", (1, 1), 7)))).tolist() == [[[7, 7, 7]]]
    assert np.asarray(open_picture(saved(tmp_path / "1.png", Image.new("1", (1, 1), 1)))).tolist() == [[[255] * 3]]
    frames = [Image.new("RGB", (2, 2), colour) for colour in (RED, GREEN)]
    path = saved(tmp_path / "a.gif", frames[0], save_all=True, append_images=frames[1:])
    assert np.all(np.asarray(open_picture(path)) == RED)


def test_the_ending_does_not_matter(tmp_path):
    assert open_picture(saved(tmp_path / "a.txt", quadrants(), format="PNG")).size == (8, 16)


def huge_png():
    """The file of a 1 x 1 picture whose header promises 30,000 x 30,000 pixels."""
    file = io.BytesIO()
    Image.new("L", (1, 1)).save(file, "PNG")
    data = bytearray(file.getvalue())
    data[16:24] = struct.pack(">II", 30_000, 30_000)
    data[29:33] = struct.pack(">I", zlib.crc32(data[12:29]))
    return bytes(data)


def truncated(file_format):
    file = io.BytesIO()
    noise().save(file, file_format)
    return file.getvalue()[: len(file.getvalue()) // 2]


def floats():
    file = io.BytesIO()
    Image.new("F", (2, 2), 0.5).save(file, "TIFF")
    return file.getvalue()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "the file is empty"),
        (b"This is a note about the images, not an image.", "not an image in a known format"),
        (truncated("JPEG"), "truncated"),
        (truncated("PNG"), "truncated"),
        (truncated("GIF"), "truncated"),
        (huge_png(), "it has more pixels than is safe to decode"),
        (floats(), "its pixels are floating-point numbers of unknown range"),
    ],
    ids=["empty", "text", "jpeg", "png", "gif", "bomb", "float"],
)
def test_a_file_that_is_no_readable_picture_has_a_short_reason(tmp_path, content, reason):
    path = tmp_path / "a.jpg"
    path.write_bytes(content)
    with pytest.raises(UnreadablePicture, match=reason) as error:
        open_picture(path)
    assert len(str(error.value)) < 80
    assert str(tmp_path) not in str(error.value)


def test_a_missing_file_and_a_folder_have_reasons_too(tmp_path):
    with pytest.raises(UnreadablePicture, match="there is no such file"):
        open_picture(tmp_path / "gone.png")
    with pytest.raises(UnreadablePicture, match="Is a directory"):
        open_picture(tmp_path)


@pytest.mark.parametrize("file_format", ["PNG", "JPEG", "GIF", "TIFF", "WEBP", "BMP"])
def test_any_damage_gives_a_picture_or_a_short_reason(tmp_path, file_format):
    rng = np.random.default_rng(0)
    file = io.BytesIO()
    noise(size=(20, 20)).save(file, file_format)
    outcomes = []
    for _ in range(30):
        data = np.frombuffer(file.getvalue(), np.uint8).copy()
        data[rng.integers(0, len(data), 8)] = rng.integers(0, 256, 8)
        (tmp_path / "a").write_bytes(data.tobytes())
        try:
            outcomes.append(open_picture(tmp_path / "a").mode)
        except UnreadablePicture as error:
            outcomes.append(str(error))
    assert all(0 < len(outcome) < 120 for outcome in outcomes)
