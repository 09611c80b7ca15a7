"""Measures that need the network: correlation of activation with class probability, and the fraction of zeros.

They take one pass over the images, which keeps sums. As long as they fit into 1 GiB, the activations and probabilities
of all images are kept too, to shuffle them for the chance level; beyond that this level is left out.
"""

from dataclasses import dataclass, field
from functools import partial
from time import perf_counter

import numpy as np
import torch
from torch import Tensor

from precompute.errors import StoreError
from precompute.experiments.budget import fewer_per_class, fit_into_time
from precompute.experiments.image_choice import choose_halves
from precompute.experiments.protocol import Advance, Arrays, Findings, Job, Prepared
from precompute.experiments.restored_run import RestoredRun, restore_run
from precompute.measures.class_correlation import JointMoments, shuffled_correlations, strongest_class
from precompute.measures.sparsity import zero_fraction
from precompute.models.device import exact_float32
from precompute.models.forward import logits
from precompute.models.hooks import observe
from precompute.models.sites import Site
from precompute.stages.activations import SpatialSummary, join, log_softmax, summarise
from precompute.store.layer import Layer

POOLS = ("max", "mean")
_SHUFFLES = 19  # a unit that has nothing to do with any class is above all shuffles in 5 % of cases
_MOST_BYTES = 2**30


@dataclass(eq=False)
class _LayerSums:
    """One layer: where it is in the network, and sums over the images so far.

    ``parts`` are of the images since the last `add_probabilities`. ``largest`` are the maxima over space on all images,
    (unit, image) in parts; they are kept only where ``keeps``.
    """

    layer: Layer
    site: Site
    moments: dict[tuple[str, int], JointMoments] = field(default_factory=dict)
    zeros: np.ndarray | float = 0.0
    n_images: int = 0
    parts: list[SpatialSummary] = field(default_factory=list)
    largest: list[np.ndarray] = field(default_factory=list)
    keeps: bool = False

    def add_output(self, output: Tensor) -> None:
        """Add the layer's output on a few images."""
        self.parts.append(summarise(output))
        self.zeros = self.zeros + len(output) * zero_fraction(output.float().cpu().numpy())
        self.n_images += len(output)

    def add_probabilities(self, probability: np.ndarray, half: np.ndarray) -> None:
        """Add the network's probabilities, (image, class), for the images of the outputs since the last call."""
        seen = join(self.parts)
        self.parts.clear()
        if self.keeps:
            self.largest.append(seen.max)
        for pool in POOLS:
            for h in (0, 1):
                found = JointMoments.of(getattr(seen, pool)[:, half == h], probability[half == h])
                held = self.moments.get((pool, h))
                self.moments[pool, h] = found if held is None else held + found

    def correlations(self, pool: str) -> tuple[np.ndarray, list[np.ndarray]]:
        """Return the correlations over all images and over each half, (unit, class) each."""
        parts = [self.moments[pool, h] for h in (0, 1)]
        return (parts[0] + parts[1]).correlation(), [part.correlation() for part in parts]


def prepare(job: Job) -> Prepared:
    """Prepare the pass over the images."""
    if job.store.baseline.log_prob is None:
        raise StoreError(
            f"{job.store.path}: class correlation needs the probability that the network gives a class, but there is "
            f"none, because {job.store.baseline.log_prob_of}."
        )
    label = np.asarray(job.store.images.label)
    with exact_float32():
        restored = restore_run(job.store, job.options)
        watched = [_LayerSums(layer, restored.site(layer)) for layer in job.layers]
        each = _seconds(job, restored)
    half = choose_halves(label, job.options.images_per_class, seed=job.seed)
    half, reduced = fit_into_time(
        half, lambda half: each * _n_used(half), job.options.max_minutes, [partial(_on_fewer, job)]
    )
    n_images = _n_used(half)
    n_classes = len(job.store.classes)
    return Prepared(
        seconds=each * n_images,
        bytes=sum(layer.n_units * (2 * n_classes + 11) * 4 for layer in job.layers) + 4 * len(label),
        steps=n_images,
        unit="images",
        run=partial(_run, job, restored, watched, half),
        reduced=reduced,
    )


# What it costs


@torch.no_grad()
def _seconds(job: Job, restored: RestoredRun) -> float:
    """Time a few images; return the seconds for one."""
    for _ in range(2):  # the first pass of a network is slow
        watched = [_LayerSums(layer, restored.site(layer)) for layer in job.layers]
        started = perf_counter()
        with observe(restored.model.network, {each.site: each.add_output for each in watched}):
            outputs = logits(restored.model.network, restored.probe).cpu().numpy()
        for each in watched:
            each.add_probabilities(_probability(job, outputs), np.arange(len(outputs)) % 2)
    return (perf_counter() - started) / len(restored.probe)


def _n_used(half: np.ndarray) -> int:
    return int((half >= 0).sum())


def _on_fewer(job: Job, half: np.ndarray, share: float) -> tuple[np.ndarray, str]:
    """Divide fewer images into halves."""
    label = np.asarray(job.store.images.label)
    per_class = fewer_per_class(label[half >= 0], share)
    return choose_halves(label, per_class, seed=job.seed), f"{per_class} images of each class are used"


# The work


def _run(job: Job, restored: RestoredRun, watched: list[_LayerSums], half: np.ndarray, advance: Advance) -> Findings:
    n_images, n_classes = int((half >= 0).sum()), len(job.store.classes)
    numbers = n_images * (n_classes + sum(each.layer.n_units for each in watched))
    probabilities: list[np.ndarray] = []
    for each in watched:
        each.keeps = 4 * numbers <= _MOST_BYTES
    with exact_float32(), observe(restored.model.network, {each.site: each.add_output for each in watched}):
        for where, _, outputs in restored.read(np.flatnonzero(half >= 0)):
            probability = _probability(job, outputs)
            for each in watched:
                each.add_probabilities(probability, half[where])
                if each.keeps and each is watched[0]:
                    probabilities.append(probability.astype(np.float32))
            advance(len(where))
    arrays: Arrays = {"half": half}
    measures: dict[str, Arrays] = {}
    for each in watched:
        found, measures[each.layer.name] = _found(each)
        found |= _by_chance(each, probabilities, seed=job.seed)
        arrays |= {f"layers/{each.layer.name}/{name}": values for name, values in found.items()}
    return Findings(arrays, measures)


def _probability(job: Job, outputs: np.ndarray) -> np.ndarray:
    """Return the probability of each class among all outputs of the network, (image, class)."""
    return np.exp(log_softmax(outputs))[:, np.asarray(job.store.classes.output_index)]


def _by_chance(watched: _LayerSums, probabilities: list[np.ndarray], *, seed: int) -> Arrays:
    """Return the largest correlation when images are shuffled, (unit,) each; NaN where activations were not kept."""
    if not watched.largest:
        nothing = np.full(watched.layer.n_units, np.nan)
        return {"shuffled_mean": nothing, "shuffled_highest": nothing}
    activation, probability = np.concatenate(watched.largest, axis=1), np.concatenate(probabilities)
    drawn = shuffled_correlations(activation, probability, draws=_SHUFFLES, seed=seed)
    return {"shuffled_mean": drawn.mean(axis=0), "shuffled_highest": drawn.max(axis=0)}


def _found(watched: _LayerSums) -> tuple[Arrays, Arrays]:
    """Return the layer's datasets and its measures."""
    correlation, of_half = watched.correlations("max")
    largest, strongest = strongest_class(correlation)
    by_half = np.stack([strongest_class(part)[0] for part in of_half], axis=1)
    arrays = {
        "max_correlation": correlation,
        "mean_correlation": watched.correlations("mean")[0],
        "by_half/measure": np.array(["class_correlation"]),
        "by_half/value": by_half[:, :, None],
    }
    measures = {
        "class_correlation": largest,
        "class_correlation_class": strongest,
        "zero_fraction": np.asarray(watched.zeros) / watched.n_images,
    }
    return arrays, measures
