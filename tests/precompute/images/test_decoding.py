import io
import json
import os
import struct
import warnings
import zlib

# Before any torchvision.
import precompute.models.torchvision_ops  # noqa: F401

# isort: split
import numpy as np
import pytest
from PIL import Image, ImageOps
from torchvision.datasets.folder import default_loader
from torchvision.transforms import Resize

from precompute.errors import OptionError
from precompute.images.decoding import Decoding, open_picture, picture_size, resizing_limited
from precompute.images.unreadable import UnreadablePicture

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


def palette(size=(2, 1)):
    picture = Image.new("P", size)
    picture.putpalette([*RED, *GREEN])
    picture.putdata([0, 1] * (size[0] * size[1] // 2))
    return picture


TRANSPARENT = {
    "palette, one colour": (palette(), {"transparency": 1}),
    "palette, alphas": (palette(), {"transparency": bytes([255, 0, 255])}),
    "grey and alpha": (Image.merge("LA", [noise("L"), noise("L")]), {}),
    "colours and alpha": (Image.merge("RGBA", [noise("L"), noise("L"), noise("L"), noise("L")]), {}),
    "one grey": (noise("L"), {"transparency": 128}),
    "one colour": (noise("L").convert("RGB"), {"transparency": (128, 128, 128)}),
}


@pytest.mark.parametrize(("picture", "options"), TRANSPARENT.values(), ids=TRANSPARENT)
def test_transparency_is_dropped_as_torchvision_drops_it(tmp_path, picture, options):
    path = saved(tmp_path / "a.png", picture, **options)
    with Image.open(path) as held:
        assert held.has_transparency_data
    with warnings.catch_warnings(action="ignore"):
        assert np.array_equal(open_picture(path), default_loader(str(path)))


@pytest.mark.parametrize(("picture", "options"), TRANSPARENT.values(), ids=TRANSPARENT)
def test_with_a_background_transparent_parts_lie_on_it(tmp_path, picture, options):
    path = saved(tmp_path / "a.png", picture, **options)
    with Image.open(path) as held:
        *colours, alpha = np.moveaxis(np.asarray(held.convert("RGBA"), np.float64), 2, 0)
    on = np.array([10, 200, 30])
    expected = (np.stack(colours, 2) * alpha[..., None] + on * (255 - alpha[..., None])) / 255
    shown = open_picture(path, Decoding(background=tuple(on.tolist())))
    assert np.abs(np.asarray(shown) - expected).max() <= 1


@pytest.mark.parametrize("ending", ["png", "tif", "pgm"])
def test_sixteen_bit_grey_is_scaled_not_cut_off(tmp_path, ending):
    grey = np.array([[0, 257, 32896, 65535]], np.uint16)
    path = saved(tmp_path / f"a.{ending}", Image.fromarray(grey))
    assert np.asarray(open_picture(path)).tolist() == [[[value] * 3 for value in (0, 1, 128, 255)]]


def ramp(low, high, dtype):
    return np.linspace(low, high, 256).reshape(16, 16).astype(dtype)


DEEP = {
    "12 bits": (ramp(0, 4095, np.uint16), "png", 4095),
    "14 bits": (ramp(0, 16383, np.uint16), "tif", 16383),
    "12 bits in a pgm": (ramp(0, 4095, np.uint16), "pgm", 4095),
    "32-bit integers": (ramp(0, 255, np.int32), "tif", 255),
    "floating point": (ramp(0, 1, np.float32), "tif", 1),
}


@pytest.mark.parametrize(("pixels", "ending", "white"), DEEP.values(), ids=DEEP)
def test_deep_grey_of_unknown_range_is_refused_until_white_is_told(tmp_path, pixels, ending, white):
    path = saved(tmp_path / f"a.{ending}", Image.fromarray(pixels))
    with pytest.raises(UnreadablePicture, match="say with --white N which value is white"):
        open_picture(path)
    shown = np.asarray(open_picture(path, Decoding(white=white)))[..., 0]
    assert np.array_equal(shown, np.rint(pixels.astype(np.float64) * 255 / white))
    brighter = np.asarray(open_picture(path, Decoding(white=white / 2)))[..., 0]
    assert np.array_equal(brighter, np.rint(np.minimum(pixels.astype(np.float64) * 510 / white, 255)))


@pytest.mark.parametrize(
    ("pixels", "reason"),
    [
        (ramp(-1000, 1000, np.int32), "it has pixels down to -1000, but black is 0"),
        (np.full((4, 4), np.nan, np.float32), "it has pixels that are not a number"),
    ],
)
def test_what_lies_below_black_is_refused_also_where_white_is_told(tmp_path, pixels, reason):
    path = saved(tmp_path / "a.tif", Image.fromarray(pixels))
    with pytest.raises(UnreadablePicture, match=reason):
        open_picture(path, Decoding(white=1000))


def test_a_dark_picture_of_sixteen_bits_is_dark_where_that_is_told(tmp_path):
    path = saved(tmp_path / "a.png", Image.fromarray(np.full((2, 2), 2570, np.uint16)))
    assert np.all(np.asarray(open_picture(path, Decoding(white=65535))) == 10)


def test_a_pgm_says_itself_which_value_is_white(tmp_path):
    path = tmp_path / "a.pgm"
    path.write_bytes(b"P5 3 1 4095\n" + np.array([0, 257, 514], ">u2").tobytes())
    for decoding in (Decoding(), Decoding(white=4095)):
        assert np.asarray(open_picture(path, decoding))[0, :, 0].tolist() == [0, 16, 32]


def test_floating_point_numbers_in_a_pfm_are_not_taken_for_16_bits(tmp_path):
    path = tmp_path / "a.pfm"
    path.write_bytes(b"Pf\n2 1\n-1.0\n" + np.array([0, 0.5], "<f4").tobytes())
    with pytest.raises(UnreadablePicture, match=r"floating-point numbers of unknown range; say with --white N"):
        open_picture(path)
    assert np.asarray(open_picture(path, Decoding(white=1)))[0, :, 0].tolist() == [0, 128]


def test_grey_of_many_rows_is_read_in_bands_of_rows(tmp_path):
    pixels = np.arange(1_200_000, dtype=np.int32).reshape(1200, 1000)
    path = saved(tmp_path / "a.tif", Image.fromarray(pixels))
    shown = np.asarray(open_picture(path, Decoding(white=1_200_000)))[..., 0]
    assert np.array_equal(shown, np.rint(pixels / (1_200_000 / 255)))


def png_of_colours(values):
    """A PNG of 16 bits a colour, which Pillow does not write. values: (height, width, rgb)."""

    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    height, width, _ = values.shape
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    head = struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0)
    parts = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


def test_colours_of_sixteen_bits_that_use_twelve_are_refused(tmp_path):
    path = tmp_path / "a.png"
    values = np.random.default_rng(0).integers(0, 65536, (4, 5, 3))
    path.write_bytes(png_of_colours(values))
    assert np.array_equal(open_picture(path), values >> 8)
    path.write_bytes(png_of_colours(values >> 4))
    with pytest.raises(
        UnreadablePicture, match="fewer than 16 bits; --white 65535 says that it is just dark; or use your"
    ):
        open_picture(path)
    with pytest.raises(UnreadablePicture, match="use your own loader"):
        open_picture(path, Decoding(white=4095))


@pytest.mark.parametrize("colour", ["nonsense", "#ff000080", ""])
def test_a_background_that_is_no_colour_is_refused(colour):
    with pytest.raises(OptionError, match="expected a colour without transparency, such as white"):
        Decoding.asked(colour, None, None)


def test_what_a_store_says_of_decoding_is_read_back():
    decoding = Decoding.asked("#102030", 4095, 50)
    assert Decoding.recorded(json.loads(json.dumps(decoding.record()))) == decoding
    assert decoding == Decoding((16, 32, 48), 4095, max_megapixels=50)


def test_full_sixteen_bits_say_nothing_of_other_numbers(tmp_path):
    sure = Decoding(full_16_bits=True)
    dark = saved(tmp_path / "a.png", Image.fromarray(np.full((2, 2), 2570, np.uint16)))
    assert np.all(np.asarray(open_picture(dark, sure)) == 10)
    for pixels in (ramp(0, 1, np.float32), ramp(0, 255, np.int32)):
        with pytest.raises(UnreadablePicture, match="of unknown range"):
            open_picture(saved(tmp_path / "a.tif", Image.fromarray(pixels)), sure)


@pytest.mark.parametrize("values", [{"white": 0}, {"white": float("nan")}, {"max_megapixels": -1}])
def test_impossible_limits_are_refused(values):
    with pytest.raises(OptionError, match="must be above 0"):
        Decoding(**values)


def test_a_postscript_file_starts_no_program(tmp_path, monkeypatch):
    started = []
    monkeypatch.setattr("subprocess.Popen", lambda *given, **named: started.append(given))
    path = tmp_path / "a.jpg"
    path.write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 40 40\n%%EndComments\nshowpage\n%%EOF\n")
    with pytest.raises(UnreadablePicture, match="not an image in a known format"):
        open_picture(path)
    assert not started


def test_what_is_no_regular_file_is_never_opened(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "a.png").symlink_to("pipe")
    (tmp_path / "b.png").symlink_to("/dev/zero")
    (tmp_path / "c.png").symlink_to("c.png")
    for name, reason in (("a", "this is a pipe"), ("b", "this is a device"), ("c", "Too many levels")):
        with pytest.raises(UnreadablePicture, match=reason):
            open_picture(tmp_path / f"{name}.png")


def test_the_limit_of_megapixels_can_be_moved_and_leaves_that_of_others_alone(tmp_path):
    usual = Image.MAX_IMAGE_PIXELS
    path = saved(tmp_path / "a.png", Image.new("L", (200, 100)))
    assert open_picture(path, Decoding(max_megapixels=0.02)).size == (200, 100)
    with pytest.raises(UnreadablePicture, match=r"more than 0\.019 megapixels; --max-megapixels raises the limit"):
        open_picture(path, Decoding(max_megapixels=0.019))
    assert usual == Image.MAX_IMAGE_PIXELS


def test_a_strip_is_not_resized_to_more_than_the_limit():
    strip, usual = Image.new("RGB", (10_000, 1)), Image.Image.resize
    with resizing_limited(Decoding()):
        with pytest.raises(UnreadablePicture, match=r"10,000 times .* from 10,000 x 1 to 2,560,000 x 256 pixels"):
            Resize(256)(strip)
        assert Resize((256, 256))(strip).size == (256, 256)
    with resizing_limited(Decoding(max_megapixels=0.02)), pytest.raises(UnreadablePicture):
        Image.new("RGB", (4, 2)).resize((202, 101))
    assert Image.Image.resize is usual


def test_an_icon_that_hides_a_larger_picture_is_held_to_the_limit(tmp_path):
    file = io.BytesIO()
    Image.new("RGB", (300, 300)).save(file, "PNG")
    data = file.getvalue()
    icon = struct.pack("<HHHBBBBHHII", 0, 1, 1, 16, 16, 0, 0, 1, 32, len(data), 22) + data
    (tmp_path / "a.ico").write_bytes(icon)
    with pytest.raises(UnreadablePicture, match="megapixels"):
        open_picture(tmp_path / "a.ico", Decoding(max_megapixels=0.05))


@pytest.mark.parametrize("ending", ["jpg", "png", "tif", "webp", "avif"])
def test_the_size_of_a_picture_is_that_after_turning_it_upright(tmp_path, ending):
    turned = Image.Exif()
    turned[0x0112] = 6
    path = saved(tmp_path / f"turned.{ending}", Image.new("RGB", (5, 3)), exif=turned)
    assert picture_size(path) == open_picture(path).size == (3, 5)
    assert picture_size(saved(tmp_path / f"plain.{ending}", Image.new("RGB", (5, 3)))) == (5, 3)


def test_a_picture_that_is_missing_has_no_size(tmp_path):
    with pytest.raises(UnreadablePicture, match="there is no such file"):
        picture_size(tmp_path / "none.jpg")


def test_a_picture_that_was_turned_says_so_no_more(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    path = saved(tmp_path / "a.jpg", quadrants(), exif=exif)
    assert np.array_equal(ImageOps.exif_transpose(open_picture(path)), open_picture(path))


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
        (b"\n<!DOCTYPE html><title>404</title>", "a web page: the download failed"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0", "git lfs pull fetches it"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(100), "HEIC; turn it into JPEG or PNG"),
        (truncated("JPEG"), "truncated"),
        (truncated("PNG"), "truncated"),
        (truncated("GIF"), "truncated"),
        (huge_png(), "it has more than 100 megapixels; --max-megapixels raises the limit"),
        (floats(), "its pixels are floating-point numbers of unknown range"),
    ],
    ids=["empty", "text", "page", "lfs", "heic", "jpeg", "png", "gif", "bomb", "float"],
)
def test_a_file_that_is_no_readable_picture_has_a_short_reason(tmp_path, content, reason):
    path = tmp_path / "a.jpg"
    path.write_bytes(content)
    with pytest.raises(UnreadablePicture, match=reason) as error:
        open_picture(path)
    assert len(str(error.value)) < 100
    assert str(tmp_path) not in str(error.value)


def test_a_missing_file_and_a_folder_have_reasons_too(tmp_path):
    with pytest.raises(UnreadablePicture, match="there is no such file"):
        open_picture(tmp_path / "gone.png")
    with pytest.raises(UnreadablePicture, match="this is a folder"):
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
