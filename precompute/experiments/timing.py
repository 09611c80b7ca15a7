"""Estimate the time of one more row of work from small timed samples, without what comes only once."""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # work on the store alone is timed without torch
    from torch import Tensor

    from precompute.ablation.ablations import Ablater, Ablation

_ENOUGH = 0.4
_IMAGES = 16


def seconds_a_row(pieces: Iterable[Callable[[], int]]) -> float:
    """Time ever larger pieces of the same work, until one takes enough longer than the first to tell.

    What every piece costs whatever its size (a comparison of methods, a beginning) is in the first as in the last, so
    that their difference is the work itself.

    Parameters
    ----------
    pieces
        Each does its work and returns how many rows that was; more and more, at least one piece.

    Returns
    -------
    float
        Seconds for one row, above 0.
    """
    timed: list[tuple[int, float]] = []
    for piece in pieces:
        started = perf_counter()
        rows = piece()
        timed.append((rows, perf_counter() - started))
        # Not when a piece takes long: it may do so for what every piece costs, and would count as the work's own.
        if timed[-1][1] - timed[0][1] >= _ENOUGH:
            break
    (fewest, at_least), (most, at_most) = timed[0], timed[-1]
    if most > fewest and at_most > at_least:
        return (at_most - at_least) / (most - fewest)
    return max(at_most, 1e-9) / max(most, 1)


def seconds_swept(ablater: "Ablater", probe: "Tensor", samples: "Iterable[Sequence[Ablation]]") -> float:
    """Time what a sweep costs for one ablation on one image, the pass without ablation and the audit left out.

    Parameters
    ----------
    ablater
        What sweeps.
    probe
        (image, channel, height, width): some of the images, of which a few are taken, the same for every sample.
    samples
        Ever more ablations, like those that will be swept.

    Returns
    -------
    float
        Seconds, above 0.
    """
    inputs = probe[:: max(1, len(probe) // _IMAGES)]
    listed = [list(sample) for sample in samples]
    _swept(ablater, inputs, listed[0])  # the first pass of a network is slow
    return seconds_a_row(partial(_swept, ablater, inputs, sample) for sample in listed)


def _swept(ablater: "Ablater", inputs: "Tensor", ablations: "Sequence[Ablation]") -> int:
    for _ in ablater.sweep(inputs, ablations):
        pass
    return len(inputs) * len(ablations)
