"""Random weights: which ones a network gets depends on a seed alone, and everybody is told that they are random."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

RANDOM_NOTE = "The weights are random (seed 0): what the units seem to mean is chance."


@contextmanager
def seeded(seed: int = 0) -> Iterator[None]:
    """Start torch's random numbers from a seed, and let them go on afterwards as if nothing had been drawn."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield
