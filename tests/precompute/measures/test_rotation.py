"""Rotations and their fractions, against scipy's Schur form and what a uniform draw must look like."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.linalg import schur

from precompute.measures.rotation import energy_shares, random_rotation, rotation_powers

sizes, seeds = st.integers(1, 40), st.integers(0, 10_000)


def slow_power(rotation, fraction):
    """Scale the angle of every 2 by 2 block of the real Schur form."""
    form, axes = schur(rotation, output="real")
    power, k = np.eye(len(form)), 0
    while k < len(form):
        if k + 1 < len(form) and abs(form[k + 1, k]) > 1e-8:
            angle = fraction * np.arctan2(form[k + 1, k], form[k, k])
            power[k : k + 2, k : k + 2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
            k += 2
        else:
            assert form[k, k] > 0
            k += 1
    return axes @ power @ axes.T


@given(sizes, seeds)
def test_a_random_rotation_keeps_lengths_and_handedness(n_units, seed):
    rotation = random_rotation(n_units, seed=seed)
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(n_units), atol=1e-12)
    np.testing.assert_allclose(np.linalg.det(rotation), 1)
    np.testing.assert_array_equal(rotation, random_rotation(n_units, seed=seed))


@given(sizes, seeds, st.sampled_from([0.1, 0.25, 0.5, 0.75, 0.9]))
def test_a_fraction_is_that_of_the_real_schur_form(n_units, seed, fraction):
    rotation = random_rotation(n_units, seed=seed)
    found = rotation_powers(rotation, [fraction])[0]
    np.testing.assert_allclose(found, slow_power(rotation, fraction), atol=1e-7)
    np.testing.assert_allclose(found @ found.T, np.eye(n_units), atol=1e-12)


@given(sizes, seeds)
def test_fractions_add_up(n_units, seed):
    rotation = random_rotation(n_units, seed=seed)
    none, quarter, half, whole = rotation_powers(rotation, [0, 0.25, 0.5, 1])
    np.testing.assert_allclose(quarter @ quarter, half, atol=1e-7)
    np.testing.assert_allclose(np.linalg.matrix_power(quarter, 4), rotation, atol=1e-7)
    np.testing.assert_allclose(none, np.eye(n_units), atol=1e-12)
    np.testing.assert_array_equal(whole, rotation)


def test_equal_angles_in_several_planes_are_no_trouble():
    turn = np.array([[0.0, -1.0], [1.0, 0.0]])
    eighth = np.array([[1.0, -1.0], [1.0, 1.0]]) / np.sqrt(2)
    (found,) = rotation_powers(np.kron(np.eye(3), turn), [0.5])
    np.testing.assert_allclose(found, np.kron(np.eye(3), eighth), atol=1e-12)


def test_a_half_turn_has_no_one_fraction():
    with pytest.raises(ValueError, match="180 degrees"):
        rotation_powers(np.diag([-1.0, -1.0, 1.0]), [0.5])


def test_random_rotations_are_uniform():
    drawn = np.array([random_rotation(3, seed=seed) for seed in range(4000)])
    # Of a uniform direction in space, each coordinate is uniform from -1 to 1.
    for place in np.ndindex(3, 3):
        values = np.sort(drawn[:, *place])
        assert np.abs((values + 1) / 2 - np.linspace(0, 1, 4000)).max() < 0.035
    # The mean trace of uniform rotations is 0, for every square of a rotation in space it is 1.
    assert abs(np.trace(drawn, axis1=1, axis2=2).mean()) < 0.06
    np.testing.assert_allclose(np.trace(drawn @ drawn, axis1=1, axis2=2).mean(), 1, atol=0.08)


def test_energy_is_the_mean_square_along_each_direction():
    activation = np.abs(np.random.default_rng(0).standard_normal((50, 6)))
    rotation = random_rotation(6, seed=1)
    found = energy_shares(rotation, activation.T @ activation)
    for k in range(6):
        along = [float(rotation[k] @ row) ** 2 for row in activation]
        np.testing.assert_allclose(found[k], sum(along) / (activation**2).sum())
    np.testing.assert_allclose(found.sum(), 1)
    assert np.isnan(energy_shares(rotation, np.zeros((6, 6)))).all()
