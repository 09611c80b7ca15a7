"""The feature entropy of every unit for every class, beside that of shuffled maps and of noise."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor, nn

from precompute.experiments.protocol import Advance, Arrays
from precompute.measures.correlation import spearman
from precompute.measures.entropy import Rule, class_feature_entropy
from precompute.measures.noise import NOISES, noise_level
from precompute.models.hooks import observe
from precompute.models.sites import Site
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


def births_on(
    network: nn.Module, sites: Sequence[Site], passes: Iterable[np.ndarray], *, reading: Reading, advance: Advance
) -> tuple[list[Births], np.ndarray]:
    """Watch the births of some layers' maps while a network runs.

    Parameters
    ----------
    network
        The network.
    sites
        The layers.
    passes
        Runs the network as it is gone through, and gives the classes, (image,), of the images of each pass.
    reading
        How.
    advance
        Told how many maps have been looked at.

    Returns
    -------
    births : list of Births
        One for each layer, over all images that have passed.
    label : np.ndarray
        (image,) their classes.
    """
    parts = {site: [no_births(site.n_units, reading.n_shuffles)] for site in sites}

    def keeper(site: Site) -> Callable[[Tensor], None]:
        rng = np.random.default_rng(reading.seed)

        def keep(output: Tensor) -> None:
            parts[site].append(births_of(output, rng, n_shuffles=reading.n_shuffles, rule=reading.rule))
            advance(output.shape[0] * output.shape[1] * (1 + reading.n_shuffles))

        return keep

    with observe(network, {site: keeper(site) for site in sites}):
        label = np.concatenate([np.empty(0, dtype=np.int64), *passes])
    return [join(parts[site]) for site in sites], label


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
