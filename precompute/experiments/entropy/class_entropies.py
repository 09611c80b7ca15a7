"""The feature entropy of every unit for every class, beside the entropies of shuffled maps and of noise."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from precompute.experiments.protocol import Advance, Arrays
from precompute.experiments.sweeps import Seen, SweptNetwork
from precompute.measures.correlation import spearman
from precompute.measures.entropy import Rule, class_feature_entropy
from precompute.measures.noise import NOISES, noise_level
from precompute.models.hooks import outputs_at
from precompute.stages.births import Births, births_of, join, no_births

N_SHUFFLES = 19
"""With 19 shuffles, a map that is nothing but one more shuffle is below all of them with a probability of 5 %."""


@dataclass(frozen=True)
class Reading:
    """How births are read.

    Parameters
    ----------
    rule
        The rule of feature entropy.
    seed
        The seed of the shuffles.
    n_shuffles
        How many times the pixels of each map are shuffled.
    """

    rule: Rule
    seed: int
    n_shuffles: int


@dataclass(frozen=True, eq=False)
class ReadBirths:
    """Work that reads the births of every layer's maps on a piece of the images.

    Parameters
    ----------
    reading
        How births are read. Every piece has its own random draws, so it depends on no other piece.
    """

    reading: Reading

    def __call__(self, network: SweptNetwork, seen: Seen, advance: Advance) -> Arrays:
        """Read the births; return arrays for :func:`births_over`."""
        restored, reading, sites = network.restored, self.reading, network.sites
        draws = {name: np.random.default_rng([reading.seed, int(seen.where[0])]) for name in sites}
        parts: dict[str, list[Births]] = {name: [] for name in sites}
        for batch in seen.inputs.split(restored.batch_size):
            outputs = outputs_at(restored.model.network, list(sites.values()), batch.to(restored.device))
            for name, site in sites.items():
                read = births_of(outputs[site], draws[name], n_shuffles=reading.n_shuffles, rule=reading.rule)
                parts[name].append(read)
                advance(read.level.size * (1 + reading.n_shuffles))
        found: Arrays = {"where": seen.where}
        for name, each in parts.items():
            found |= {f"{name}/{part}": getattr(join(each), part) for part in _PARTS}
        return found


_PARTS = ("level", "shuffled")


def births_over(
    pieces: Iterable[Arrays], n_units: Mapping[str, int], reading: Reading
) -> tuple[dict[str, Births], np.ndarray]:
    """Join the births of several pieces.

    Parameters
    ----------
    pieces
        What `ReadBirths` returned for each piece.
    n_units
        Number of units, by the layer's name.
    reading
        How the births were read.

    Returns
    -------
    births : dict of str to Births
        By the layer's name, over all images.
    where : np.ndarray
        (image,): positions of the images in the list that the pass goes over.
    """
    parts = {name: [no_births(n, reading.n_shuffles)] for name, n in n_units.items()}
    where = [np.empty(0, dtype=np.int64)]
    for found in pieces:
        where.append(found["where"])
        for name, each in parts.items():
            each.append(Births(*(found[f"{name}/{part}"] for part in _PARTS)))
    return {name: join(each) for name, each in parts.items()}, np.concatenate(where)


def entropies(births: Births, label: np.ndarray, n_classes: int, *, rule: Rule) -> Arrays:
    """Return the entropies of a layer and of its shuffled maps, in the datasets of the store.

    Parameters
    ----------
    births
        The births of the layer's maps, with at least one shuffle.
    label
        (image,): the class of each image.
    n_classes
        Number of classes.
    rule
        The rule of feature entropy.
    """
    found = class_feature_entropy(births.level, label, n_classes, rule=rule)
    shuffled = [class_feature_entropy(levels, label, n_classes, rule=rule) for levels in births.shuffled]
    entropy = np.stack([each.entropy for each in shuffled])
    # A shuffle covers the maps of all classes, so its mean over classes is one draw of the measure `feature_entropy`.
    over_classes = entropy[:, :, np.bincount(label, minlength=n_classes) > 0].mean(axis=2)
    return {
        "entropy": found.entropy,
        "selective_rate": found.selective_rate,
        "shuffled_mean": entropy.mean(axis=0),
        "shuffled_low": entropy.min(axis=0),
        "shuffled_high": entropy.max(axis=0),
        "shuffled_mean_low": over_classes.min(axis=0),
        "shuffled_mean_high": over_classes.max(axis=0),
        "shuffled_rate": np.mean([each.selective_rate for each in shuffled], axis=0),
    }


def agreement(entropy: np.ndarray, births: Births, label: np.ndarray, *, rule: Rule) -> np.ndarray:
    """Correlate the ranks of units by entropy with their ranks on other images, (class,); NaN where either has none.

    Parameters
    ----------
    entropy
        (unit, class): the entropies.
    births
        The births on other images.
    label
        (image,): the classes of the other images.
    rule
        The rule of feature entropy.
    """
    again = class_feature_entropy(births.level, label, entropy.shape[1], rule=rule).entropy
    return spearman(entropy.T, again.T)


def noise(side: int, n_images: np.ndarray, *, rule: Rule, seed: int) -> Arrays:
    """Return the entropies of noise, in the datasets of the store.

    Parameters
    ----------
    side
        Rows, and columns, of the maps.
    n_images
        (class,): number of images of each class.
    rule
        The rule of feature entropy.
    seed
        The seed of the noise.
    """
    levels = [noise_level(smooth, side, n_images, seed=seed, rule=rule) for smooth in NOISES.values()]
    return {
        "noise": np.array(list(NOISES)),
        "noise_mean": np.stack([level.mean for level in levels]),
        "noise_low": np.stack([level.low for level in levels]),
        "noise_high": np.stack([level.high for level in levels]),
        "noise_rate": np.array([level.rate for level in levels]),
    }
