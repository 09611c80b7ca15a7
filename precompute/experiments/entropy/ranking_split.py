"""Choose the images to rank units on and those to measure on: two halves, or training images and the store's images."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from precompute.experiments.image_choice import choose_images, choose_nonempty_halves
from precompute.experiments.protocol import Arrays, Job
from precompute.experiments.restored_run import find_images, find_training_images
from precompute.experiments.sweeps import PieceWork, Sweeps
from precompute.images.folder import ImageList
from precompute.progress import Stage

TRAINING_PER_CLASS = 100
"""How many training images of a class are used; the authors of feature entropy took as many."""


@dataclass(frozen=True, eq=False)
class Samples:
    """Images to rank units on, and other images to measure on.

    Parameters
    ----------
    label
        (image,): the class of each of the store's images.
    half
        (image,), of the store's images: 0 to rank on, 1 to measure on, -1 for unused images.
    training
        Training images to rank on; None where units are ranked on one half of the store's images.
    chosen
        (chosen image,): positions of the training images that are used; empty without training images.
    """

    label: np.ndarray
    half: np.ndarray
    training: ImageList | None
    chosen: np.ndarray

    @property
    def n_ranked(self) -> int:
        """Number of images to rank units on."""
        return len(self.chosen) if self.training is not None else int((self.half == 0).sum())

    @property
    def measured(self) -> np.ndarray:
        """Positions of the store's images to measure on, (image,)."""
        return np.flatnonzero(self.half == 1)

    @property
    def per_class(self) -> int:
        """The largest number of images of one class that are used, of the store's images or of the training images."""
        ranked = np.empty(0, dtype=np.int64) if self.training is None else self.training.labels[self.chosen]
        return max(int(np.bincount(labels).max(initial=0)) for labels in (ranked, self.label[self.half >= 0]))

    def over_ranked(self, sweeps: Sweeps, work: PieceWork, stage: Stage) -> Iterator[Arrays]:
        """Go over the images to rank units on."""
        if self.training is None:
            return sweeps.over(np.flatnonzero(self.half == 0), work, stage)
        return sweeps.over_others(self.training, self.chosen, work, stage)

    @property
    def ranked_label(self) -> np.ndarray:
        """The class of each image of the list that the images to rank on are chosen from, (image,)."""
        return self.label if self.training is None else self.training.labels


def choose_samples(job: Job, per_class: int | None) -> Samples:
    """Choose images of every class, spread evenly over it.

    The training images are those that the options name, otherwise those that the store's run had. Where there are
    none, the store's images are divided into halves.

    Parameters
    ----------
    job
        The experiment.
    per_class
        How many images of each class; where None, all of the store's, and `TRAINING_PER_CLASS` training images.

    Raises
    ------
    ImageFolderError
        Where the training images are not there, or are of other classes.
    OptionError
        Where they are the images of the store.
    """
    label = np.asarray(job.store.images.label)
    training = _training_images(job)
    if training is None:
        return Samples(
            label, choose_nonempty_halves(label, per_class, seed=job.seed), None, np.empty(0, dtype=np.int64)
        )
    half = np.full(len(label), -1, dtype=np.int32)
    half[choose_images(label, per_class)] = 1
    return Samples(label, half, training, choose_images(training.labels, per_class or TRAINING_PER_CLASS))


def _training_images(job: Job) -> ImageList | None:
    named = find_training_images(job.store, job.options)
    return named if named is not None or job.store.train is None else find_images(job.store.train, None)
