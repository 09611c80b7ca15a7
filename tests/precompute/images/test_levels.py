"""A folder one level too high is refused, naming the folders that it could have been."""

import pytest

from precompute.errors import ImageFolderError
from precompute.images.levels import refuse_level_above, refuse_two_levels, splits_inside
from tests.precompute.images.test_folder import plant


def refused(check, *given):
    with pytest.raises(ImageFolderError) as error:
        check(*given)
    return str(error.value)


def tree(root, tops, classes, *loose):
    return plant(root, *(f"{top}/{name}/1.png" for top in tops for name in classes), *loose)


@pytest.mark.parametrize("tops", [("train", "val"), ("Training", "Test"), ("test", "train", "valid"), ("masks", "val")])
def test_splits_of_class_folders_are_named(tmp_path, tops):
    tree(tmp_path, tops, ("cat", "dog"), "README.txt")
    said = refused(refuse_level_above, tmp_path)
    assert "(cat, dog)" in said
    for top in tops:
        assert (str(tmp_path / top) in said) == (top != "masks")
    assert "--classes" in said


def test_a_list_or_a_hidden_file_beside_the_classes_makes_no_class_of_a_split(tmp_path):
    tree(tmp_path, ("train", "val"), ("cat", "dog"), "train/labels.csv", "train/.DS_Store", "val/Thumbs.db")
    assert str(tmp_path / "train") in refused(refuse_level_above, tmp_path)


def test_one_folder_around_the_classes_is_named_at_any_depth(tmp_path):
    tree(tmp_path, ("data/images",), ("cat", "dog"), "__MACOSX/data/._images", "notes.txt")
    said = refused(refuse_level_above, tmp_path)
    assert f"name {tmp_path / 'data' / 'images'};" in said


def test_one_class_of_one_folder_of_pictures_is_told_where_its_pictures_are(tmp_path):
    plant(tmp_path, "cat/first/1.png", "cat/first/2.png")
    assert f"name {tmp_path / 'cat'};" in refused(refuse_level_above, tmp_path)


def test_a_class_may_be_called_train_and_hold_pictures(tmp_path):
    refuse_level_above(plant(tmp_path, "bus/1.png", "train/1.png", "train/old/2.png"))


@pytest.mark.parametrize("file", ["1.npy", "scan", "1.dcm", "1.IMG"])
def test_whatever_is_no_note_may_be_an_image(tmp_path, file):
    refuse_level_above(plant(tmp_path, f"train/{file}", f"train/old/{file}", f"val/{file}", f"val/old/{file}"))


def test_a_classes_file_says_that_folders_are_classes(tmp_path):
    tree(tmp_path, ("train", "val"), ("cat", "dog"))
    refuse_level_above(tmp_path, {"train", "val"})
    refuse_two_levels(tmp_path, 2, {"train", "val"})


def test_folders_whose_pictures_lie_deeper_pass(tmp_path):
    tree(tmp_path, ("healthy", "tumour"), ("site 1", "site 2", "site 3"))
    refuse_level_above(tmp_path)
    refuse_two_levels(tmp_path, 2)


def test_folders_that_fit_on_both_levels_are_refused(tmp_path):
    tree(tmp_path, ("fold1", "fold2"), ("cat", "dog"))
    said = refused(refuse_two_levels, tmp_path, 2)
    assert f"{tmp_path / 'fold1'} or {tmp_path / 'fold2'}" in said


def test_where_the_folders_do_not_fit_those_that_hold_what_does_are_named(tmp_path):
    tree(tmp_path, ("images", "masks"), ("cat", "dog", "owl"))
    assert str(tmp_path / "images") in refused(refuse_two_levels, tmp_path, 3)


def test_wordnet_ids_one_level_down_fit_a_thousand_outputs(tmp_path):
    tree(tmp_path, ("a", "b"), ("n01440764", "n02099601"))
    assert "n01440764" in refused(refuse_two_levels, tmp_path, 1000)
    refuse_two_levels(tmp_path, 10)


def test_splits_inside_classes_are_told(tmp_path):
    tree(tmp_path, ("cat", "dog"), ("train", "Val", "old"))
    refuse_level_above(tmp_path)
    refuse_two_levels(tmp_path, 2)
    assert splits_inside(tmp_path) == ["Val", "train"]


def test_one_folder_with_the_name_of_a_split_inside_a_class_is_nothing_to_tell(tmp_path):
    assert splits_inside(plant(tmp_path, "cat/test/1.png", "dog/1.png")) == []
