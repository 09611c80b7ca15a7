"""Outlines and heat maps."""

import io

import numpy as np
import pytest
from PIL import Image, UnidentifiedImageError

from explorer import pictures


def opened(png):
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGBA"))


def bump(size=11, at=(5, 5)):
    y, x = np.mgrid[0:size, 0:size]
    return np.exp(-((y - at[0]) ** 2 + (x - at[1]) ** 2) / 6.0)


def test_the_outline_runs_around_the_active_region_and_not_through_it():
    png = opened(pictures.outline(bump(), 0.5, size=(220, 220)))
    middle = 220 // 2
    assert png[middle, middle, 3] == 0
    assert png[5, 5, 3] == 0
    row = png[middle, :, 3]
    borders = np.flatnonzero(np.diff((row > 0).astype(int)) == 1)
    assert len(borders) == 2
    # exp(-d^2 / 6) = 0.5 at d = 2.04 cells of 20 pixels each
    radius = (borders[1] - borders[0]) / 2
    assert radius == pytest.approx(2.04 * 20, abs=6)


def test_a_region_at_the_edge_is_outlined_inside_the_picture():
    region = pictures.active_region(bump(at=(0, 5)), 0.5, size=(110, 110))
    assert region[0].any()
    assert pictures.outline(bump(at=(0, 5)), 0.5, size=(110, 110)) is not None


def test_a_map_of_a_part_of_the_picture_is_drawn_there():
    everywhere = pictures.active_region(np.ones((6, 4)), 0.5, (120, 80), part=(0.25, 0.0, 0.75, 1.0))
    assert everywhere[30:90].all()
    assert not everywhere[:30].any()
    assert not everywhere[90:].any()
    assert np.array_equal(pictures.placed(np.ones((6, 4)), (0.25, 0.0, 0.75, 1.0)), everywhere_square(56, 168))


def everywhere_square(first, last):
    laid = np.zeros((pictures.SIDE, pictures.SIDE))
    laid[first:last] = 1
    return laid


def test_a_map_that_reaches_beyond_the_picture_is_cut_off_there():
    # Cells of 10 pixels; the first row of the picture is the third of the map.
    region = pictures.active_region(bump(at=(2, 5)), 0.5, (110, 110), part=(-2 / 11, 0, 9 / 11, 1))
    inside = np.flatnonzero(region[:, 55])
    assert inside[0] == 0
    assert inside[-1] == pytest.approx(5 + 20.4, abs=2)
    laid = pictures.placed(bump(at=(2, 5)), (-2 / 11, 0, 9 / 11, 1))
    assert laid[:20, 112].min() == laid.max() == 1
    assert not laid[-40:].any()


@pytest.mark.parametrize(
    ("activation", "level"),
    [(bump() * 0.4, 0.5), (np.ones((1, 1)), 0.5), (bump(), float("nan")), (np.zeros((7, 7)), 0.1)],
)
def test_nothing_to_outline_is_no_picture(activation, level):
    assert pictures.outline(activation, level) is None


def test_the_level_is_half_of_what_the_top_exemplars_typically_reach():
    maps = np.stack([bump() * height for height in (10.0, 4.0, 3.0)])
    assert pictures.outline_level(maps) == pytest.approx(2.0)
    assert np.isnan(pictures.outline_level(np.zeros((3, 5, 5))))


def test_heat_is_blue_above_zero_orange_below_and_clear_at_zero():
    png = opened(pictures.heat(np.array([[2.0, -1.0, 0.0]]), limit=2.0))
    assert tuple(png[0, 0]) == (*pictures.RAISES, 255)
    assert tuple(png[0, 1, :3]) == pictures.LOWERS
    assert png[0, 1, 3] == pytest.approx(127.5, abs=255 / 127)
    assert png[0, 2, 3] == 0


def test_heat_is_as_strong_as_its_value_to_a_step_of_127_and_clear_where_there_is_none():
    values = np.random.default_rng(0).normal(size=(9, 11)).astype(np.float32)
    values[2, 3] = np.nan
    png = opened(pictures.heat(values, limit=1.5)).astype(float)
    wanted = 255 * np.clip(np.abs(np.nan_to_num(values)) / 1.5, 0, 1)
    np.testing.assert_allclose(png[..., 3], wanted, atol=255 / 127)
    assert png[2, 3, 3] == 0
    seen = png[..., 3] > 0
    for sign, colour in ((1, pictures.RAISES), (-1, pictures.LOWERS)):
        assert (png[seen & (np.sign(values) == sign), :3] == colour).all()


def test_equal_values_have_equal_strength_in_every_map_of_one_scale():
    first, second = np.array([[1.0, 5.0]]), np.array([[1.0, 0.5]])
    assert opened(pictures.heat(first, 5.0))[0, 0, 3] == opened(pictures.heat(second, 5.0))[0, 0, 3]


def test_the_common_scale_ignores_a_lone_peak():
    values = np.full(10_000, 0.1)
    values[0] = 50
    assert pictures.common_limit(values) == pytest.approx(0.1)
    assert pictures.common_limit(np.zeros(4)) == 0.0
    assert opened(pictures.heat(np.zeros((2, 2)), 0.0))[..., 3].max() == 0


@pytest.mark.parametrize(
    ("input_size", "aspect"), [((3, 224, 224), 1), ((1, 48, 192), 4), ((3, 96, 48), 0.5), ((8,), 1)]
)
def test_an_overlay_has_the_proportions_of_the_pictures(input_size, aspect):
    assert pictures.aspect_of(input_size) == aspect
    rows, columns = pictures.canvas(aspect)
    assert columns / rows == pytest.approx(aspect, rel=0.01)
    png = opened(pictures.outline(np.outer([0, 1, 0], [0, 0, 1, 1, 0]), 0.5, pictures.canvas(aspect)))
    assert png.shape[:2] == (rows, columns)


@pytest.mark.parametrize("shade", [0, 128, 255])
def test_an_outline_is_seen_on_any_picture(shade):
    png = opened(pictures.outline(bump(), 0.5)).astype(float)
    drawn = png[png[..., 3] > 0]
    assert (drawn[:, 3] == 255).all()
    assert (np.abs(drawn[:, :3] - shade).min(axis=1) > 100).mean() > 0.25


def test_pictures_of_up_to_four_images_are_laid_together():
    made = Image.open(io.BytesIO(pictures.mosaic([jpeg_of("red"), b"", jpeg_of("blue"), jpeg_of("lime")])))
    assert made.size == (16, 16)
    places = [made.getpixel(place) for place in ((3, 3), (12, 3), (3, 12), (12, 12))]
    assert [tuple(round(part / 255) for part in pixel) for pixel in places] == [
        (1, 0, 0),
        (0, 0, 1),
        (0, 1, 0),
        (1, 1, 1),
    ]
    assert pictures.mosaic([b""]) == b""


def jpeg_of(colour):
    out = io.BytesIO()
    Image.new("RGB", (8, 8), colour).save(out, "JPEG", quality=95)
    return out.getvalue()


def test_a_picture_of_a_store_is_a_jpeg_or_nothing():
    """For an EPS Pillow starts Ghostscript, which does what stands in it."""
    buffer = io.BytesIO()
    Image.new("RGB", (4, 4)).save(buffer, "EPS")
    with pytest.raises(UnidentifiedImageError):
        pictures.mosaic([buffer.getvalue()])
