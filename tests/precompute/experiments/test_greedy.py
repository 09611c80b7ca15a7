"""Greedy removal on answers that are made up: what every set of units leaves is drawn once and for all."""

import numpy as np
import pytest
import torch

from precompute.ablation.ablations import Changed
from precompute.experiments.compression.greedy import remove_greedily

N_UNITS, N_IMAGES = 7, 60
TARGET = np.zeros(N_IMAGES, dtype=np.int64)


def answers(units):
    """Outputs named without some units: ever more of them wrong, some right again."""
    named = np.zeros(N_IMAGES, dtype=np.int64)
    for unit in sorted(units):
        rng = np.random.default_rng(unit)
        named[rng.permutation(N_IMAGES)[: 3 * (unit % 4)]] = rng.integers(0, 3, 3 * (unit % 4))
    return named


class MadeUp:
    """Names images that differ from those without the units that are gone, and some that do not."""

    def round(self, gone, tried):
        for index, units in enumerate(tried):
            now = answers((*gone, *units))
            rows = np.flatnonzero((now != answers(gone)) | (np.arange(N_IMAGES) % 5 == 0))
            for part in np.array_split(rows, 2):
                yield Changed(
                    torch.full((len(part),), index),
                    torch.tensor(part),
                    torch.nn.functional.one_hot(torch.tensor(now[part]), 3).float(),
                )


def removed(n_removed, norm=None):
    norm = np.zeros(N_UNITS) if norm is None else norm
    done = []
    found = remove_greedily(MadeUp(), answers(()), TARGET, norm, n_removed=np.array(n_removed), advance=done.append)
    return found, sum(done)


@pytest.mark.parametrize("n_removed", [range(8), [0, 3, 6, 7], [0, 2, 4], [0, 7]])
def test_the_units_of_lowest_reduction_go_together(n_removed):
    found, done = removed(list(n_removed))
    for number, (start, stop) in enumerate(zip(n_removed, list(n_removed)[1:], strict=False)):
        gone = found.order[:start]
        left = [unit for unit in range(N_UNITS) if unit not in gone]
        right = (answers(gone) == TARGET).mean()
        lost = {unit: right - (answers([*gone, unit]) == TARGET).mean() for unit in left}
        np.testing.assert_allclose(found.reduction[number, left], list(lost.values()))
        assert (
            list(found.order[start:stop]) == sorted(left, key=lambda unit: (round(lost[unit], 9), unit))[: stop - start]
        )
        assert found.accuracy[number] == right
    assert found.accuracy[-1] == (answers(found.order[: list(n_removed)[-1]]) == TARGET).mean()
    assert sorted(found.order) == list(range(N_UNITS))
    assert done == sum(N_UNITS - n for n in list(n_removed)[:-1]) * N_IMAGES


def test_of_equal_units_the_one_of_the_lowest_norm_goes():
    # Units 0 and 4 change nothing.
    assert list(removed([0, 1])[0].order[:1]) == [0]
    norm = np.array([2.0, 0, 0, 0, 1.0, 0, 0])
    assert list(removed([0, 1, 2], norm)[0].order[:2]) == [4, 0]
    assert list(removed([0, 1], np.where(norm == 2, np.nan, norm))[0].order[:1]) == [0]
