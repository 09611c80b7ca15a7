"""Names of classes that nobody can tell apart are refused, and written so that one can."""

import unicodedata

import pytest

from precompute.errors import ImageFolderError
from precompute.images.listing import ImageSource
from precompute.images.same_text import in_code_points, looks_of
from tests.precompute.images.test_folder import plant

ALIKE = {
    "cat\u200b": "cat<U+200B>",
    "ca\u00adt": "ca<U+00AD>t",
    "\ufeffcat": "<U+FEFF>cat",
    "cat ": "cat<U+0020>",
    "\u2066cat\u2069": "<U+2066>cat<U+2069>",
    "cat\ufe0f": "cat<U+FE0F>",
    "cat\x7f": "cat<U+007F>",
}


@pytest.mark.parametrize("name", ALIKE)
def test_class_folders_that_look_the_same_are_refused_with_their_code_points(tmp_path, name):
    plant(tmp_path, "cat/1.png", f"{name}/1.png", "dog/1.png")
    with pytest.raises(ImageFolderError, match="class folders look the same") as error:
        ImageSource(tmp_path).find_images()
    assert f"{ALIKE[name]}" in str(error.value)
    assert "dog" not in str(error.value)


def test_labels_that_look_the_same_are_refused(tmp_path):
    plant(tmp_path, "1.png", "2.png")
    (tmp_path / "l.csv").write_text("path,label\n1.png,fire truck\n2.png,fire\u00a0truck\n")
    with pytest.raises(ImageFolderError, match=r"labels look .*: fire<U\+0020>truck and fire<U\+00A0>truck\."):
        ImageSource(None, tmp_path / "l.csv").find_images()


def test_two_ways_to_write_an_accent_look_the_same():
    one, other = unicodedata.normalize("NFC", "caf\u00e9"), unicodedata.normalize("NFD", "caf\u00e9")
    assert looks_of(one) == looks_of(other)
    assert (in_code_points(one), in_code_points(other)) == ("caf\u00e9", "cafe<U+0301>")


@pytest.mark.parametrize(("one", "other"), [("cat", "Cat"), ("cat", "c at"), ("a_b", "a-b"), ("0", "O"), ("1", "01")])
def test_names_that_can_be_told_apart_are_two(one, other):
    assert looks_of(one) != looks_of(other)
