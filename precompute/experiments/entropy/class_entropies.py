"""The feature entropy of every unit for every class, beside that of shuffled maps and of noise."""

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
"""So that an entropy lies below those of all shuffles with a probability of 5 %, where it is nothing but one more."""


@dataclass(frozen=True)
class Reading:
    """How births are read.

    Parameters
    ----------
    rule
        Which reading of the method.
    seed
        What shuffles pixels.
    n_shuffles
        How many times the pixels of each map are shuffled.
    """

    rule: Rule
    seed: int
    n_shuffles: int


@dataclass(frozen=True, eq=False)
class ReadBirths:
    """Work that reads the births of the maps of every layer on the images of a piece.

    Parameters
    ----------
    reading
        How. The pixels of every piece are shuffled by draws of its own, so that it depends on no other piece.
    """

    reading: Reading

    def __call__(self, network: SweptNetwork, seen: Seen, advance: Advance) -> Arrays:
        """Read them, and return what :func:`births_over` puts together."""
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
    """Put the births of pieces side by side.

    Parameters
    ----------
    pieces
        What `ReadBirths` returned for each.
    n_units
        By the layer's name, how many units it has.
    reading
        How they were read.

    Returns
    -------
    births : dict of str to Births
        By the layer's name, over all images.
    where : np.ndarray
        (image,) positions of these in the list that the pass is about.
    """
    parts = {name: [no_births(n, reading.n_shuffles)] for name, n in n_units.items()}
    where = [np.empty(0, dtype=np.int64)]
    for found in pieces:
        where.append(found["where"])
        for name, each in parts.items():
            each.append(Births(*(found[f"{name}/{part}"] for part in _PARTS)))
    return {name: join(each) for name, each in parts.items()}, np.concatenate(where)


def entropies(births: Births, label: np.ndarray, n_classes: int, *, rule: Rule) -> Arrays:
    """Return the entropies of a layer, and of its shuffled maps, as the store holds them.

    Parameters
    ----------
    births
        Of the layer's maps, shuffled at least once.
    label
        (image,) class of each image.
    n_classes
        Number of classes.
    rule
        Which reading of the method.
    """
    found = class_feature_entropy(births.level, label, n_classes, rule=rule)
    shuffled = [class_feature_entropy(levels, label, n_classes, rule=rule) for levels in births.shuffled]
    entropy = np.stack([each.entropy for each in shuffled])
    # Every shuffle is one of all maps, so its mean over classes is one draw of the measure `feature_entropy`.
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
    """Correlate the ranks of units by entropy with those on other images, (class,); NaN where either has no ranks.

    Parameters
    ----------
    entropy
        (unit, class) entropies.
    births
        Of other images.
    label
        (image,) classes of those.
    rule
        Which reading of the method.
    """
    again = class_feature_entropy(births.level, label, entropy.shape[1], rule=rule).entropy
    return spearman(entropy.T, again.T)


def noise(side: int, n_images: np.ndarray, *, rule: Rule, seed: int) -> Arrays:
    """Return the entropies of noise, as the store holds them.

    Parameters
    ----------
    side
        Side of the maps.
    n_images
        (class,) images of each class.
    rule
        Which reading of the method.
    seed
        Of the noise.
    """
    levels = [noise_level(smooth, side, n_images, seed=seed, rule=rule) for smooth in NOISES.values()]
    return {
        "noise": np.array(list(NOISES)),
        "noise_mean": np.stack([level.mean for level in levels]),
        "noise_low": np.stack([level.low for level in levels]),
        "noise_high": np.stack([level.high for level in levels]),
        "noise_rate": np.array([level.rate for level in levels]),
    }
