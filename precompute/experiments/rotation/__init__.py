"""Ablate every direction of randomly rotated bases of a layer, and its units, on the same images."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from torch import Tensor

from precompute.ablation.ablations import Ablation, each_unit
from precompute.experiments.accuracy_counts import AccuracyCounts
from precompute.experiments.budget import Cut, fewer_per_class, fit_into_time
from precompute.experiments.image_choice import choose_images
from precompute.experiments.protocol import Advance, Arrays, Findings, Job, Prepared
from precompute.experiments.restored_run import restore_run
from precompute.experiments.rotation.largest_drops import largest_drops
from precompute.experiments.sweeps import AblateAll, Ablated, Listing, Seen, Sweeps, SweptNetwork
from precompute.experiments.timing import seconds_swept
from precompute.measures.false_discovery import discrete_false_discovery
from precompute.measures.rotation import energy_shares, random_rotation, rotation_powers
from precompute.models.device import exact_float32
from precompute.models.hooks import outputs_at
from precompute.progress import Stage
from precompute.store.answers import answers
from precompute.store.layer import Layer

FRACTIONS = (0.25, 0.5, 0.75, 1.0)
N_SEEDS = 5
FEWEST_DIRECTIONS = 32
_TIMED = (2, 8, 32, 128, 512)


@dataclass(frozen=True, eq=False)
class _Rotations:
    """The rotated bases of one layer, and which of their directions are ablated.

    Parameters
    ----------
    layer
        The layer.
    bases
        (fraction, seed, direction, unit): rotated bases with orthonormal rows.
    direction
        (direction,): the directions that are ablated, the same in every basis.
    seconds
        About how long it takes to ablate one unit on one image, and one direction on one image.
    """

    layer: Layer
    bases: np.ndarray
    direction: np.ndarray
    seconds: tuple[float, float]

    @property
    def n_ablations(self) -> int:
        """Number of units and directions to ablate."""
        return self.layer.n_units + self.bases[..., 0, 0].size * len(self.direction)

    def listing(self) -> Listing:
        """Return what lists the ablations: the units, then the directions of every basis."""
        return partial(_ablations, self.bases, self.direction)


def _ablations(bases: np.ndarray, direction: np.ndarray) -> list[Ablation]:
    columns = [torch.from_numpy(basis).T for of_fraction in bases for basis in of_fraction]
    return [
        *each_unit([0.0] * bases.shape[-1]),
        *(Ablation((int(k),), (0.0,), basis) for basis in columns for k in direction),
    ]


def prepare(job: Job) -> Prepared:
    """Prepare the rotations of every layer."""
    with exact_float32():
        network = SweptNetwork.of(restore_run(job.store, job.options), job.layers)
        rotations = [_rotations(job, network, layer) for layer in job.layers]
    images = choose_images(np.asarray(job.store.images.label), job.options.images_per_class)
    sweeps = job.workers.sweeps(network, [network.restored.images])
    seconds = sweeps.shared(_seconds)
    (rotations, images), reduced = fit_into_time((rotations, images), seconds, job.options.max_minutes, _cuts(job))
    n_steps = sum(each.n_ablations for each in rotations) * len(images)
    return Prepared(
        seconds=seconds((rotations, images)),
        bytes=sum((each.layer.n_units + each.bases[..., each.direction, 0].size) * 9 * 4 for each in rotations),
        steps=n_steps,
        unit="ablated images",
        run=partial(_run, job, sweeps, rotations, images),
        reduced=reduced,
    )


# What is rotated


def _rotations(job: Job, network: SweptNetwork, layer: Layer) -> _Rotations:
    found = _Rotations(
        layer=layer,
        bases=rotated_bases(layer.n_units, seed=job.seed),
        direction=np.arange(layer.n_units),
        seconds=(0.0, 0.0),
    )
    return replace(found, seconds=_time(network, found))


def rotated_bases(n_units: int, *, seed: int) -> np.ndarray:
    """Draw random rotations, and turn the basis of the units by several fractions of each.

    Parameters
    ----------
    n_units
        Number of units of the layer.
    seed
        The seed of the first rotation; the others have the seeds that follow it.

    Returns
    -------
    np.ndarray
        (fraction, seed, direction, unit) float32, in the order of `FRACTIONS`.
    """
    bases = np.empty((len(FRACTIONS), N_SEEDS, n_units, n_units), dtype=np.float32)
    for number in range(N_SEEDS):
        bases[:, number] = rotation_powers(random_rotation(n_units, seed=seed + number), FRACTIONS)
    return bases


# What it costs


def _time(network: SweptNetwork, rotations: _Rotations) -> tuple[float, float]:
    """Time some units and some directions on some images; return the seconds of one unit and of one direction."""
    ablations, layer = rotations.listing()(), rotations.layer
    n_units, ablater = layer.n_units, network.ablaters[layer.name]
    unit, direction = (
        seconds_swept(ablater, network.restored.probe, (some[:n] for n in _TIMED))
        for some in (ablations[:n_units], ablations[n_units:][::-1])
    )
    return unit, direction


Work = tuple[list[_Rotations], np.ndarray]
"""The rotations, and the indices of the images to use, (image,)."""


def _seconds(work: Work) -> float:
    rotations, images = work
    return len(images) * sum(
        each.layer.n_units * each.seconds[0] + len(FRACTIONS) * N_SEEDS * len(each.direction) * each.seconds[1]
        for each in rotations
    )


def _cuts(job: Job) -> list[Cut[Work]]:
    """Ablate fewer directions; if that is not enough, use fewer images."""
    label = np.asarray(job.store.images.label)

    def directions(work: Work, share: float) -> tuple[Work, str]:
        rotations = [_fewer(each, share, seed=job.seed) for each in work[0]]
        counts = ", ".join(str(len(each.direction)) for each in rotations)
        return (rotations, work[1]), f"{counts} directions of each rotated basis, drawn at random, are ablated"

    def images(work: Work, share: float) -> tuple[Work, str]:
        per_class = fewer_per_class(label[work[1]], share)
        return (work[0], choose_images(label, per_class)), f"on {per_class} images of each class"

    return [directions, images]


def _fewer(rotations: _Rotations, share: float, *, seed: int) -> _Rotations:
    n_units = rotations.layer.n_units
    count = min(n_units, max(FEWEST_DIRECTIONS, int(n_units * share)))
    drawn = np.random.default_rng(seed).permutation(n_units)[:count]
    return replace(rotations, direction=np.sort(drawn))


# The work


def _run(job: Job, sweeps: Sweeps, rotations: list[_Rotations], images: np.ndarray, stage: Stage) -> Findings:
    before = answers(job.store)
    output_index = np.asarray(job.store.classes.output_index)
    counts = [AccuracyCounts(each.n_ablations, output_index) for each in rotations]
    moments = [np.zeros((each.layer.n_units, each.layer.n_units)) for each in rotations]
    listings = {each.layer.name: (each.layer.name, each.listing()) for each in rotations}
    work = _AblateAndSum(AblateAll(listings, before.target))
    for found in sweeps.over(images, work, stage):
        piece = Ablated.of(found)
        for each, counted, moment in zip(rotations, counts, moments, strict=True):
            counted.add(piece.effects[each.layer.name], before.label[piece.where], piece.logits.argmax(axis=1))
            moment += found[_MOMENT.format(each.layer.name)]
    arrays: Arrays = {"used": np.isin(np.arange(len(before.label)), images).astype(np.int32)}
    for each, counted, moment in zip(rotations, counts, moments, strict=True):
        told = _found(each, counted, moment, job.seed)
        arrays |= {f"layers/{each.layer.name}/{name}": values for name, values in told.items()}
    return Findings(arrays)


_MOMENT = "{}/second_moment"


@dataclass(frozen=True, eq=False)
class _AblateAndSum:
    """Work that sweeps a piece of the images, and sums the second moment of each layer's activations over it.

    The second moment, (unit, unit), is the sum over images and positions of the products of two units' activations.
    """

    ablate: AblateAll

    def __call__(self, network: SweptNetwork, seen: Seen, advance: Advance) -> Arrays:
        found = self.ablate(network, seen, advance)
        restored, sites = network.restored, network.sites
        moments = {name: np.zeros((site.n_units, site.n_units)) for name, site in sites.items()}
        for batch in seen.inputs.split(restored.batch_size):
            outputs = outputs_at(restored.model.network, list(sites.values()), batch.to(restored.device))
            for name, site in sites.items():
                moments[name] += _second_moment(outputs[site])
        return found | {_MOMENT.format(name): moment for name, moment in moments.items()}


def _second_moment(output: Tensor) -> np.ndarray:
    """Return the second moment, (unit, unit), of a layer's output, (image, unit, ...); see `_AblateAndSum`."""
    flat = output.float().movedim(1, 0).flatten(1)
    moment: np.ndarray = (flat @ flat.T).cpu().numpy()
    return moment


def _rotated_q(p: np.ndarray, attainable: Sequence[np.ndarray]) -> np.ndarray:
    """Return the q-values of p-values, (fraction, seed, direction) both; each basis is a family of its own."""
    families = p.reshape(-1, p.shape[-1])
    q = [
        discrete_false_discovery(family, attainable[start : start + len(family)])
        for start, family in zip(range(0, p.size, p.shape[-1]), families, strict=True)
    ]
    return np.reshape(q, p.shape)


def _found(rotations: _Rotations, counts: AccuracyCounts, second_moment: np.ndarray, seed: int) -> Arrays:
    shape = (*rotations.bases.shape[:2], len(rotations.direction))
    n_units = rotations.layer.n_units
    each, attainable = largest_drops(counts)
    natural = {name: values[:n_units] for name, values in each.items()}
    rotated = {name: values[n_units:].reshape(shape) for name, values in each.items()}
    directions = rotations.bases[..., rotations.direction, :]
    natural |= {
        "max_drop_q": discrete_false_discovery(natural["max_drop_p"], attainable[:n_units]),
        "energy": energy_shares(np.eye(n_units), second_moment),
    }
    rotated |= {
        "max_drop_q": _rotated_q(rotated["max_drop_p"], attainable[n_units:]),
        "energy": energy_shares(directions, second_moment),
        "fraction": np.array(FRACTIONS),
        "seed": seed + np.arange(N_SEEDS),
        "direction": rotations.direction,
    }
    return {f"natural/{name}": values for name, values in natural.items()} | {
        f"rotated/{name}": values for name, values in rotated.items()
    }
