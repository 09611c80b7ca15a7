import warnings

import numpy as np
import pytest
from PIL import Image

from precompute.errors import ImageFolderError, OptionError
from precompute.images.decoding import Decoding
from precompute.images.folder import list_images
from precompute.images.survey import survey_files


@pytest.fixture
def put(tmp_path):
    """Write pictures into one class and list them, beside an ordinary one."""

    def write(*pictures, **options):
        folder = tmp_path / "set/a"
        folder.mkdir(parents=True, exist_ok=True)
        for number, picture in enumerate((Image.new("RGB", (4, 4)), *pictures)):
            picture.save(folder / f"{number}.png", **(options if number else {}))
        return list_images(tmp_path / "set")

    return write


def grey(brightest):
    return Image.fromarray(np.linspace(0, brightest, 64).reshape(8, 8).astype(np.uint16))


def test_ordinary_pictures_need_no_word(put):
    found = survey_files([put()], None, Decoding())
    assert found.conditions == ()
    assert found.load.decoding == Decoding()


def test_sixteen_bits_in_full_settle_what_white_is_for_dark_pictures_too(put):
    images = put(grey(60000), grey(100))
    found = survey_files([images], None, Decoding())
    assert found.conditions == (
        "2 of the 3 files opened first have 16 bits per pixel. 65535 is taken as white, and their brightest pixel is "
        "60000.",
    )
    assert np.asarray(found.load(images.root / "a/2.png")).max() == 0


@pytest.mark.parametrize("brightest", [255, 4095, 16383, 32767])
def test_sixteen_bits_of_which_the_upper_are_empty_are_refused(put, brightest):
    images = put(grey(brightest), grey(3))
    with pytest.raises(
        ImageFolderError, match=rf"2 of the 3 files .* 16 bits per pixel, .* brightest pixel is {brightest}.*--white N"
    ):
        survey_files([images], None, Decoding())
    assert (
        np.asarray(survey_files([images], None, Decoding(white=brightest)).load(images.root / "a/1.png")).max() == 255
    )


def test_training_images_are_looked_at_too(put, tmp_path):
    images = put()
    (tmp_path / "train/a").mkdir(parents=True)
    grey(4095).save(tmp_path / "train/a/0.png")
    with pytest.raises(ImageFolderError, match="1 of the 2 files"):
        survey_files([images, list_images(tmp_path / "train")], None, Decoding())


def test_a_white_that_does_not_fit_is_said(put):
    images = put(grey(4095))
    (bright,) = survey_files([images], None, Decoding(white=255)).conditions
    (dark,) = survey_files([images], None, Decoding(white=65535)).conditions
    assert "everything brighter than that arrives white" in bright
    assert "they arrive nearly black" in dark


def test_transparent_parts_are_said_unless_a_background_is_named(put):
    clear, opaque = Image.new("RGBA", (4, 4), (9, 9, 9, 0)), Image.new("RGBA", (4, 4), (9, 9, 9, 255))
    images = put(clear, opaque)
    (said,) = survey_files([images], None, Decoding()).conditions
    assert said.startswith("1 of the 3 files opened first have transparent parts")
    assert survey_files([images], None, Decoding(background=(255, 255, 255))).conditions == ()


def test_the_green_to_red_of_a_lab_picture_is_no_transparency(put):
    images = put(Image.new("LAB", (4, 4), (120, 90, 140)), format="TIFF")
    assert survey_files([images], None, Decoding()).conditions == ()


def test_several_frames_are_said(put):
    images = put(Image.new("L", (4, 4), 1), save_all=True, append_images=[Image.new("L", (4, 4), 200)])
    (said,) = survey_files([images], None, Decoding()).conditions
    assert said == "1 of the 2 files opened first hold several frames or pages; the run takes the first."
    assert np.asarray(images.load(images.root / "a/1.png")).max() == 1


def test_what_is_no_picture_is_left_to_those_who_read_it(put):
    images = put()
    (images.root / "a/0.png").write_bytes(b"nothing")
    with warnings.catch_warnings(action="error"):
        assert survey_files([images], None, Decoding()).conditions == ()


def test_options_about_pictures_are_refused_where_a_loader_reads_the_files(put):
    with pytest.raises(OptionError, match="returns a loader of its own"):
        survey_files([put()], np.load, Decoding(white=4095))
    assert survey_files([put()], np.load, Decoding()).load.loader is np.load
