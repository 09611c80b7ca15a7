"""The plane of principal components against power iteration on the covariance matrix."""

import numpy as np
import pytest

from precompute.measures.principal_components import principal_plane, share_by_chance


def leading(matrix, rng, rounds=3000):
    """The leading eigenvector and value of a symmetric matrix, by power iteration."""
    vector = rng.normal(size=len(matrix))
    for _ in range(rounds):
        vector = matrix @ vector
        vector /= np.linalg.norm(vector)
    return vector, vector @ matrix @ vector


@pytest.mark.parametrize("seed", range(5))
def test_places_are_projections_on_the_two_leading_directions(seed):
    rng = np.random.default_rng(seed)
    points = rng.normal(size=(30, 6)) * [5, 3, 1, 0.5, 0.2, 0.1] + 7
    places, share = principal_plane(points)
    centred = points - points.mean(axis=0)
    matrix = centred.T @ centred
    total, explained = np.trace(matrix), 0.0
    for axis in range(2):
        direction, value = leading(matrix, rng)
        along = centred @ direction
        assert np.abs(places[:, axis]) == pytest.approx(np.abs(along), abs=1e-6)
        assert places[np.abs(places[:, axis]).argmax(), axis] > 0
        explained += value
        matrix = matrix - value * np.outer(direction, direction)
    assert share == pytest.approx(explained / total, rel=1e-9)


def test_points_of_a_plane_keep_their_distances_and_lose_nothing():
    rng = np.random.default_rng(3)
    flat = rng.normal(size=(12, 2)) @ rng.normal(size=(2, 9))
    places, share = principal_plane(flat)
    assert share == pytest.approx(1)
    distances = np.linalg.norm(flat[:, None] - flat[None], axis=2)
    assert np.linalg.norm(places[:, None] - places[None], axis=2) == pytest.approx(distances)


def test_order_and_the_mean_do_not_matter():
    rng = np.random.default_rng(4)
    points, order = rng.normal(size=(15, 4)), rng.permutation(15)
    assert principal_plane(points[order] + 100)[0] == pytest.approx(principal_plane(points)[0][order], abs=1e-9)


@pytest.mark.parametrize("points", [np.ones((5, 3)), np.ones((1, 3)), np.zeros((0, 3))])
def test_points_that_do_not_vary_lie_at_the_middle_and_show_no_share(points):
    places, share = principal_plane(points)
    assert places.shape == (len(points), 2)
    assert (places == 0).all()
    assert np.isnan(share)


def test_points_of_one_dimension_spread_along_the_first_axis_alone():
    places, share = principal_plane(np.array([[1.0], [2.0], [4.0]]))
    assert places[:, 1] == pytest.approx(0)
    assert share == 1


@pytest.mark.parametrize("shape", [(40, 9), (6, 30)])
def test_the_share_of_points_that_have_nothing_in_common_is_that_by_chance(shape):
    rng = np.random.default_rng(1)
    points = rng.normal(size=shape)
    slow = np.mean([principal_plane(rng.permuted(points, axis=1))[1] for _ in range(200)])
    assert share_by_chance(points, draws=200) == pytest.approx(slow, abs=0.01)
    assert principal_plane(points)[1] == pytest.approx(slow, abs=0.08)
    alike = rng.normal(size=(shape[0], 2)) @ rng.normal(size=(2, shape[1]))
    assert principal_plane(alike)[1] > share_by_chance(alike) + 0.2


def test_three_points_lie_on_a_plane_whatever_they_are_and_no_points_on_none():
    assert share_by_chance(np.random.default_rng(2).normal(size=(3, 9))) == pytest.approx(1)
    assert np.isnan(share_by_chance(np.zeros((0, 4))))
    assert np.isnan(share_by_chance(np.ones((5, 4))))
