"""Estimate the time of one more row of work from small samples, leaving out costs that come only once."""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # experiments on the store alone use this module too, without importing torch
    from torch import Tensor

    from precompute.ablation.ablations import Ablater, Ablation

_ENOUGH = 0.4
_IMAGES = 16


def seconds_a_row(pieces: Iterable[Callable[[], int]]) -> float:
    """Time larger and larger pieces of the same work, until one takes clearly longer than the first.

    A cost that every piece has, whatever its size (such as an audit), is in the first piece as in the last. So their
    difference is the cost of the rows alone.

    Parameters
    ----------
    pieces
        At least one piece, each larger than the one before. Called, it does its work and returns its number of rows.

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
        # The difference must be long, not the piece: a piece may take long for the cost that every piece has.
        if timed[-1][1] - timed[0][1] >= _ENOUGH:
            break
    (fewest, at_least), (most, at_most) = timed[0], timed[-1]
    if most > fewest and at_most > at_least:
        return (at_most - at_least) / (most - fewest)
    return max(at_most, 1e-9) / max(most, 1)


def seconds_swept(ablater: "Ablater", probe: "Tensor", samples: "Iterable[Sequence[Ablation]]") -> float:
    """Time a sweep for one ablation on one image, leaving out the pass without ablation and the audit.

    Parameters
    ----------
    ablater
        What sweeps.
    probe
        (image, channel, height, width): some images; the same few of them are used for every sample.
    samples
        Lists of ablations like those that will be swept, each longer than the one before.

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
