import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from precompute.images.drawing.geometry import Pose, corners, ellipse
from precompute.images.drawing.palette import part_index
from precompute.images.drawing.sheet import SIZE, Sheet, blur, mottle

RED = np.array([200, 10, 20], dtype=np.float32)


def box(left, top, right, bottom):
    return corners((left, top), (right, top), (right, bottom), (left, bottom))


@given(st.integers(0, 90), st.integers(0, 90), st.integers(1, 40), st.integers(1, 40))
def test_a_box_on_whole_pixels_covers_just_these(left, top, width, height):
    cover = Sheet.empty().cover([box(left, top, left + width, top + height)])
    expected = np.zeros((SIZE, SIZE))
    expected[top : top + height, left : left + width] = 1
    # The filling of polygons includes their outline: a quarter of a pixel more at the far edges, at most.
    assert np.abs(cover - expected).max() <= 0.5
    np.testing.assert_array_equal(cover > 0.5, expected > 0.5)


def test_covers_are_smooth_at_the_edge():
    cover = Sheet.empty().cover([ellipse(48, 48, 20, 20, steps=200)])
    assert cover.sum() == pytest.approx(np.pi * 400, rel=0.03)
    assert len(np.unique(cover)) > 8


def test_growing_widens_a_cover_on_all_sides():
    sheet = Sheet.empty()
    grown = sheet.cover([box(40, 40, 60, 60)], grow=3)
    assert (grown[38:62, 38:62] > 0.9)[1:-1, 1:-1].all()
    assert (sheet.cover([box(40, 40, 60, 60)]) <= grown).all()


def test_painting_covers_half_a_pixel_by_half():
    sheet = Sheet.empty()
    sheet.paint(np.full((SIZE, SIZE), 0.5, dtype=np.float32), RED, {"colour": "red"})
    np.testing.assert_allclose(sheet.picture, np.broadcast_to(RED / 2, sheet.picture.shape))
    assert not sheet.parts["colour"].any()


def test_painting_notes_the_parts_that_it_names_and_no_other():
    sheet = Sheet.empty()
    everywhere = np.ones((SIZE, SIZE), dtype=np.float32)
    sheet.paint(everywhere, RED, {"colour": "red", "shape": "ball"})
    sheet.paint(everywhere, RED, {"colour": "blue", "texture": "dotted"})
    sheet.paint(everywhere, RED, {"shape": None})
    assert (sheet.parts["colour"] == part_index("colour", "blue")).all()
    assert (sheet.parts["texture"] == part_index("texture", "dotted")).all()
    assert not sheet.parts["shape"].any()
    assert not sheet.parts["background"].any()


@given(st.floats(0, SIZE), st.floats(0, SIZE), st.floats(3, 40))
def test_painting_on_a_window_paints_the_sheet(x, y, size):
    pose = Pose(x, y, size)
    whole, windowed = Sheet.empty(), Sheet.empty()
    polygons = pose.place([ellipse(0, 0, 1, 1)])
    whole.paint(whole.cover(polygons), RED, {"shape": "ball"})
    window = windowed.window(pose, 1.2)
    window.paint(window.cover(polygons), RED, {"shape": "ball"})
    np.testing.assert_array_equal(windowed.picture, whole.picture)
    np.testing.assert_array_equal(windowed.parts["shape"], whole.parts["shape"])


def test_another_sheet_shows_where_it_covers():
    below, above = Sheet.empty(), Sheet.empty()
    above.paint(np.ones((SIZE, SIZE), dtype=np.float32), RED, {"background": "sand"})
    left = np.zeros((SIZE, SIZE), dtype=np.float32)
    left[:, :30] = 1
    below.overlay(above, left)
    np.testing.assert_array_equal(below.picture[:, :30], above.picture[:, :30])
    assert not below.picture[:, 30:].any()
    np.testing.assert_array_equal(below.parts["background"] > 0, left > 0)


def test_a_developed_picture_stays_in_range():
    sheet = Sheet.empty()
    sheet.picture[0, 0] = (-20, 300, 127.6)
    assert sheet.developed()[0, 0].tolist() == [0, 255, 128]


def test_blur_keeps_the_amount_and_softens_the_edge():
    cover = Sheet.empty().cover([box(40, 40, 60, 60)])
    soft = blur(cover, 2)
    assert soft.sum() == pytest.approx(cover.sum(), rel=0.02)
    assert np.abs(np.diff(soft, axis=0)).max() < np.abs(np.diff(cover, axis=0)).max() / 2


def test_mottling_is_smooth_and_centred():
    patches = mottle(np.random.default_rng(0), 6)
    assert patches.shape == (SIZE, SIZE)
    assert np.abs(patches).max() <= 1
    assert abs(patches.mean()) < 0.3
    assert np.abs(np.diff(patches, axis=0)).max() < 0.3
