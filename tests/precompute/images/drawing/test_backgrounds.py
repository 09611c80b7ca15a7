import numpy as np
import pytest

from precompute.images.drawing.backgrounds import BACKGROUNDS, paint_background
from precompute.images.drawing.palette import PARTS, part_index
from precompute.images.drawing.sheet import Sheet


def painted(name, seed):
    sheet = Sheet.empty()
    paint_background(sheet, name, np.random.default_rng(seed))
    return sheet


def test_every_background_that_masks_can_name_can_be_painted():
    assert tuple(BACKGROUNDS) == PARTS["background"]


@pytest.mark.parametrize("name", BACKGROUNDS)
def test_a_background_keeps_more_than_half_of_the_sheet(name):
    for seed in range(30):
        indices = painted(name, seed).parts["background"]
        assert (indices > 0).all()
        assert (indices == part_index("background", name)).mean() > 0.5


def test_grass_meets_sand_on_some_sheets_only():
    mixed = [len(np.unique(painted("grass", seed).parts["background"])) == 2 for seed in range(40)]
    assert 5 < sum(mixed) < 35


@pytest.mark.parametrize("name", BACKGROUNDS)
def test_every_pixel_of_a_background_has_a_colour_and_no_shape(name):
    sheet = painted(name, 0)
    assert (sheet.parts["colour"] > 0).all()
    assert not sheet.parts["shape"].any()
    assert not sheet.parts["texture"].any()
