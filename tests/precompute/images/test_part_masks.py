"""Part masks of pictures: found, read, and what is wrong with them said in words."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from precompute.errors import ImageFolderError
from precompute.images.concepts import NONE, open_mask
from precompute.images.folder import list_images
from precompute.images.part_masks import masks_beside, open_part_masks

PARTS = {"colour": {"1": "red", "3": "blue"}, "shape": {"1": "ball"}}
COLOUR = np.array([[0, 1, 1], [3, 3, 0]], dtype=np.uint8)


def save(path, pixels):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


@pytest.fixture
def folder(tmp_path):
    """Two classes of one picture each; the first has both masks, the second none."""
    for name in ("cats/0.jpg", "dogs/old/0.jpg"):
        save(tmp_path / "val" / name, np.zeros((2, 3, 3), np.uint8))
    save(tmp_path / "masks/val/cats/0-colour.png", COLOUR)
    save(tmp_path / "masks/val/cats/0-shape.png", COLOUR == 3)
    (tmp_path / "masks/parts.json").write_text(json.dumps(PARTS))
    return tmp_path


def opened(folder):
    return open_part_masks(folder / "masks", list_images(folder / "val"))


def test_concepts_are_the_parts_in_the_order_of_the_file(folder):
    masks = opened(folder)
    assert masks.names == ("red", "blue", "ball")
    assert masks.categories == ("colour", "colour", "shape")
    assert masks.category_names == ("colour", "shape")
    assert masks.category.tolist() == [0, 0, 1]


def test_pixels_become_concepts(folder):
    masks = opened(folder)
    assert masks.annotated.tolist() == [0]
    colour, shape = masks.read(0)
    assert colour.tolist() == [[NONE, 0, 0], [1, 1, NONE]]
    assert shape.tolist() == [[NONE, NONE, NONE], [2, 2, NONE]]
    assert masks.read(1) == []


def test_class_folders_may_lie_in_the_masks_folder_itself(folder):
    (folder / "masks/val/cats").rename(folder / "masks/cats")
    (folder / "masks/val").rmdir()
    assert len(opened(folder).read(0)) == 2


def test_a_picture_in_a_sub_folder_has_its_mask_in_one(folder):
    save(folder / "masks/val/dogs/old/0-colour.png", COLOUR)
    assert opened(folder).annotated.tolist() == [0, 1]


@pytest.mark.parametrize("mode", ["P", "L", "I;16"])
def test_palette_and_grey_masks_are_read_alike(folder, mode):
    image = Image.fromarray(COLOUR.astype(np.uint16)) if mode == "I;16" else Image.fromarray(COLOUR)
    if mode == "P":
        image.putpalette([0] * 30)
    image.save(folder / "masks/val/cats/0-colour.png")
    assert opened(folder).read(0)[0].tolist() == [[NONE, 0, 0], [1, 1, NONE]]


def test_masks_are_found_beside_the_pictures_or_among_them(folder):
    assert masks_beside(list_images(folder / "val")) == folder / "masks"
    (folder / "masks").rename(folder / "val/masks")
    assert masks_beside(list_images(folder / "val")) == folder / "val/masks"
    (folder / "val/masks/parts.json").unlink()
    assert masks_beside(list_images(folder / "val")) is None


@pytest.mark.parametrize(
    ("pixels", "told"),
    [
        (np.full((2, 3), 2, np.uint8), r"the number 2 stands for no part of the category 'colour'"),
        (np.full((2, 3), 255, np.uint8), r"the number 255 stands for no part"),
        (np.zeros((2, 3, 3), np.uint8), r"one number a pixel \(palette or grey\), found a colour image"),
    ],
)
def test_a_mask_of_anything_else_is_refused(folder, pixels, told):
    save(folder / "masks/val/cats/0-colour.png", pixels)
    with pytest.raises(ImageFolderError, match=rf"0-colour\.png: .*{told}"):
        opened(folder).read(0)


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_a_mask_may_be_larger_than_a_picture_may(folder):
    path = folder / "masks/val/cats/0-colour.png"
    Image.new("L", (10_100, 10_000)).save(path, compress_level=1)
    assert open_mask(path).shape == (10_000, 10_100)


def test_a_damaged_mask_is_refused(folder):
    (folder / "masks/val/cats/0-colour.png").write_bytes(b"no picture")
    with pytest.raises(ImageFolderError, match="this mask cannot be read"):
        opened(folder).read(0)


def test_a_mask_that_is_a_drawing_is_not_drawn(folder):
    """For an EPS Pillow starts Ghostscript, which does what stands in it."""
    mask = folder / "masks/val/cats/0-colour.png"
    Image.new("RGB", (4, 4)).save(mask, "EPS")
    with pytest.raises(ImageFolderError, match="cannot identify"):
        opened(folder).read(0)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{", "this is not JSON"),
        ("{}", "there is no category"),
        ("[1]", "there is no category"),
        ('{"colour": {}}', "'colour' has no parts"),
        ('{"colour": ["red"]}', "'colour' has no parts"),
        ('{"colour": {"0": "red"}}', "'0': 'red' is not a part"),
        ('{"colour": {"red": "1"}}', "'red': '1' is not a part"),
        ('{"colour": {"1": 1}}', "'1': 1 is not a part"),
    ],
)
def test_another_list_of_parts_is_refused(folder, text, told):
    (folder / "masks/parts.json").write_text(text)
    with pytest.raises(ImageFolderError, match=rf"parts\.json: .*{told}.*Expected"):
        opened(folder)


def test_no_masks_at_all_are_refused_with_an_example(folder):
    for mask in folder.glob("masks/val/cats/*"):
        mask.unlink()
    with pytest.raises(ImageFolderError, match=r"none of the 2 images .* files such as .*masks/val/cats/0-colour\.png"):
        opened(folder)


def test_no_list_of_parts_is_refused(folder):
    (folder / "masks/parts.json").unlink()
    with pytest.raises(ImageFolderError, match="cannot be read"):
        opened(folder)


# docs/masks.md

DOCUMENT = Path(__file__).parents[3] / "docs/masks.md"
PIXELS = [[(0, 0, 0), (128, 128, 128), (255, 255, 255)], [(255, 0, 0), (255, 140, 0), (255, 255, 0)]]
MORE = [[(0, 200, 0), (0, 0, 255), (150, 0, 255)]]


def test_the_examples_write_masks_that_can_be_read(tmp_path, monkeypatch):
    one, colours = re.findall(r"```python\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)
    monkeypatch.chdir(tmp_path)
    save(tmp_path / "birds/val/robin/0001.png", np.array(PIXELS + MORE, np.uint8))
    exec(compile(colours, "masks.md", "exec"), {})
    masks = open_part_masks(tmp_path / "birds/masks", list_images(tmp_path / "birds/val"))
    (plane,) = masks.read(0)
    assert [masks.names[concept] for concept in plane.ravel()] == list(masks.names)
    exec(compile(one, "masks.md", "exec"), {})
    (tmp_path / "birds/masks/parts.json").write_text(json.dumps({"part": {"1": "beak"}}))
    masks = open_part_masks(tmp_path / "birds/masks", list_images(tmp_path / "birds/val"))
    assert (masks.read(0)[0] == 0).sum() == 40 * 60
