import hashlib
import os
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from precompute.errors import ImageFolderError, OptionError
from precompute.images.folder import list_images, list_training_images, refuse_many_bad
from precompute.images.walk import LEADS_OUT


def plant(root: Path, *paths: str) -> Path:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(b"")
    return root


def test_images_are_sorted_by_class_folder_then_by_path_inside_it(tmp_path):
    images = list_images(plant(tmp_path, "cat/b.png", "Zebra/1.jpg", "cat/a/z.png", "cat/B.png", "a b/x", "a/x"))
    assert images.paths == ("Zebra/1.jpg", "a/x", "a b/x", "cat/B.png", "cat/a/z.png", "cat/b.png")
    assert images.class_names == ("Zebra", "a", "a b", "cat")
    assert images.labels.dtype == np.int32
    assert images.labels.tolist() == [0, 1, 2, 3, 3, 3]
    assert len(images) == 6


def test_the_root_is_made_absolute(tmp_path, monkeypatch):
    plant(tmp_path, "set/cat/1.png")
    monkeypatch.chdir(tmp_path)
    assert list_images("set").root == tmp_path / "set"


def test_hidden_files_and_folders_and_loose_files_are_left_alone(tmp_path):
    plant(tmp_path, ".git/x.png", "README.txt", "cat/.DS_Store", "cat/.thumbs/1.png", "cat/1.png")
    assert list_images(tmp_path).paths == ("cat/1.png",)


def test_files_of_any_ending_are_candidates(tmp_path):
    plant(tmp_path, "cat/1.png", "cat/2.JPEG", "cat/3", "cat/notes.txt")
    assert len(list_images(tmp_path)) == 4


def test_links_that_are_not_followed_are_kept_to_be_told_with_the_reason(tmp_path):
    plant(tmp_path, "real/1.png", "set/dog/1.png", "set/dog/4.png")
    (tmp_path / "set/dog/2.png").symlink_to("nowhere.png")
    (tmp_path / "set/dog/3.png").symlink_to(tmp_path / "real/1.png")
    images = list_images(tmp_path / "set")
    assert images.paths == ("dog/1.png", "dog/2.png", "dog/3.png", "dog/4.png")
    assert images.left_out == {"dog/2.png": "a link that leads nowhere", "dog/3.png": LEADS_OUT}
    followed = list_images(tmp_path / "set", follow_links=True)
    assert (followed.paths, list(followed.left_out)) == (images.paths, ["dog/2.png"])


@pytest.fixture
def linked_class(tmp_path):
    """Class folder cat leads out of the folder, dog does not."""
    plant(tmp_path, "real/cat/1.png", "set/dog/1.png")
    (tmp_path / "set/cat").symlink_to(tmp_path / "real/cat")
    return tmp_path / "set"


def test_a_class_folder_that_leads_out_is_refused_since_other_classes_would_get_its_output(linked_class):
    with pytest.raises(ImageFolderError, match=r"links that lead out of this folder: cat\. Add --follow-links"):
        list_images(linked_class)
    assert list_images(linked_class, follow_links=True).paths == ("cat/1.png", "dog/1.png")


def test_where_all_files_are_links_that_lead_out_the_option_is_named(tmp_path):
    plant(tmp_path, "real/1.png")
    (tmp_path / "set/cat").mkdir(parents=True)
    (tmp_path / "set/cat/1.png").symlink_to(tmp_path / "real/1.png")
    with pytest.raises(ImageFolderError, match=r"none of its 1 files can be taken, cat/1.png .*--follow-links"):
        list_images(tmp_path / "set")


def test_more_than_one_file_in_twenty_must_be_readable(tmp_path):
    images = list_images(plant(tmp_path, *(f"a/{k}" for k in range(40))))
    bad = dict.fromkeys(("a/3", "a/5"), "it is empty")
    refuse_many_bad(images, bad)
    with pytest.raises(ImageFolderError, match=r"3 of 40 files .* more than 5%, a/3 among them \(it is empty\)\. Mend"):
        refuse_many_bad(images, bad | {"a/9": "a web page"})


def test_a_pipe_in_a_class_folder_is_no_image(tmp_path):
    plant(tmp_path, "cat/1.png")
    os.mkfifo(tmp_path / "cat" / "pipe.png")
    assert list_images(tmp_path).paths == ("cat/1.png",)


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(ImageFolderError, match=r"gone: there is no such folder. Expected a folder with one sub-folder"):
        list_images(tmp_path / "gone")


def test_a_file_is_no_folder(tmp_path):
    plant(tmp_path, "cat.png")
    with pytest.raises(ImageFolderError, match=r"cat\.png: this is a file"):
        list_images(tmp_path / "cat.png")


def test_images_without_class_folders_are_told_to_move(tmp_path):
    plant(tmp_path, "1.png", "2.png")
    with pytest.raises(ImageFolderError, match=r"found 2 files that lie directly in it\. Put each image into a folder"):
        list_images(tmp_path)


def test_an_empty_folder_says_so(tmp_path):
    with pytest.raises(ImageFolderError, match="found an empty folder"):
        list_images(tmp_path)


def test_all_empty_class_folders_are_named(tmp_path):
    plant(tmp_path, "cat/1.png", "dog/.hidden", "fox/.hidden")
    with pytest.raises(ImageFolderError, match=r"found no file in: dog, fox\. Put images there, or remove"):
        list_images(tmp_path)


def test_a_file_name_that_is_not_utf_8_is_left_out_and_told_escaped(tmp_path):
    plant(tmp_path, "cat/1.png")
    Path(os.fsdecode(os.fsencode(tmp_path / "cat") + b"/\xff.png")).touch()
    images = list_images(tmp_path)
    assert images.paths == ("cat/1.png", r"cat/\udcff.png")
    assert images.left_out == {r"cat/\udcff.png": "its name is not UTF-8"}


def test_a_class_folder_whose_name_is_not_utf_8_is_refused(tmp_path):
    plant(tmp_path, "cat/1.png")
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff")).mkdir()
    with pytest.raises(ImageFolderError, match=r"class folders are not UTF-8: \\udcff\. Rename them"):
        list_images(tmp_path)


def test_the_digest_is_that_of_sorted_lines_and_knows_no_root(tmp_path):
    names = ("b/1.png", "a-b/2.png", "a/x/y.png")
    first = list_images(plant(tmp_path / "one", *names))
    second = list_images(plant(tmp_path / "two", *names))
    text = "a-b/2.png\ta-b\na/x/y.png\ta\nb/1.png\tb\n"
    assert first.digest() == hashlib.sha256(text.encode()).hexdigest() == second.digest()
    assert first.without([0]).digest() != first.digest()


def test_without_keeps_order_and_classes(tmp_path):
    images = list_images(plant(tmp_path, "a/1", "b/1", "b/2", "c/1"))
    fewer = images.without([1, 2])
    assert fewer.paths == ("a/1", "c/1")
    assert fewer.labels.tolist() == [0, 2]
    assert fewer.class_names == images.class_names
    assert len(images.without(range(4))) == 0


def test_a_limit_is_spread_evenly_over_classes_and_files(tmp_path):
    plant(tmp_path, *(f"{name}/{k}.png" for name in "abc" for k in range(9)))
    images = list_images(tmp_path, limit=9)
    assert images.paths == tuple(f"{name}/{k}.png" for name in "abc" for k in (0, 3, 6))


def test_what_a_small_class_cannot_give_the_others_do(tmp_path):
    plant(tmp_path, "a/0", *(f"{name}/{k}" for name in "bc" for k in range(9)))
    assert np.bincount(list_images(tmp_path, limit=9).labels).tolist() == [1, 4, 4]


def test_a_limit_below_the_number_of_classes_takes_one_image_of_spread_classes(tmp_path):
    plant(tmp_path, *(f"{name}/{k}" for name in "abcdef" for k in range(3)))
    images = list_images(tmp_path, limit=3)
    assert images.paths == ("a/0", "c/0", "e/0")
    assert images.class_names == tuple("abcdef")


def test_a_limit_below_one_is_refused(tmp_path):
    with pytest.raises(OptionError, match="limit on images is 0: expected at least 1"):
        list_images(plant(tmp_path, "a/0"), limit=0)


@given(sizes=st.lists(st.integers(1, 7), min_size=1, max_size=5), limit=st.integers(1, 40))
def test_a_limit_is_met_exactly_and_no_class_gets_less_than_it_could(tmp_path_factory, sizes, limit):
    root = tmp_path_factory.mktemp("set")
    images = list_images(plant(root, *(f"{label}/{k}" for label, size in enumerate(sizes) for k in range(size))), limit)
    taken = np.bincount(images.labels, minlength=len(sizes))
    assert len(set(images.paths)) == len(images) == min(limit, sum(sizes))
    assert list(images.paths) == sorted(images.paths)
    unfilled = taken[taken < np.array(sizes)]
    assert np.all(taken.max() - unfilled <= 1)


@pytest.mark.real
@pytest.mark.parametrize(
    ("name", "reference"),
    [("cifar10-resnet20", "reference_layer3.npz"), ("photos12-mobilenetv1", "reference_blocks.12.npz")],
)
def test_real_images_are_listed_in_the_reference_order(real, name, reference):
    images = list_images(real / name / "images")
    expected = np.load(real / name / reference)
    assert images.paths == tuple(expected["path"].tolist())
    assert images.labels.tolist() == expected["label"].tolist()
    assert images.class_names == tuple(expected["class_name"].tolist())


def test_what_systems_leave_behind_is_no_image_and_no_class(tmp_path):
    plant(tmp_path, "cat/1.png", "cat/Thumbs.db", "cat/desktop.ini", "cat/x/THUMBS.DB", "cat/Icon\r", "cat/.DS_Store")
    plant(tmp_path, "__MACOSX/cat/._1.png", "@eaDir/cat/1.png", "$RECYCLE.BIN/x", "Desktop.ini", "cat/@eaDir/1.png")
    images = list_images(tmp_path)
    assert images.class_names == ("cat",)
    assert images.paths == ("cat/1.png",)


def test_training_folders_may_write_accents_in_another_way_than_the_images(tmp_path):
    # Composed, é comes after z; as a letter and a mark, before.
    plant(tmp_path / "images", "é/1.png", "z/1.png")
    plant(tmp_path / "train", unicodedata.normalize("NFD", "é/7.png"), "z/8.png", "z/9.png")
    names = list_images(tmp_path / "images").class_names
    train = list_training_images(tmp_path / "train", names)
    assert names == train.class_names == ("z", "é")
    assert [Path(path).name for path in train.paths] == ["8.png", "9.png", "7.png"]
    assert train.labels.tolist() == [0, 0, 1]


def test_two_training_folders_are_not_taken_for_one_class(tmp_path):
    plant(tmp_path / "images", "é/1.png", "z/1.png")
    plant(tmp_path / "train", "é/7.png", unicodedata.normalize("NFD", "é/7.png"), "z/8.png")
    with pytest.raises(ImageFolderError, match="also"):
        list_training_images(tmp_path / "train", ("z", "é"))
