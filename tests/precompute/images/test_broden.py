"""Broden's layout, on a tiny tree built in it."""

import numpy as np
import pytest
from PIL import Image

from precompute.errors import ImageFolderError
from precompute.images.broden import open_broden
from precompute.images.concepts import NONE

INDEX = """image,split,ih,iw,sh,sw,color,object,part,scene
ade/a.jpg,train,4,6,2,3,ade/a_color.png,ade/a_object.png;ade/a_more.png,,7
dtd/b.jpg,val,4,6,2,3,ade/a_color.png,,,0;7;8
dtd/c.jpg,val,4,6,2,3,,,0,
"""
LABELS = """number,name,category,frequency,coverage,syns
1,red-c,color(2),2,1.0,
300,tree,object(1);part(1),2,1.0,oak;elm
5,"sky, blue",object(1),1,0.5,
7,street-s,scene(2),2,2.0,
8,bathroom-s,scene(1),1,1.0,
"""


def save(path, labels):
    labels = np.asarray(labels)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.stack([labels % 256, labels // 256, 0 * labels], axis=2).astype(np.uint8)).save(path)


@pytest.fixture
def root(tmp_path):
    (tmp_path / "index.csv").write_text(INDEX)
    (tmp_path / "label.csv").write_text(LABELS)
    save(tmp_path / "images/ade/a_color.png", [[1, 1, 0], [0, 0, 0]])
    save(tmp_path / "images/ade/a_object.png", [[300, 300, 0], [5, 0, 0]])
    save(tmp_path / "images/ade/a_more.png", [[5, 5, 5], [5, 5, 5]])
    return tmp_path


def test_concepts_are_labels_within_categories(root):
    masks = open_broden(root)
    assert list(zip(masks.categories, masks.names, strict=True)) == [
        ("color", "red-c"),
        ("object", "sky, blue"),
        ("object", "tree"),
        ("part", "tree"),
        ("scene", "street-s"),
        ("scene", "bathroom-s"),
    ]


def test_pictures_are_those_of_the_index(root):
    masks = open_broden(root)
    assert masks.images.root == root / "images"
    assert masks.images.paths == ("ade/a.jpg", "dtd/b.jpg", "dtd/c.jpg")
    assert masks.annotated.tolist() == [0, 1]


def test_red_and_green_encode_a_label(root):
    colour, first, second, scene = open_broden(root).read(0)
    assert colour.tolist() == [[0, 0, NONE], [NONE] * 3]
    assert first.tolist() == [[2, 2, NONE], [1, NONE, NONE]]
    assert (second == 1).all()
    assert scene.tolist() == [[4]]


def test_numbers_label_the_whole_picture_and_0_is_none(root):
    masks = open_broden(root)
    assert [plane.tolist() for plane in masks.read(1)[1:]] == [[[4]], [[5]]]
    assert masks.read(2) == []


def test_a_label_of_another_edition_is_refused(root):
    (root / "label.csv").write_text(LABELS.replace("300,tree", "301,tree"))
    with pytest.raises(ImageFolderError, match=r"a_object\.png: the label 300 is not in the category 'object'"):
        open_broden(root).read(0)


def test_a_mask_that_is_not_of_colours_is_refused(root):
    Image.fromarray(np.zeros((2, 3), np.uint8)).save(root / "images/ade/a_color.png")
    with pytest.raises(ImageFolderError, match=r"red \+ 256 green"):
        open_broden(root).read(0)


@pytest.mark.parametrize(("file", "told"), [("label.csv", "cannot be read"), ("index.csv", "cannot be read")])
def test_a_table_that_is_missing_is_refused(root, file, told):
    (root / file).unlink()
    with pytest.raises(ImageFolderError, match=f"{file}: .*{told}"):
        open_broden(root)


def test_a_table_of_something_else_is_refused(root):
    (root / "index.csv").write_text("path,label\na,b\n")
    with pytest.raises(ImageFolderError, match="expected a column 'image'"):
        open_broden(root)


def test_a_label_without_a_number_is_refused(root):
    (root / "label.csv").write_text(LABELS.replace("300,tree", "many,tree"))
    with pytest.raises(ImageFolderError, match="expected the number of a label, found 'many'"):
        open_broden(root)


def test_an_index_without_images_is_refused(root):
    (root / "index.csv").write_text(INDEX.splitlines()[0])
    with pytest.raises(ImageFolderError, match="found none"):
        open_broden(root)
