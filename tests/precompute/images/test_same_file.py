"""Files that are images more than once are refused, or told."""

import os

import pytest

from precompute.errors import ImageFolderError
from precompute.images.listing import ImageSource
from tests.precompute.images.test_folder import plant

LINKS = {"symbolic": lambda target, link: link.symlink_to(target), "hard": lambda target, link: os.link(target, link)}
linked = pytest.mark.parametrize("link", LINKS.values(), ids=LINKS)


@pytest.fixture
def root(tmp_path):
    return plant(tmp_path / "images", "cat/1.png", "cat/2.png", "dog/1.png")


@linked
def test_one_file_in_two_class_folders_is_refused_with_both_paths(root, link):
    link(root / "cat/2.png", root / "dog/3.png")
    with pytest.raises(ImageFolderError, match=r"image of two classes.*dog/3\.png is cat/2\.png.*one class"):
        ImageSource(root).find_images()


def test_a_class_folder_that_is_a_link_to_another_is_refused(root):
    (root / "owl").symlink_to("cat")
    with pytest.raises(ImageFolderError, match=r"owl/1\.png is cat/1\.png, owl/2\.png is cat/2\.png"):
        ImageSource(root).find_images()


@linked
def test_one_file_under_two_labels_of_a_list_is_refused(root, link):
    link(root / "cat/2.png", root / "dog/3.png")
    (root / "l.csv").write_text("path,label\ncat/2.png,cat\ndog/3.png,dog\n")
    with pytest.raises(ImageFolderError, match="image of two classes"):
        ImageSource(None, root / "l.csv").find_images()


def test_a_way_to_a_file_through_a_linked_folder_is_seen_too(root):
    (root / "again").symlink_to("cat")
    (root / "l.csv").write_text("path,label\ncat/2.png,cat\nagain/2.png,dog\n")
    with pytest.raises(ImageFolderError, match="image of two classes"):
        ImageSource(None, root / "l.csv").find_images()


@linked
def test_one_file_twice_in_its_class_is_told(root, link):
    link(root / "cat/2.png", root / "cat/3.png")
    (told,) = ImageSource(root).find_images().conditions
    assert told.startswith("1 of the 4 images are files that are also listed under another path, by links: cat/3.png")


@linked
def test_training_images_that_are_the_images_are_refused(root, link, tmp_path):
    plant(tmp_path / "train", "cat/8.png", "dog/8.png")
    link(root / "cat/2.png", tmp_path / "train/cat/9.png")
    with pytest.raises(ImageFolderError, match=r"1 of the training images .* cat/9\.png is cat/2\.png"):
        ImageSource(root, train_images=tmp_path / "train", follow_links=True).find_images()


@linked
def test_rows_for_training_that_are_the_images_are_refused(root, link):
    link(root / "cat/2.png", root / "x.png")
    (root / "l.csv").write_text(
        "path,label,split\ncat/2.png,cat,test\ndog/1.png,dog,test\nx.png,cat,train\ncat/1.png,dog,train\n"
    )
    with pytest.raises(ImageFolderError, match="1 of the training images"):
        ImageSource(None, root / "l.csv").find_images()


def test_a_training_image_that_is_there_twice_is_no_image_of_the_run(root, tmp_path):
    plant(tmp_path / "train", "cat/8.png", "dog/8.png")
    (tmp_path / "train/cat/9.png").symlink_to(tmp_path / "train/cat/8.png")
    conditions = ImageSource(root, train_images=tmp_path / "train").find_images().conditions
    assert any("cat/9.png is cat/8.png" in sentence for sentence in conditions)


def test_images_that_a_limit_leaves_out_do_not_count(root):
    os.link(root / "cat/2.png", root / "dog/3.png")
    assert ImageSource(root, limit=2).find_images().images.paths == ("cat/1.png", "dog/1.png")


def test_links_that_are_left_out_do_not_count(root, tmp_path):
    plant(tmp_path, "elsewhere.png")
    for name in ("cat/3.png", "dog/3.png"):
        (root / name).symlink_to(tmp_path / "elsewhere.png")
    assert len(ImageSource(root).find_images().images.left_out) == 2
