"""Greedy removal: every round tries the remaining units one by one and removes those that cost accuracy least."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from time import perf_counter

import numpy as np
from torch import Tensor

from precompute.ablation.ablations import Ablater, segments
from precompute.ablation.iterative import IterativeAblation, Units, make_iterative
from precompute.experiments.timing import seconds_a_row

ChangedPredictions = list[tuple[np.ndarray, np.ndarray]]
"""Images whose prediction one trial may change, and their predictions under the trial, in several parts."""


@dataclass(frozen=True, eq=False)
class Greedy:
    """What greedy removal did.

    Parameters
    ----------
    order
        (unit,): the units in the order in which they went. Units that are left at the end follow, ordered by their
        last reduction.
    n_removed
        (round + 1,): how many units were gone before the first round, and after each round.
    accuracy
        (round + 1,): accuracy at these points, on the images that decide.
    reduction
        (round, unit): the classification accuracy reduction in every round: accuracy before the unit goes minus
        accuracy after. NaN for units that are gone.
    """

    order: np.ndarray
    n_removed: np.ndarray
    accuracy: np.ndarray
    reduction: np.ndarray


def remove_greedily(
    iterative: IterativeAblation,
    prediction: np.ndarray,
    target: np.ndarray,
    norm: np.ndarray,
    *,
    n_removed: np.ndarray,
    advance: Callable[[int], None],
) -> Greedy:
    """Remove the units that cost accuracy least, and judge the remaining units anew in every round.

    Parameters
    ----------
    iterative
        Runs the trials.
    prediction, target
        (image,): the network's predictions with nothing removed, and the right outputs.
    norm
        (unit,): of units with the same reduction the one with the lowest norm goes first; NaN counts as 0. Of units
        with the same norm too, the one with the lowest index goes first.
    n_removed
        (round + 1,): how many units are to be gone before the first round and after each round, rising from 0.
    advance
        Called after each round with the number of its trials times the number of images.

    References
    ----------
    Abbasi-Asl and Yu 2017, arXiv:1705.07356 and arXiv:1711.02329.
    """
    gone: Units = ()
    accuracy = [float((prediction == target).mean())]
    reduction = np.full((len(n_removed) - 1, len(norm)), np.nan)
    for number, n_after in enumerate(n_removed[1:]):
        left = np.array([unit for unit in range(len(norm)) if unit not in gone])
        found = _trials(iterative, gone, [(int(unit),) for unit in left])
        lost = np.array([_lost(each, prediction, target) for each in found]) / len(target)
        reduction[number, left] = lost
        going = np.lexsort((left, np.nan_to_num(norm[left]), lost))[: n_after - len(gone)]
        units = tuple(int(unit) for unit in left[going])
        # The predictions that the next round begins with. Where one unit goes, its trial has just given them.
        now = found[going[0]] if len(going) == 1 else _trials(iterative, gone, [units])[0]
        prediction = _with_changes(prediction, now)
        gone += units
        accuracy.append(float((prediction == target).mean()))
        advance(len(left) * len(target))
    return Greedy(_completed(gone, reduction, norm), n_removed, np.array(accuracy), reduction)


def _trials(iterative: IterativeAblation, gone: Units, tried: Sequence[Units]) -> list[ChangedPredictions]:
    found: list[ChangedPredictions] = [[] for _ in tried]
    for changed in iterative.round(gone, tried):
        images, now = changed.image.numpy(), changed.logits.max(1).indices.cpu().numpy()
        for segment in segments(changed.ablation):
            found[segment.ablation].append((images[segment.rows], now[segment.rows]))
    return found


def _lost(changed: ChangedPredictions, prediction: np.ndarray, target: np.ndarray) -> int:
    """Count the images that a trial loses, minus those that it gains."""
    return sum(
        int((prediction[rows] == target[rows]).sum()) - int((now == target[rows]).sum()) for rows, now in changed
    )


def _with_changes(prediction: np.ndarray, changed: ChangedPredictions) -> np.ndarray:
    prediction = prediction.copy()
    for rows, now in changed:
        prediction[rows] = now
    return prediction


def _completed(gone: Units, reduction: np.ndarray, norm: np.ndarray) -> np.ndarray:
    left = np.array([unit for unit in range(len(norm)) if unit not in gone], dtype=np.int64)
    last = reduction[-1, left] if len(reduction) else np.zeros(len(left))
    return np.concatenate([np.array(gone, dtype=np.int64), left[np.lexsort((left, norm[left], last))]])


# What it costs


@dataclass(frozen=True)
class GreedyCost:
    """What rounds of trials cost, in seconds.

    Parameters
    ----------
    a_round
        For every round, whatever its size.
    an_image
        For each image of a round: computing it without the units that are gone.
    a_trial
        For one trial on one image.
    """

    a_round: float
    an_image: float
    a_trial: float

    def seconds(self, n_rounds: int, n_trials: int, n_images: int) -> float:
        """Return the seconds for `n_rounds` on `n_images`, with `n_trials` in all: trials times images."""
        return n_rounds * (self.a_round + n_images * self.an_image) + n_trials * self.a_trial


def greedy_cost(ablater: Ablater, probe: Tensor, n_units: int) -> GreedyCost:
    """Time rounds with half of the units gone.

    Parameters
    ----------
    ablater
        The layer's ablater.
    probe
        (image, channel, height, width): the images to time the rounds on.
    n_units
        Number of units of the layer.
    """
    order = [int(unit) for unit in np.random.default_rng(0).permutation(n_units)]
    gone, left = tuple(order[: n_units // 2]), order[n_units // 2 :]
    few, all_of_them = make_iterative(ablater, [probe[:8]]), make_iterative(ablater, [probe])
    _time(few, gone, left[:1], 8)  # the first pass is slow
    started = perf_counter()
    _time(few, gone, left[:1], 8)
    a_round = perf_counter() - started
    an_image = seconds_a_row(
        [partial(_time, few, gone, left[:1], 8), partial(_time, all_of_them, gone, left[:1], len(probe))]
    )
    sizes = sorted({min(len(left), 2 * 4**power) for power in range(1 + math.ceil(math.log(n_units, 4)))})
    a_trial = seconds_a_row(partial(_time, all_of_them, gone, left[:size], size * len(probe)) for size in sizes)
    return GreedyCost(a_round, an_image, a_trial)


def _time(iterative: IterativeAblation, gone: Units, tried: Sequence[int], rows: int) -> int:
    for _ in iterative.round(gone, [(unit,) for unit in tried]):
        pass
    return rows
