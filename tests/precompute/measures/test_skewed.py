"""Intervals of means of skewed numbers: against the equation that they solve, and by simulation."""

import numpy as np
import pytest

from precompute.measures.skewed import skewed_interval


def test_its_ends_are_where_the_transformed_mean_is_two_deviations_away():
    mean, error = np.array([0.2, 0.2, -1.0]), np.array([0.05, 0.05, 0.3])
    skewness = np.array([0.4, -0.3, 0.7])
    for end, wanted in zip(skewed_interval(mean, error, skewness), (1.959964, -1.959964), strict=True):
        t = (mean - end) / error
        np.testing.assert_allclose(t + skewness * t**2 / 3 + skewness**2 * t**3 / 27 + skewness / 6, wanted, rtol=1e-6)


def test_without_skewness_it_is_two_standard_errors_either_way_and_the_limit_is_smooth():
    for skewness in (0.0, 1e-5, -1e-5):
        low, high = skewed_interval(np.array([1.0]), np.array([0.5]), np.array([skewness]))
        np.testing.assert_allclose([low[0], high[0]], [1 - 0.979982, 1 + 0.979982], atol=1e-4)


def test_nothing_is_told_of_what_is_not_known():
    assert np.isnan(skewed_interval(np.array([1.0]), np.array([np.nan]), np.array([0.1]))).all()


@pytest.mark.parametrize(
    ("share", "size", "n_images"), [(0.1, 1.5, 50), (0.05, 3, 100), (0.03, 4, 250), (0.02, 6, 250)]
)
def test_effects_on_few_images_are_held_where_two_standard_errors_do_not_hold_them(share, size, n_images):
    rng, truth = np.random.default_rng(1), share * size
    x = np.where(rng.random((4000, n_images)) < share, rng.normal(size, size / 4, (4000, n_images)), 0)
    mean, error = x.mean(axis=1), x.std(axis=1, ddof=1) / np.sqrt(n_images)
    skewness = ((x - mean[:, None]) ** 3).mean(axis=1) / n_images**2 / np.maximum(error, 1e-9) ** 3
    low, high = skewed_interval(mean, error, skewness)
    assert ((low <= truth) & (truth <= high)).mean() >= 0.94
    assert (np.abs(mean - truth) <= 1.96 * error).mean() < 0.94
