"""Units with planted maps: what their entropy, their shuffles and noise must then be."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from precompute.experiments.entropy.class_entropies import (
    N_SHUFFLES,
    ReadBirths,
    Reading,
    agreement,
    births_over,
    entropies,
    noise,
)
from precompute.experiments.sweeps import Seen, SweptNetwork
from precompute.models.sites import find_site, list_sites

SIDE, N_IMAGES = 6, 40
CYCLE = [(0, 1), (3, 2), (1, 3), (2, 0)]
DEAD, ALIKE, TWO_LEVELS, NOISY = range(4)


class Planted(nn.Module):
    """Gives back, as the output of its one layer, the maps that it is given."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Identity()

    def forward(self, maps):
        return self.layer(maps).mean((2, 3))


@pytest.fixture(scope="module")
def maps():
    """(image, unit, 6, 6): a dead unit; one hole at the fourth level on all images; at the third or fourth; noise."""
    rng = np.random.default_rng(0)
    found = np.zeros((N_IMAGES, 4, SIDE, SIDE), dtype=np.float32)
    for image in range(N_IMAGES):
        for strength, (i, j) in zip(rng.permutation(4) + 1.0 + rng.random(), CYCLE, strict=True):
            found[image, ALIKE, i, j] = strength
            found[image, TWO_LEVELS, i, j] = max(strength, 3) if image % 2 else strength
    found[:, NOISY] = rng.random((N_IMAGES, SIDE, SIDE))
    return torch.from_numpy(found)


def births(maps, n_shuffles=0, advance=lambda done: None):
    network = Planted().eval()
    site = find_site(list_sites(network, maps[:2]), "layer")
    restored = SimpleNamespace(model=SimpleNamespace(network=network), batch_size=7, device=torch.device("cpu"))
    reading = Reading("ours", 0, n_shuffles)
    pieces = (
        ReadBirths(reading)(
            SweptNetwork(restored, {"layer": site}, {}), Seen(where, maps[where], np.empty((len(where), 2))), advance
        )
        for where in np.array_split(np.arange(len(maps)), 3)
    )
    read, where = births_over(pieces, {"layer": site.n_units}, reading)
    np.testing.assert_array_equal(where, np.arange(len(maps)))
    return read["layer"]


@pytest.fixture(scope="module")
def found(maps):
    label = np.repeat([0, 2], N_IMAGES // 2)
    return entropies(births(maps, N_SHUFFLES), label, 3, rule="ours")


def test_planted_maps_have_their_entropies(found):
    np.testing.assert_allclose(found["entropy"][DEAD, [0, 2]], math.log(N_IMAGES // 2), rtol=1e-6)
    np.testing.assert_array_equal(found["entropy"][ALIKE, [0, 2]], 0)
    np.testing.assert_allclose(found["entropy"][TWO_LEVELS, [0, 2]], math.log(2), rtol=1e-6)
    assert (found["entropy"][NOISY, [0, 2]] > found["entropy"][TWO_LEVELS, [0, 2]]).all()
    np.testing.assert_array_equal(found["selective_rate"][:3, [0, 2]], [[0, 0], [1, 1], [1, 1]])


def test_a_class_without_images_has_no_entropy(found):
    for name, values in found.items():
        if values.ndim == 2:
            assert np.isnan(values[:, 1]).all(), name


def test_the_range_of_the_mean_over_classes_is_that_of_whole_shuffles(found):
    low, high = found["shuffled_mean_low"], found["shuffled_mean_high"]
    mean = found["shuffled_mean"][:, [0, 2]].mean(axis=1)
    assert ((low <= mean) & (mean <= high)).all()
    # Narrower than the mean of the ranges of the classes.
    ranges = [found[f"shuffled_{end}"][:, [0, 2]].mean(axis=1) for end in ("low", "high")]
    assert ((ranges[0] <= low + 1e-9) & (high <= ranges[1] + 1e-9)).all()
    assert low[NOISY] < high[NOISY]


def test_shuffled_noise_is_noise_and_a_shuffled_cycle_is_none(found):
    low, mean, high = (found[f"shuffled_{end}"] for end in ("low", "mean", "high"))
    assert (low[NOISY, [0, 2]] <= found["entropy"][NOISY, [0, 2]]).all()
    assert (found["entropy"][NOISY, [0, 2]] <= high[NOISY, [0, 2]]).all()
    assert (found["shuffled_rate"][ALIKE, [0, 2]] < 0.3).all()
    assert (found["entropy"][ALIKE, [0, 2]] < mean[ALIKE, [0, 2]]).all()
    np.testing.assert_allclose(mean[DEAD, [0, 2]], math.log(N_IMAGES // 2), rtol=1e-6)


def test_every_map_is_counted_with_its_shuffles(maps):
    seen = []
    births(maps, 3, seen.append)
    assert sum(seen) == N_IMAGES * 4 * (1 + 3)


def test_entropies_agree_with_themselves(maps, found):
    label = np.repeat([0, 2], N_IMAGES // 2)
    again = agreement(found["entropy"], births(maps), label, rule="ours")
    np.testing.assert_allclose(again, [1, np.nan, 1])


def test_noise_is_of_each_class_s_number_of_images():
    found = noise(8, np.array([10, 0, 40]), rule="ours", seed=0)
    assert found["noise"].tolist() == ["independent", "smooth"]
    assert found["noise_mean"].shape == (2, 3)
    assert np.isnan(found["noise_mean"][:, 1]).all()
    assert (found["noise_mean"][:, 0] < found["noise_mean"][:, 2]).all()
