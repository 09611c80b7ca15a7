"""The entropy of noise, against the figures known for it and drawn by hand."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from precompute.measures.entropy import feature_entropy, rule_births
from precompute.measures.noise import NOISES, noise_births, noise_entropy, noise_level, smoothing


@pytest.mark.parametrize(("side", "expected"), [(14, 2.21), (7, 1.90)])
def test_the_entropy_of_100_maps_of_independent_noise(side, expected):
    entropies = noise_entropy(noise_births(1500, side), 100)
    assert entropies.mean() == pytest.approx(expected, abs=0.05)
    assert entropies.std() == pytest.approx(0.08, abs=0.03)


def test_the_entropy_of_smooth_rectified_noise():
    found = feature_entropy(noise_births(1000, 14, smooth=2))
    assert found.entropy == pytest.approx(1.95, abs=0.15)
    assert found.selective_rate == pytest.approx(0.90, abs=0.03)


def test_noise_is_the_same_for_the_same_seed():
    np.testing.assert_array_equal(noise_births(5, 8, smooth=1, seed=3), noise_births(5, 8, smooth=1, seed=3))
    births = noise_births(50, 8)
    np.testing.assert_array_equal(noise_entropy(births, 9, draws=4, seed=1), noise_entropy(births, 9, draws=4, seed=1))


@pytest.mark.parametrize(("side", "deviation"), [(14, 2), (5, 3), (8, 0.5)])
def test_smoothing_is_a_gaussian_that_goes_round_the_borders(side, deviation):
    values = np.random.default_rng(0).normal(size=(side, side))
    blur = smoothing(side, deviation)
    np.testing.assert_allclose(blur @ values @ blur.T, gaussian_filter(values, deviation, mode="wrap"), atol=1e-12)


@pytest.mark.parametrize("rule", ["ours", "paper", "code"])
def test_noise_is_read_as_the_maps_are(rule):
    maps = np.random.default_rng(3).random((20, 12, 12))
    np.testing.assert_array_equal(noise_births(20, 12, seed=3, rule=rule), rule_births(maps, rule=rule))


@pytest.mark.parametrize("noise", NOISES)
def test_the_level_of_noise_depends_on_the_number_of_images(noise):
    found = noise_level(NOISES[noise], 12, np.array([25, 0, 100, 25]), seed=0, rule="ours")
    assert np.isnan([found.mean[1], found.low[1], found.high[1]]).all()
    assert found.mean[0] == found.mean[3] < found.mean[2]
    births = noise_births(20_000, 12, smooth=12 * NOISES[noise], seed=8)
    assert found.rate == pytest.approx((~np.isnan(births)).mean(), abs=0.02)
    for c, n_images in ((0, 25), (2, 100)):
        apart = feature_entropy(births[: 20_000 // n_images * n_images].reshape(-1, n_images)).entropy
        assert found.mean[c] == pytest.approx(apart.mean(), abs=0.1)
        assert np.mean((apart >= found.low[c]) & (apart <= found.high[c])) == pytest.approx(0.95, abs=0.05)
