import numpy as np
import pytest

from precompute.images.drawing.geometry import Pose
from precompute.images.drawing.sheet import SIZE, Sheet
from precompute.images.drawing.textures import TEXTURES

PATTERNS = sorted(set(TEXTURES) - {"plain"})
POSE = Pose(SIZE / 2, SIZE / 2, SIZE / 2 / 1.3)  # a disc of radius 1.3 just fits the sheet


def covers(name, n=12):
    """What a texture's second colour covers, at several calls, on the disc that it promises to fill."""
    down, across = np.mgrid[0:SIZE, 0:SIZE] + 0.5 - SIZE / 2
    disc = np.hypot(down, across) < SIZE / 2
    for seed in range(n):
        pattern = TEXTURES[name](np.random.default_rng(seed))
        yield np.where(disc, Sheet.empty().cover(POSE.place(pattern)), np.nan)


def test_a_plain_texture_has_no_second_colour():
    assert len(TEXTURES["plain"](np.random.default_rng(0))) == 0


@pytest.mark.parametrize("name", PATTERNS)
def test_a_texture_shows_both_colours(name):
    for cover in covers(name):
        assert 0.15 < np.nanmean(cover) < 0.65


@pytest.mark.parametrize("name", PATTERNS)
def test_a_texture_reaches_every_side_of_its_disc(name):
    for cover in covers(name):
        for side in (cover[:24], cover[-24:], cover[:, :24], cover[:, -24:]):
            assert np.nanmax(side) > 0.9
            assert np.nanmin(side) < 0.1


@pytest.mark.parametrize("name", PATTERNS)
def test_a_texture_is_a_little_different_at_each_call(name):
    first, second, *_ = covers(name)
    assert np.nanmax(np.abs(first - second)) > 0.5
