"""Losses of log-odds without each unit on a set of images: summed from a store, or swept on a folder of images."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from precompute.ablation.ablations import Ablation, each_unit
from precompute.ablation_kinds import kind_of
from precompute.errors import ImageFolderError, OptionError
from precompute.experiments.budget import fit_into_time
from precompute.experiments.image_choice import choose_images
from precompute.experiments.protocol import Advance, Job
from precompute.experiments.restored_run import find_training_images, restore_run
from precompute.experiments.sweeps import AblateAll, Ablated, Sweeps, SweptNetwork
from precompute.experiments.timing import seconds_swept
from precompute.images.folder import ImageList
from precompute.measures.roles import LogOddsLosses, log_odds_loss
from precompute.models.device import exact_float32
from precompute.progress import Stage
from precompute.stages.activations import log_softmax
from precompute.store.answers import answers
from precompute.store.layer import Layer
from precompute.store.reader import Store

Key = tuple[str, str]
"""A layer's name, and a kind of ablation."""

_FEWEST_PER_CLASS = 10
_TIMED_UNITS = (1, 8, 64, 512)


@dataclass(frozen=True, eq=False)
class ImageSetLosses:
    """What silencing units costs on a set of images.

    Parameters
    ----------
    count, right
        (class,): images of the class, and those that the network gets right with nothing ablated.
    losses
        The losses of log-odds without each unit, by layer and kind of ablation.
    """

    count: np.ndarray
    right: np.ndarray
    losses: dict[Key, LogOddsLosses]

    def accuracy(self) -> np.ndarray:
        """Return the share of each class's images that are right, (class,); NaN for a class without images."""
        return self.right / np.where(self.count, self.count, np.nan)


# From a store


def losses_in_store(store: Store, keys: Sequence[Key], used: np.ndarray, advance: Advance) -> ImageSetLosses:
    """Sum the losses that a store holds, of its own images or of its training images.

    Parameters
    ----------
    store
        The store, or its `train` for the training images.
    keys
        The layers and kinds of ablation.
    used
        Indices of the images to sum over.
    advance
        Called with the number of units done.
    """
    before, held = answers(store), store.baseline.log_prob
    assert held is not None  # a store without log-probabilities holds no changes of them, and was refused
    label, n_classes, log_prob = before.label[used], before.n_classes, held[used]
    right = np.bincount(label[before.right[used]], minlength=n_classes)
    losses = {}
    for name, kind in keys:
        parts = []
        for change in store.layer(name).log_prob_changes(kind):
            parts.append(LogOddsLosses.of(log_odds_loss(log_prob, change[:, used]), label, n_classes))
            advance(len(change))
        sums = (np.concatenate([getattr(part, of) for part in parts]) for of in ("total", "square", "cube"))
        losses[name, kind] = LogOddsLosses(parts[0].count, *sums)
    return ImageSetLosses(np.bincount(label, minlength=n_classes), right, losses)


# From a folder


@dataclass(frozen=True, eq=False)
class FolderSweep:
    """Training images in a folder, ready to be swept.

    Parameters
    ----------
    sweeps
        Goes over the images.
    images
        The training images.
    used
        Indices of the images to sweep.
    output_index
        (class,): the network output of each class.
    values
        By layer and kind of ablation, what each unit is set to.
    seconds_each
        About how long one image takes under all ablations.
    reduced
        A sentence on what was cut to stay within the time allowed; None where nothing was cut.
    """

    sweeps: Sweeps
    images: ImageList
    used: np.ndarray
    output_index: np.ndarray
    values: dict[Key, list[float]]
    seconds_each: float
    reduced: str | None = None

    @property
    def n_rows(self) -> int:
        """Number of ablated images to compute."""
        return len(self.used) * sum(map(len, self.values.values()))

    def run(self, stage: Stage) -> ImageSetLosses:
        """Sweep the images and add up the losses.

        Raises
        ------
        ImageFolderError
            Where none of the images can be read.
        """
        n_classes = len(self.output_index)
        count, right = np.zeros((2, n_classes), dtype=np.int64)
        losses: dict[Key, LogOddsLosses] = {}
        target_of = self.output_index[self.images.labels]
        listings = {"/".join(key): (key[0], partial(each_unit, each)) for key, each in self.values.items()}
        work = AblateAll(listings, target_of)
        for found in self.sweeps.over_others(self.images, self.used, work, stage):
            piece = Ablated.of(found)
            label, target = self.images.labels[piece.where], target_of[piece.where]
            log_prob = log_softmax(piece.logits)[np.arange(len(target)), target]
            count += np.bincount(label, minlength=n_classes)
            right += np.bincount(label[piece.logits.argmax(axis=1) == target], minlength=n_classes)
            for key in self.values:
                change = piece.effects["/".join(key)].log_prob_change
                lost = LogOddsLosses.of(log_odds_loss(log_prob, change), label, n_classes)
                losses[key] = losses[key] + lost if key in losses else lost
        if not losses:
            raise ImageFolderError(f"{self.images.root}: none of its files can be read as an image.")
        return ImageSetLosses(count, right, losses)


def prepare_sweep(job: Job, keys: Sequence[Key]) -> FolderSweep:
    """Prepare the sweep of the training images in the folder that the options name, cut down to the time allowed.

    Raises
    ------
    UnitscopeError
        Where the network or the images cannot be found, or are not those of the store.
    """
    store, options = job.store, job.options
    images = find_training_images(store, options)
    if images is None:
        raise OptionError(
            f"{store.path}: this store holds nothing on training images. Name their folder by --train-images here, or "
            "run the network again with --train-images, which puts them into the store."
        )
    with exact_float32():
        names = dict.fromkeys(name for name, _ in keys)
        network = SweptNetwork.of(restore_run(store, options), [store.layer(name) for name in names])
        values = {key: _silenced(store.layer(key[0]), key[1]) for key in keys}
        seconds = sum(_seconds(network, name, each_unit(set_to)) for (name, _), set_to in values.items())
    sweeps = job.workers.sweeps(network, [images])
    used = choose_images(images.labels, options.images_per_class)
    output_index = np.asarray(store.classes.output_index)
    found = FolderSweep(sweeps, images, used, output_index, values, seconds / sweeps.n_devices)
    found, reduced = fit_into_time(
        found, lambda sweep: sweep.seconds_each * len(sweep.used), options.max_minutes, [_on_fewer]
    )
    return replace(found, reduced=reduced)


def _silenced(layer: Layer, kind: str) -> list[float]:
    """Return what each unit is set to, as in the run: means are those over the images of the run."""
    silenced, means = kind_of(kind), None
    if silenced.needs_means:
        # Unit by unit, because the rounding of a sum over images depends on how many rows are summed at once.
        rows = (row for block in layer.blocks() for row in layer.activation(block).mean)
        means = np.array([row.mean(dtype=np.float64) for row in rows])
    values: list[float] = silenced.values(layer.n_units, means).tolist()
    return values


def _seconds(network: SweptNetwork, layer: str, ablations: list[Ablation]) -> float:
    """Time some units on some images; return the seconds for one image under all ablations."""
    some = (ablations[:n_units] for n_units in _TIMED_UNITS)
    return seconds_swept(network.ablaters[layer], network.restored.probe, some) * len(ablations)


def _on_fewer(found: FolderSweep, share: float) -> tuple[FolderSweep, str]:
    """Sweep fewer images of each class."""
    per_class = max(_FEWEST_PER_CLASS, int(share * len(found.used) / len(found.output_index)))
    used = found.used[choose_images(found.images.labels[found.used], per_class)]
    return replace(found, used=used), f"{per_class} training images of each class are swept"
