"""Is the drop to quote right for the units that a reader looks at, those that were called, the surest and the largest?

usage: python -m tests.simulations.quoted_of_called [--layers 150] [--units 48] [--grid 50x16] [--seed 1]
       [--others | --networks]

Every unit of a simulated layer costs its own class the same d points and flips others at random; or nine units of ten
cost nothing and the others 4 to 16 points. q, the drop to quote and its interval are the product's own. Shows, over
all units with one class named, over those with q <= 0.05, and for the unit with the lowest p and with the largest
drop quoted: how many, for how many a number is quoted, its bias in points with its standard error, and how many
intervals hold the truth. Ends with status 1 where a bias is above 1 point either way and 3 standard errors, or where
fewer than 93 % of the intervals hold, less 3 of theirs. With --others the drops are of other kinds; with --networks
three kinds of drops are those of other networks and other images.

The calls asked about: drop and interval are those of `quoted_drop` (earlier: `halves`, `held_out_drop` and
`drop_interval`), q is `MaxDropTest.q` (earlier: `false_discovery` of p). Units without a number count for coverage, not
for bias; layers without a unit that has a class named are passed over. Answers are drawn as counts of images, not image
by image.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from precompute.measures.maxdrop import max_drop_test
from precompute.measures.paired import PairedCounts
from precompute.measures.quoted import quoted_drop

GRID = "20x10,50x16,50x1000,500x10,500x100"
ACCURACY, LOSE, GAIN = 0.93, 0.003, 0.04
Rows = dict[str, np.ndarray]
Costs = Callable[[np.random.Generator, int], np.ndarray]
"""The drop of each of so many units in its own class."""


def _in_some(share: float, draw: Costs) -> Costs:
    """Return drops of some units, and none of the others."""
    return lambda rng, n: np.where(rng.random(n) < share, draw(rng, n), 0)


_SMALL, _WIDE = (lambda rng, n: rng.uniform(0.04, 0.16, n)), (lambda rng, n: rng.uniform(0.02, 0.30, n))
_MANY_SMALL, _OF_TWO_KINDS = (
    (lambda rng, n: np.minimum(rng.exponential(0.08, n), 0.8)),
    (lambda rng, n: rng.choice([0.04, 0.20], n)),
)
_MIXED = _in_some(0.1, _SMALL)


def _alike(points: int) -> Costs:
    """Return one drop for all units, drawing what other kinds draw: so layers differ in nothing but the drops."""
    return lambda rng, n: np.full_like(_MIXED(rng, n), points / 100)


PROMISED: dict[str, Costs] = {**{f"{points} pt": _alike(points) for points in (4, 8, 12, 16)}, "mixed": _MIXED}
OTHERS: dict[str, Costs] = {
    "4 to 16 in all": _SMALL,
    "2 to 30 in all": _WIDE,
    "2 to 30 in a tenth": _in_some(0.1, _WIDE),
    "exponential, half": _in_some(0.5, _MANY_SMALL),
    "exponential, a tenth": _in_some(0.1, _MANY_SMALL),
    "4 or 20 in all": _OF_TWO_KINDS,
    "4 or 20 in three tenths": _in_some(0.3, _OF_TWO_KINDS),
    "4 to 16 in half": _in_some(0.5, _SMALL),
    "20 to 60 in a twentieth": _in_some(0.05, lambda rng, n: rng.uniform(0.2, 0.6, n)),
    "30 to 50 in all": lambda rng, n: rng.uniform(0.3, 0.5, n),
    "Pareto in all": lambda rng, n: np.minimum(0.02 * (1 + rng.pareto(1.5, n)), 0.8),
}


@dataclass(frozen=True)
class Network:
    """What a layer is simulated of.

    ``gained`` is the share of the wrong images that any unit puts right; with ``some_gain`` half of the units put so
    many images of their class right as they would cost. ``unequal`` classes differ in their images, ``rates`` is how
    much units differ in what they change at random. With ``also`` each unit costs so many more classes half as much.
    ``redundant`` units come in pairs that change the same images; where images are ``frail``, units of one class lose
    the same ones first.
    """

    accuracy: float = ACCURACY
    gained: float = GAIN
    some_gain: bool = False
    unequal: bool = False
    rates: float = 0.0
    also: int = 0
    redundant: bool = False
    frail: bool = False

    @classmethod
    def of(cls, accuracy: float, **others) -> "Network":
        """Return one whose units put as many images right at random as they lose."""
        return cls(accuracy, LOSE * accuracy / (1 - accuracy), **others)


PLAIN = Network()
NETWORKS = {
    "30 % right": Network.of(0.3),
    "60 % right": Network.of(0.6),
    "95 % right": Network.of(0.95),
    "30 % right, more gained": Network(0.3),
    "60 % right, more gained": Network(0.6),
    "gains and losses": Network.of(0.6, some_gain=True),
    "unequal classes": Network(unequal=True),
    "unequal rates": Network(rates=0.8),
    "four classes each": Network(also=3),
    "redundant pairs": Network(redundant=True),
    "frail images": Network(frail=True),
}


def one_layer(rng, n_images, n_classes, n_units, costs, network=PLAIN):
    """Images lost and gained by class, and what is truly lost, (unit, class) each."""
    own = rng.integers(0, n_classes, n_units)
    lose, gain = _changes(rng, own, n_classes, costs, network)
    count = np.full(n_classes, n_images)
    if network.unequal:
        count = np.maximum(10, (n_images * np.exp(rng.normal(-0.3, 0.6, n_classes))).astype(int))
    right = rng.binomial(count, network.accuracy)
    lost = rng.binomial(right[None], lose)
    gained = rng.binomial(np.broadcast_to(count - right, lose.shape), gain)
    if network.frail:
        for c in range(n_classes):
            strength = rng.random(right[c])
            lost[own == c, c] = (strength < lose[own == c, c, None]).sum(axis=1)
    truth = network.accuracy * lose - (1 - network.accuracy) * gain
    if network.redundant:
        lost, gained, truth = (np.repeat(each[::2], 2, axis=0) for each in (lost, gained, truth))
    return PairedCounts(lost, gained, count), truth


def _changes(rng, own, n_classes, costs, network):
    """Share of the right images that each unit loses and of the wrong ones that it puts right, (unit, class) each."""
    n_units = len(own)
    cost = np.where(np.arange(n_classes) == own[:, None], costs(rng, n_units)[:, None], 0)
    for _ in range(network.also):
        place = np.arange(n_units), rng.integers(0, n_classes, n_units)
        cost[place] = np.maximum(cost[place], cost.max(axis=1) / 2)
    times = np.exp(rng.normal(0, network.rates, n_units))[:, None] if network.rates else np.ones((n_units, 1))
    gains = rng.random(n_units)[:, None] < 0.5 if network.some_gain else np.zeros((n_units, 1), dtype=bool)
    lose = np.where(gains, 0, cost) / network.accuracy
    gain = np.where(gains, cost, 0) / (1 - network.accuracy)
    return np.maximum(lose, LOSE * times), np.maximum(gain, np.minimum(network.gained * times, 0.5))


def simulate(*, n_images, n_classes, costs, layers, n_units=48, seed=1, network=PLAIN) -> Rows:
    """Of the units of each kind: the drop less its truth, NaN where none is quoted, and whether the interval holds."""
    rng = np.random.default_rng(seed)
    rows: dict[str, list[np.ndarray]] = {"all": [], "called": [], "surest": [], "largest": []}
    for _ in range(layers):
        counts, truths = one_layer(rng, n_images, n_classes, n_units, costs, network)
        test, found = max_drop_test(counts), quoted_drop(counts)
        some = np.flatnonzero(~np.isnan(found.chosen))
        if not len(some):
            continue
        truth = truths[some, found.chosen[some].astype(int)]
        holds = (found.low[some] <= truth) & (truth <= found.high[some])
        entry = np.c_[found.drop[some] - truth, holds]
        rows["all"].append(entry)
        rows["called"].append(entry[test.q[some] <= 0.05])
        rows["surest"].append(entry[[np.argmin(test.p[some])]])
        size = found.low[some] if np.isnan(found.drop[some]).all() else np.nan_to_num(found.drop[some], nan=-np.inf)
        rows["largest"].append(entry[[np.argmax(size)]])
    return {name: np.concatenate(parts) if parts else np.zeros((0, 2)) for name, parts in rows.items()}


def faults(rows: Rows) -> list[str]:
    """What is wrong, a phrase each; nothing is said of fewer than five units."""
    found = []
    for name, entry in rows.items():
        if len(entry) < 5:
            continue
        numbers = entry[~np.isnan(entry[:, 0]), 0]
        if len(numbers) >= 5:
            bias, error = 100 * numbers.mean(), 100 * numbers.std() / np.sqrt(len(numbers))
            if abs(bias) > max(1, 3 * error):
                found.append(f"{name}: {bias:+.1f} points")
        share = entry[:, 1].mean()
        if share < 0.93 - 3 * np.sqrt(0.93 * 0.07 / len(entry)):
            found.append(f"{name}: {share:.0%} of the intervals hold")
    return found


def _line(rows: Rows) -> str:
    parts = []
    for name, entry in rows.items():
        numbers = 100 * entry[~np.isnan(entry[:, 0]), 0]
        said = (
            f"{numbers.mean():+.2f} ({numbers.std() / np.sqrt(len(numbers)):.2f}) of {len(numbers)}"
            if len(numbers)
            else "no number"
        )
        parts.append(f"{name} {len(entry)}: {said} {entry[:, 1].mean() if len(entry) else 1:.3f}")
    return " | ".join(parts)


def _cases(asked: argparse.Namespace) -> dict[str, tuple[Costs, Network]]:
    if asked.networks:
        kinds = {"8 pt": PROMISED["8 pt"], "mixed": _MIXED, "4 to 16 in all": _SMALL}
        return {f"{kind}, {name}": (kinds[kind], network) for name, network in NETWORKS.items() for kind in kinds}
    return {kind: (costs, PLAIN) for kind, costs in (OTHERS if asked.others else PROMISED).items()}


def main(words: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--grid", default=GRID, help="images a class x classes, by commas")
    for name, value in (("layers", 150), ("units", 48), ("seed", 1)):
        parser.add_argument(f"--{name}", type=int, default=value)
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--others", action="store_true", help="drops of other kinds")
    which.add_argument("--networks", action="store_true", help="other networks and other images")
    asked, bad = parser.parse_args(words), []
    cases = _cases(asked)
    for size in asked.grid.split(","):
        n_images, n_classes = map(int, size.split("x"))
        for name, (costs, network) in cases.items():
            rows = simulate(
                n_images=n_images,
                n_classes=n_classes,
                costs=costs,
                layers=asked.layers,
                n_units=asked.units,
                seed=asked.seed,
                network=network,
            )
            what = f"{size:8} {name:{max(map(len, cases))}}"
            print(what, _line(rows), flush=True)
            bad += [f"{what.strip()}, {fault}" for fault in faults(rows)]
    print("WRONG: " + "; ".join(bad) if bad else "drops of picked units are right, and their intervals hold them")
    return int(bool(bad))


if __name__ == "__main__":
    sys.exit(main())
