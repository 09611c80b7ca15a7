"""A quiz on a unit: tell which of two images makes it fire more, given images that make it fire most and least.

It measures how well people understand the unit, after Borowski et al. 2021.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from precompute.measures.exemplars import bottom, top

Floats = NDArray[np.floating[Any]]
Ints = NDArray[np.integer[Any]]

SHOWN = 9
"""Number of images shown from each end."""
MOST_QUESTIONS = 20
IMAGES_A_QUESTION = 400
"""A store has one question for every so many images.

In stores of at least this many images, every image of a question is among the 40th of all images at its end of the
ranking.
"""


@dataclass(frozen=True)
class Question:
    """One question on a unit, as indices of images; no image appears twice.

    Parameters
    ----------
    highest, lowest : (`SHOWN`,) integer arrays
        The images that are shown: strongest first, weakest first.
    higher, lower : int
        The two images that are asked about: each at least as extreme as the images shown from the same end.
    """

    highest: Ints
    lowest: Ints
    higher: int
    lower: int


def n_questions(n_images: int, n_pictures: int) -> int:
    """Return the number of questions on each unit; no two of them have an image in common.

    Parameters
    ----------
    n_images : int
        Images of the store.
    n_pictures : int
        How many of the most extreme images at each end can be shown.

    Returns
    -------
    int
        One for every `IMAGES_A_QUESTION` images, at least 1 and at most `MOST_QUESTIONS`, and no more than the pictures
        allow, ten at each end for a question. 0 where there are fewer than 20 images, or fewer than ten pictures at
        each end.
    """
    a_side = SHOWN + 1
    if n_images < 2 * a_side:
        return 0
    return min(MOST_QUESTIONS, max(1, n_images // IMAGES_A_QUESTION), n_pictures // a_side)


def question(largest: Floats, mean: Floats, checksum: Ints, *, number: int, of: int, seed: int) -> Question | None:
    """Make one question on a unit.

    The 10 x `of` images at each end, ranked as exemplars are, are divided into ten bins of `of` images, from the most
    extreme on. Every question takes one image from each bin, drawn without replacement. The image of the first bin is
    asked about, the others are shown.

    Parameters
    ----------
    largest, mean : (image,) arrays
        Maximum and mean of the unit's map.
    checksum : (image,) integer array
        Breaks ties, see :func:`precompute.measures.exemplars.top`.
    number, of : int
        The number of this question, from 0, and the number of questions on the unit.
    seed : int
        Seed of the draw; the same for all questions on the unit.

    Returns
    -------
    Question or None
        None where the ends overlap: where some image at the high end makes the unit fire no more than some image at the
        low end.

    References
    ----------
    Borowski et al. 2021, "Exemplary natural images explain CNN activations better than state-of-the-art feature
    visualization", ICLR, arXiv:2010.12606; the bins and the place of the images that are asked about are those of the
    authors' code, whose images are 200 at either end of a far larger set.
    """
    count = (SHOWN + 1) * of
    high, low = top(largest, mean, checksum, count)[0], bottom(largest, mean, checksum, count)[0]
    if largest[high].min() <= largest[low].max():
        return None
    strong, weak = (_of_each_bin(end, number, of, [seed, side]) for side, end in enumerate((high, low)))
    return Question(strong[1:], weak[1:], int(strong[0]), int(weak[0]))


def _of_each_bin(end: Ints, number: int, of: int, seed: list[int]) -> Ints:
    """Take one image of each bin, from the most extreme bin on."""
    bins = np.random.default_rng(seed).permuted(end.reshape(SHOWN + 1, of), axis=1)
    return bins[:, number]
