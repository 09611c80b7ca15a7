"""How the cost grows with the number of images, of units, and with how early in the network the layer is."""

from collections.abc import Sequence
from typing import NamedTuple

import matplotlib.pyplot as plt
from matplotlib.axes import Axes

from tests.benchmarks.cases import Case
from tests.benchmarks.measure import Clock, run_case

IMAGES, UNITS = (32, 64, 128), (16, 64, 256)
DEPTHS = ("features.2", "features.5", "features.7", "features.9", "features.12", "classifier.2", "classifier.5")


def write_plot(path: str, clock: Clock) -> None:
    """Measure AlexNet, whose layers are many kinds, and draw three panels as a PNG, SVG or PDF."""
    figure, panels = plt.subplots(1, 3, figsize=(12, 3.6), layout="constrained")
    by_images = [_measure(Case("alexnet", "features.11", None, images=n, units=64), clock) for n in IMAGES]
    _draw(panels[0], "images (64 units of features.11)", IMAGES, [cost.seconds for cost in by_images], "seconds")
    by_units = [_measure(Case("alexnet", "features.11", None, images=32, units=n), clock) for n in UNITS]
    _draw(panels[1], "units of features.11 (32 images)", UNITS, [cost.seconds for cost in by_units], "seconds")
    by_depth = [_measure(Case("alexnet", name, None, images=32, units=16), clock) for name in DEPTHS]
    _draw(panels[2], "layer", DEPTHS, [cost.micros for cost in by_depth], "microseconds a row")
    panels[2].tick_params(axis="x", rotation=40)
    figure.savefig(path, dpi=120)


class _Cost(NamedTuple):
    """What a sweep cost, and one of its rows."""

    seconds: float
    micros: float


def _measure(case: Case, clock: Clock) -> _Cost:
    a_row = run_case(case, clock).engine
    cost = _Cost(a_row * case.images * case.units, a_row * 1e6)
    print(f"{case.layer}, {case.images} images, {case.units} units: {cost.seconds:.3f} s, {cost.micros:.1f} µs a row")
    return cost


def _draw(panel: Axes, along: str, at: Sequence[int | str], values: Sequence[float], unit: str) -> None:
    panel.plot(at, values, marker="o", color="#1f77b4")
    panel.set(xlabel=along, ylabel=unit, ylim=(0, None))
    panel.spines[["top", "right"]].set_visible(False)
