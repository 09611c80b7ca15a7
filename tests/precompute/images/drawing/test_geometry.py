import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from precompute.images.drawing.geometry import Pose, arc, corners, direction, ellipse, repeated, smooth, stroke, wave

POSES = st.builds(
    Pose, st.floats(-50, 150), st.floats(-50, 150), st.floats(0.5, 40), st.floats(-np.pi, np.pi), st.booleans()
)
SQUARE = corners((-1, -1), (1, -1), (1, 1), (-1, 1))


def area(polygon):
    """Shoelace formula, edge by edge."""
    doubled = 0.0
    for (x, y), (next_x, next_y) in zip(polygon, [*polygon[1:], polygon[0]], strict=True):
        doubled += x * next_y - next_x * y
    return abs(doubled) / 2


@given(POSES)
def test_a_pose_scales_areas_by_its_size_squared(pose):
    assert area(pose.place([SQUARE])[0]) == pytest.approx(4 * pose.size**2)


@given(POSES)
def test_a_pose_puts_the_origin_at_its_place(pose):
    np.testing.assert_allclose(pose.carry(np.zeros(2)), (pose.x, pose.y))


def test_a_pose_mirrors_before_it_turns():
    placed = Pose(10, 20, 2, angle=np.pi / 2, mirrored=True).carry(np.array([1.0, 0.0]))
    # Mirrored to (-1, 0), scaled to (-2, 0), turned clockwise on the screen to (0, -2).
    np.testing.assert_allclose(placed, (10, 18), atol=1e-7)


@given(POSES)
def test_an_array_of_polygons_is_placed_as_a_list_is(pose):
    many = repeated(SQUARE, np.array([[0.0, 0.0], [3.0, 1.0]]))
    np.testing.assert_array_equal(pose.place(many), pose.place(list(many)))


def test_directions_are_cosines_and_sines():
    angles = np.linspace(-7, 7, 50)
    np.testing.assert_allclose(direction(angles), [np.cos(angles), np.sin(angles)], atol=1e-9)


def test_an_ellipse_has_its_area_and_no_corner_twice():
    points = ellipse(3, 4, 2, 5, steps=200)
    assert area(points) == pytest.approx(np.pi * 10, rel=1e-3)
    assert len(np.unique(points.round(6), axis=0)) == 200


def test_an_arc_runs_between_its_half_turns():
    points = arc(0, 0, 2, 1, turns=(1, 2))
    np.testing.assert_allclose(points[[0, -1]], [(-2, 0), (2, 0)], atol=1e-8)
    assert (points[1:-1, 1] < 0).all()


def test_a_wave_has_one_crest_a_length():
    line = wave(np.linspace(0, 30, 301), 5, height=2, length=10)
    assert line[:, 1].max() == pytest.approx(7, abs=1e-3)
    assert np.sum((line[1:-1, 1] > line[:-2, 1]) & (line[1:-1, 1] > line[2:, 1])) == 3


def test_a_stroke_of_a_straight_line_is_a_band():
    band = stroke(corners((0, 0), (4, 0), (10, 0)), 0.5)
    assert area(band) == pytest.approx(5)
    np.testing.assert_allclose(np.abs(band[:, 1]), 0.25)


def test_smoothing_keeps_the_edges_and_cuts_the_corners():
    rounded = smooth(SQUARE)
    assert area(rounded) < area(SQUARE)
    assert np.abs(rounded).max() == 1
    assert (np.abs(rounded).sum(axis=1) < 1.9).all()
