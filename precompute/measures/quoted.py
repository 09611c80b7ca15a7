r"""The drop to quote for a unit that was selected by its q-value, rank or size.

A unit that is selected because its images show a large drop has, on these images, a drop that is too large. Reading the
drop on another half of the images does not help where both halves took part in the selection, and reading it on
separate images costs most of the power. The posterior mean, given all counts of the layer, stays right after any
selection, because Bayes' theorem does not depend on why we look. So we quote it: an empirical-Bayes estimate.

The model. Of the :math:`n_c` images of a class, :math:`b` are lost and :math:`g` gained:

.. math:: (b, g, n_c - b - g) \sim \mathrm{Multinomial}(n_c;\ \nu + \delta^+,\ \nu + \delta^-,\ \mathrm{rest})

Here :math:`\nu` is the rate at which answers change either way without the unit mattering to the class. Every unit has
its own distribution of this rate over classes. It is fitted to the unit's images gained, and drawn towards the
distribution of the layer.

The drop is :math:`\delta`. Most (unit, class) pairs have no drop, or a small one of either sign; a share of the pairs
has drops from a gamma distribution. This share, the mean and shape of the gamma distribution, and the size of the small
drops are taken from a grid. Every combination is weighted by the likelihood of the counts of the whole layer, so the
uncertainty about the combination is part of the result.

In a network that is mostly wrong, silencing a unit may put right more images than it loses, although the unit does not
matter to the class. Where this clearly fits the counts better, :math:`\nu` is smaller for images lost, and the
difference is subtracted from the drop.

Drops of a layer may follow another distribution, for example with two kinds of units, or with an upper limit. So
distributions of any form are included too. They are fitted to the layer by steps of the EM algorithm, starting from the
average combination: after few steps the distribution is still smooth, after many it is a few single drops. They were
fitted to the counts that they are judged by, so they must be better by more than chance would make them.

A single number is given only where the layer settles it: where all these distributions agree to about one percentage
point, even when the counts are given less weight. Elsewhere only the interval is given.

The mean gives more weight to combinations in which the units of a layer are alike. The interval gives all shapes the
same weight, and covers both the result of the combinations alone and that with distributions of any form. Simulations
led to these choices, see docs/methods.md.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from precompute.measures.drop_priors import DROPS, LOSSES, priors_of_drops
from precompute.measures.paired import PairedCounts
from precompute.measures.preferred import MOST_NAMED

Floats = NDArray[np.floating[Any]]
Ints = NDArray[np.integer[Any]]
Bools = NDArray[np.bool_]

SURE = 0.9
"""A class is named alone if it loses most with at least this probability; in simulations 95 % of those are right."""

FEWEST_IMAGES = 50
"""Fewest images of a class for a drop quoted as one number; with fewer, selection biases it by more than a point."""

SETTLED = 0.0125
"""Largest standard deviation over the combinations for a drop quoted as one number, a fraction: about a point."""

_LEVEL = 0.97  # of the model; that many of the intervals hold the truth at 0.95 in all simulations
_CHANGE = np.geomspace(2e-4, 0.25, 28)
_EDGE = np.r_[-1.0, (DROPS[1:] + DROPS[:-1]) / 2, 1.0]
_RARER_LOST = (0.5, 0.25, 0.1, 0.03)  # images lost for no reason of the class, beside those gained
_FEWER = 0.7  # images lost beside those gained from which none of these is asked for
_PLAINLY = 10.0  # nats that a layer has to be more likely by for one of these
_LEAN = 10  # classes that the layer's own distribution of changes counts for in that of a unit
_LAYER_STEPS, _UNIT_STEPS = 400, 10
_WARY = 0.4  # power of what combinations count where it is asked whether they agree: as if so many counts spoke
_FREE_STEPS = (1, 10, 100)  # of the EM algorithm, after which a distribution of any form counts
_GATHERED = (2, 4, 8)  # places of the grid over which its losses are gathered to few single drops
_GATHERED_STEPS = 30
_FREER = 6.0  # nats that such a distribution has to be better by, for it has seen the counts
_IMPROBABLE = 12.0  # nats below the most likely combination at which one is left out
_BLOCK = 1024


@dataclass(frozen=True, eq=False)
class QuotedDrop:
    """The class that loses most without each unit, and how much it loses, valid however the unit was selected.

    Parameters
    ----------
    chosen : (unit,) array
        The class, if it loses most with a probability of at least :data:`SURE`; otherwise NaN.
    drop : (unit,) array
        The drop of that class, a fraction; NaN where no class is chosen, where it has fewer images than
        :data:`FEWEST_IMAGES`, and where its standard deviation over the combinations is above :data:`SETTLED`.
    low, high : (unit,) arrays
        Limits of the 95 % interval; NaN where no class is chosen.
    named : (unit, rank) array
        The chosen class; or up to :data:`MOST_NAMED` classes, the most probable first, one of which loses most with at
        least that probability. NaN where there are fewer, and throughout where even that many do not reach it.
    probability : (unit, rank) array
        Probability that each of them loses most; NaN where ``named`` is NaN.
    """

    chosen: Floats
    drop: Floats
    low: Floats
    high: Floats
    named: Floats
    probability: Floats


def quoted_drop(counts: PairedCounts, classes: Bools | None = None) -> QuotedDrop:
    """Estimate the largest drop of every unit of a layer.

    Parameters
    ----------
    counts : PairedCounts
        Images lost and gained, of all units of one layer; the estimate of each unit uses the counts of all.
    classes : (class,) bool array, optional
        Which classes take part; all that have images when left out.

    Returns
    -------
    QuotedDrop

    References
    ----------
    Robbins 1956 and Efron 2010, "Large-scale inference", chapter 1, for empirical Bayes; Efron 2011, "Tweedie's formula
    and selection bias", Journal of the American Statistical Association 106, 1602-1614, for picked units.
    """
    taking = counts.count > 0 if classes is None else classes & (counts.count > 0)
    found = _nothing(len(counts.lost))
    if not taking.any() or not len(counts.lost):
        return found
    layer = _outcomes(counts, taking)
    changes = _changes(layer)
    beside = _lost_beside_gained(layer, changes)
    likely, _ = _likelihood(layer, changes, beside)
    aside = (1 - beside) * (changes @ _CHANGE)
    leaning, *even = _mixtures(layer, likely)
    mean, wide = leaning.posterior(likely), np.stack([each.posterior(likely) for each in even], axis=1)
    for unit in range(len(counts.lost)):
        rows = slice(*np.searchsorted(layer.unit, [unit, unit + 1]))
        chance = _loses_most(mean[rows], layer.times[rows])
        # Every class of the unit has the probability of its row.
        row = np.searchsorted(layer.kind[rows], layer.kind_of[unit])
        order = np.argsort(-chance[row], kind="stable")[:MOST_NAMED]
        n_named = _how_many(chance[row[order]])
        found.named[unit, :n_named] = np.flatnonzero(taking)[order[:n_named]]
        found.probability[unit, :n_named] = chance[row[order[:n_named]]]
        if n_named == 1:
            chosen = rows.start + row[order[0]]
            enough = counts.count[int(found.named[unit, 0])] >= FEWEST_IMAGES
            settled = enough and leaning.left_open(likely[chosen]) <= SETTLED
            _quote(found, unit, mean[chosen], wide[chosen], aside=float(aside[unit]), settled=settled)
    return found


def _nothing(n_units: int) -> QuotedDrop:
    one, several = (n_units,), (n_units, MOST_NAMED)
    return QuotedDrop(*(np.full(shape, np.nan) for shape in (one, one, one, one, several, several)))


def _how_many(chances: Floats) -> int:
    """Return how many of these classes, in order, together reach :data:`SURE`; 0 where all of them do not."""
    sure = np.flatnonzero(chances.cumsum() >= SURE)
    return int(sure[0]) + 1 if len(sure) else 0


def _quote(found: QuotedDrop, unit: int, mean: Floats, wide: Floats, *, aside: float, settled: bool) -> None:
    """Write one unit's drop and interval from its posterior, with `aside` subtracted."""
    found.chosen[unit] = found.named[unit, 0]
    outside = (1 - _LEVEL) / 2
    limits = np.array([np.interp([outside, 1 - outside], np.r_[0, each.cumsum()], _EDGE) for each in wide])
    found.low[unit], found.high[unit] = np.maximum([limits[:, 0].min() - aside, limits[:, 1].max() - aside], -1)
    if settled:
        # The mean may lie outside the interval, which gives less weight to units being alike.
        found.drop[unit] = np.clip(mean @ DROPS - aside, found.low[unit], found.high[unit])


# The counts of a layer


@dataclass(frozen=True, eq=False)
class _Outcomes:
    """The counts of every unit and class, with equal counts grouped: a row is a unit and one kind of counts.

    ``counts`` (kind, 3) are the distinct triples of images lost, gained and in all; ``kind_of`` (unit, class) is the
    kind of each pair. ``unit``, ``kind`` and ``times`` (row,) are each row's unit, kind and number of classes, unit
    after unit.
    """

    counts: Floats
    kind_of: Ints
    unit: Ints
    kind: Ints
    times: Floats

    @property
    def table(self) -> Floats:
        """Classes of each kind, (unit, kind)."""
        found = np.zeros((len(self.kind_of), len(self.counts)))
        found[self.unit, self.kind] = self.times
        return found


def _outcomes(counts: PairedCounts, taking: Bools) -> _Outcomes:
    lost, gained = counts.lost[:, taking], counts.gained[:, taking]
    images = np.broadcast_to(counts.count[taking], lost.shape)
    together = np.stack([lost.ravel(), gained.ravel(), images.ravel()], axis=1)
    different, kind_of = np.unique(together, axis=0, return_inverse=True)
    kind_of = kind_of.reshape(lost.shape)
    cell, times = np.unique(np.arange(len(lost))[:, None] * len(different) + kind_of, return_counts=True)
    unit, kind = np.divmod(cell, len(different))
    return _Outcomes(different.astype(np.float64), kind_of, unit, kind, times.astype(np.float64))


# What is likely


@dataclass(frozen=True, eq=False)
class _Mixture:
    """The combinations that the layer makes likely, (combination, drop), and their weights, (combination,)."""

    priors: Floats
    share: Floats

    def posterior(self, likely: Floats) -> Floats:
        """Return the posterior probability of each drop for each row, (row, drop)."""
        posterior = np.empty_like(likely)
        for rows in _blocks(len(likely)):
            evidence = likely[rows] @ self.priors.T
            posterior[rows] = likely[rows] * ((self.share / evidence) @ self.priors)
        return np.asarray(posterior / posterior.sum(axis=1, keepdims=True))

    def left_open(self, likely: Floats) -> float:
        """Return the standard deviation, over the combinations, of the posterior mean drop of one row.

        No combination describes a layer exactly. So less likely combinations get more weight here than in the
        posterior.
        """
        mean = self.priors @ (likely * DROPS) / (self.priors @ likely)
        share = self.share**_WARY / (self.share**_WARY).sum()
        return float(np.sqrt(share @ (mean - share @ mean) ** 2))


def _mixtures(layer: _Outcomes, likely: Floats) -> tuple[_Mixture, _Mixture, _Mixture]:
    """Return three mixtures: with more weight on units being alike; without; and without, of the combinations alone."""
    priors, lean, shape_weight = priors_of_drops()
    score = _fit(layer, likely, priors) + lean
    share = np.exp(score - score.max())
    share /= share.sum()
    free = _of_any_form(layer, likely, share @ priors)
    free_score = _fit(layer, likely, free) + share @ lean - _FREER
    everything = np.concatenate([priors, free])
    return (
        _most_likely(everything, np.r_[score + np.log(shape_weight), free_score]),
        _most_likely(everything, np.r_[score, free_score]),
        _most_likely(priors, score),
    )


def _fit(layer: _Outcomes, likely: Floats, priors: Floats) -> Floats:
    """Return the log-likelihood of the layer's counts under each distribution of drops, (combination,)."""
    return np.sum(
        [layer.times[rows] @ np.log(np.maximum(likely[rows] @ priors.T, 1e-300)) for rows in _blocks(len(likely))],
        axis=0,
    )


def _most_likely(priors: Floats, score: Floats) -> _Mixture:
    kept = score > score.max() - _IMPROBABLE
    share = np.exp(score[kept] - score[kept].max())
    return _Mixture(priors[kept], share / share.sum())


def _of_any_form(layer: _Outcomes, likely: Floats, start: Floats) -> Floats:
    """Return distributions of drops fitted to the layer, (distribution, drop), beginning from one that fits it well.

    Steps of the EM algorithm fit better and better. In the limit they reach the distribution of largest likelihood
    (Kiefer and Wolfowitz 1956, Laird 1978), which consists of a few single drops, often two where one would do. So
    distributions in which neighbouring drops are merged are included too.
    """
    found, before = [], 0
    for steps in _FREE_STEPS:
        start = _stepped(layer, likely, start, steps - before)
        found.append(start)
        before = steps
    found += [_stepped(layer, likely, _gathered(start, width), _GATHERED_STEPS) for width in _GATHERED]
    return np.array(found)


def _stepped(layer: _Outcomes, likely: Floats, free: Floats, steps: int) -> Floats:
    """Take steps of the EM algorithm: each replaces the distribution by the mean posterior of all pairs."""
    for _ in range(steps):
        free = free * ((layer.times / np.maximum(likely @ free, 1e-300)) @ likely) / layer.times.sum()
    return free


def _gathered(free: Floats, width: float) -> Floats:
    """Smooth the losses, and move the mass of each hill to the hill's mean."""
    place = np.arange(len(LOSSES))
    found, losses = free.copy(), free[-len(place) :]
    smooth = np.exp(-0.5 * ((place[:, None] - place) / width) ** 2) @ losses
    valleys = np.flatnonzero((smooth[1:-1] < smooth[:-2]) & (smooth[1:-1] <= smooth[2:])) + 1
    hill = np.searchsorted(valleys, place)
    mass, moment = (np.bincount(hill, weights=each) for each in (losses, losses * place))
    some = mass > 0
    found[-len(place) :] = np.bincount(
        np.rint(moment[some] / mass[some]).astype(int), weights=mass[some], minlength=len(place)
    )
    return found


def _blocks(n_rows: int) -> list[slice]:
    return [slice(start, start + _BLOCK) for start in range(0, n_rows, _BLOCK)]


def _changes(layer: _Outcomes) -> Floats:
    """Fit each unit's distribution of the rate at which answers change without a reason of the class, (unit, change).

    It is fitted to images gained alone, because a class that needs the unit has no reason to gain images without it.
    """
    gained, images = layer.counts[:, 1:2], layer.counts[:, 2:]
    log_likely = gained * np.log(_CHANGE) + (images - gained) * np.log1p(-_CHANGE)
    likely = np.exp(log_likely - log_likely.max(axis=1, keepdims=True))
    table = layer.table
    times = table.sum(axis=0)
    # Start near the mean: from a flat start, many steps would be needed to leave values that no count supports.
    mean = max((times @ gained[:, 0]) / (times @ images[:, 0]), _CHANGE[0])
    common = np.exp(-0.5 * (np.log(_CHANGE / mean) / 0.25) ** 2) + 1e-3
    common /= common.sum()
    for _ in range(_LAYER_STEPS):
        common = common * ((times / np.maximum(likely @ common, 1e-300)) @ likely) / times.sum()
    own = np.tile(common, (len(table), 1))
    for _ in range(_UNIT_STEPS):
        explained = own * ((table / np.maximum(own @ likely.T, 1e-300)) @ likely)
        own = (explained + _LEAN * common) / (table.sum(axis=1, keepdims=True) + _LEAN)
    return own


def _lost_beside_gained(layer: _Outcomes, changes: Floats) -> float:
    """Return the ratio of images lost to images gained without a reason of the class: 1 unless clearly lower.

    The class that loses most and the class that gains most without each unit may have a reason, so they are left out.
    """
    lost, gained = (layer.counts[layer.kind_of, which] for which in (0, 1))
    lost, gained = (each.sum() - each.max(axis=1).sum() for each in (lost, gained))
    if lost >= _FEWER * gained:
        return 1.0
    priors, *_ = priors_of_drops()
    found = {}
    for beside in (1.0, *_RARER_LOST):
        likely, factor = _likelihood(layer, changes, beside)
        found[beside] = factor + float(_fit(layer, likely, priors).max())
    best = max(found, key=found.__getitem__)
    return best if found[best] > found[1.0] + _PLAINLY else 1.0


def _likelihood(layer: _Outcomes, changes: Floats, beside: float) -> tuple[Floats, float]:
    """Return the likelihood of each drop for each row, (row, drop), up to factors, and the log of their product."""
    up = beside * _CHANGE[:, None] + np.maximum(DROPS, 0)
    down = _CHANGE[:, None] + np.maximum(-DROPS, 0)
    rest = 1 - up - down
    possible = rest > 0
    logs = np.log(up), np.log(down), np.log(np.where(possible, rest, 1))
    likely = np.empty((len(layer.unit), len(DROPS)))
    by_kind = np.argsort(layer.kind, kind="stable")
    ends = np.searchsorted(layer.kind[by_kind], np.arange(len(layer.counts) + 1))
    factor = 0.0
    for kind, (lost, gained, images) in enumerate(layer.counts):
        log_likely = lost * logs[0] + gained * logs[1] + (images - lost - gained) * logs[2]
        log_likely = np.where(possible, log_likely, -np.inf)
        rows = by_kind[ends[kind] : ends[kind + 1]]
        likely[rows] = changes[layer.unit[rows]] @ np.exp(log_likely - log_likely.max())
        factor += float(layer.times[rows].sum() * log_likely.max())
    return likely, factor


def _loses_most(posterior: Floats, times: Floats) -> Floats:
    """Return the probability that a class of each row loses more than all other classes of the unit, (row,)."""
    # Half of the probability at the same grid point counts as below.
    below = np.log(np.maximum(posterior.cumsum(axis=1) - posterior / 2, 1e-300))
    others = np.exp(times @ below - below)
    return np.asarray((posterior * others).sum(axis=1))
