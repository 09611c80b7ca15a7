"""Pictures that a store does not hold come from the image folder, and from nowhere else."""

import io

import pytest
from PIL import ExifTags, Image

from explorer.image_files import read_picture


@pytest.fixture
def root(tmp_path):
    folder = tmp_path / "images"
    (folder / "ball").mkdir(parents=True)
    Image.new("RGB", (300, 150), "red").save(folder / "ball/0.png")
    Image.new("RGB", (30, 20), "blue").save(tmp_path / "outside.png")
    return folder


def test_a_file_becomes_a_small_jpeg_in_its_own_proportions(root):
    picture = Image.open(io.BytesIO(read_picture(str(root), "ball/0.png", 100)))
    assert (picture.format, picture.size) == ("JPEG", (100, 50))
    assert picture.getpixel((50, 25))[0] > 240


@pytest.mark.parametrize("path", ["ball/1.png", "ball", "../outside.png", "", "a\0b", "x" * 5000])
def test_what_is_not_a_file_of_the_folder_is_no_picture(root, path):
    assert read_picture(str(root), path, 100) == b""


def test_neither_an_absolute_path_nor_a_link_leads_out_of_the_folder(root):
    outside = root.parent / "outside.png"
    (root / "link.png").symlink_to(outside)
    assert read_picture(str(root), str(outside), 100) == b""
    assert read_picture(str(root), "link.png", 100) == b""


@pytest.mark.parametrize("content", [b"", b"no image", b"\x89PNG\r\n\x1a\n" + b"x" * 50, b"%!PS-Adobe-3.0 EPSF-3.0\n"])
def test_a_file_that_is_no_image_is_no_picture(root, content):
    (root / "bad.png").write_bytes(content)
    assert read_picture(str(root), "bad.png", 100) == b""


def test_neither_a_link_to_itself_nor_a_picture_that_takes_all_memory_is_a_picture(root):
    (root / "loop.png").symlink_to("loop.png")
    Image.new("1", (10_001, 10_000)).save(root / "huge.png")
    assert read_picture(str(root), "loop.png", 100) == read_picture(str(root), "huge.png", 100) == b""


def test_a_photograph_is_shown_upright(root):
    photograph, turned = Image.new("RGB", (300, 150), "red"), Image.Exif()
    turned[ExifTags.Base.Orientation] = 6
    photograph.save(root / "turned.jpg", exif=turned)
    assert Image.open(io.BytesIO(read_picture(str(root), "turned.jpg", 100))).size == (50, 100)
