"""The presentation of ``rotation``: the drops of units beside those of directions of randomly rotated bases."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import streamlit as st

from explorer import drop_test
from explorer.charts.rotation import Floats, circles, means, shares
from explorer.experiments.presentation import Presentation
from explorer.format import count, number
from explorer.navigate import View
from explorer.widgets.chart import draw_chart
from explorer.widgets.choices import choose
from explorer.widgets.html import heading, note, table, with_range
from precompute.measures.seeds import further_margin, seed_interval
from precompute.store.reader import Experiment, Layer

_SHOWN = {"max_drop": "Largest class drop", "overall_drop": "Overall drop", "flip_rate": "Flip rate"}
_TITLES = {
    "max_drop": "largest class drop, points",
    "overall_drop": "overall drop, points",
    "flip_rate": "images whose prediction changes, %",
}


_ROUNDING = 1e-9


@dataclass(frozen=True, eq=False)
class _Bases:
    """One number of every unit, (unit,), and of every direction, (fraction, seed, direction); `turned` in percent."""

    turned: Floats
    natural: Floats
    rotated: Floats

    def names(self) -> list[str]:
        return ["units", *(f"turned {share:g} %" for share in self.turned)]

    def averaged(self) -> tuple[Floats, Floats, Floats]:
        """Return means over directions and their intervals over rotations, (1 + fraction,): units first."""
        mean, low, high = seed_interval(np.nanmean(self.rotated, axis=2))
        return np.r_[np.nanmean(self.natural), mean], np.r_[np.nan, low], np.r_[np.nan, high]


def _bases(experiment: Experiment, layer: Layer, name: str) -> _Bases:
    base = f"layers/{layer.name}"
    return _Bases(
        100 * experiment[f"{base}/rotated/fraction"],
        experiment[f"{base}/natural/{name}"].astype(np.float64),
        experiment[f"{base}/rotated/{name}"].astype(np.float64),
    )


def _draw(view: View, layer: Layer, experiment: Experiment) -> None:
    drop = _bases(experiment, layer, "max_drop")
    if np.isnan(drop.natural).all():
        note("No class is right often enough to lose anything, so there is no largest class drop.")
        return
    with st.container(horizontal=True, vertical_alignment="top", gap="medium"):
        name = choose(view, _SHOWN, label="Of every direction")
    shown = _bases(experiment, layer, name)
    chance = _bases(experiment, layer, "max_drop_expected") if name == "max_drop" else None
    figure, numbers = st.columns(2, gap="large")
    with figure:
        heading(f"{_SHOWN[name]}, mean over directions", f"{layer.name}, {_n_rotations(shown)}")
        draw_chart(
            lambda: means(_averages(shown, chance), _each(shown), _TITLES[name]),
            key=f"rotation_mean_{layer.name}_{name}",
            says=f"{_SHOWN[name]} of a direction on average, against how far the basis is turned from the units",
            origin=view.origin(layer.name, "experiment rotation"),
        )
        heading("Every direction", "the larger a circle, the more directions lose so much")
        values = [shown.natural, *(of_fraction.ravel() for of_fraction in shown.rotated)]
        named = [(basis, 100 * each) for basis, each in zip(shown.names(), values, strict=True)]
        draw_chart(
            lambda: circles(shares(named), _TITLES[name]),
            key=f"rotation_spread_{layer.name}_{name}",
            says=f"{_SHOWN[name]} of all units, and of all directions of each rotated basis",
            origin=view.origin(layer.name, "experiment rotation"),
        )
    with numbers:
        heading("In numbers", "means over directions")
        _numbers(experiment, layer, drop)


def _n_rotations(shown: _Bases) -> str:
    return count(shown.rotated.shape[1], "random rotation")


def _averages(shown: _Bases, chance: _Bases | None) -> pd.DataFrame:
    frames = []
    for what, bases in (("measured", shown), ("chance", chance)):
        if bases is not None:
            mean, low, high = (100 * values for values in bases.averaged())
            turned = np.r_[0, bases.turned]
            frames.append(pd.DataFrame({"turned": turned, "mean": mean, "low": low, "high": high, "what": what}))
    return pd.concat(frames)


def _each(shown: _Bases) -> pd.DataFrame:
    own = 100 * np.nanmean(shown.rotated, axis=2)
    return pd.DataFrame({"turned": np.repeat(shown.turned, own.shape[1]), "mean": own.ravel()})


def _numbers(experiment: Experiment, layer: Layer, drop: _Bases) -> None:
    """Show the means of each basis, and how many of its directions lose more than chance takes."""
    chance, flips = (_bases(experiment, layer, name) for name in ("max_drop_expected", "flip_rate"))
    called = _called(_bases(experiment, layer, "max_drop_q"))
    columns = [_cells(drop), _cells(chance), called, _cells(flips)]
    titles = ("largest class drop, points", "by chance", f"directions with q ≤ {drop_test.CALLED:g}", "flips, %")
    table(["", *titles], zip(drop.names(), *columns, strict=True))
    note("In small type: the 95 % interval over rotations on the same images; for counts, their range.")
    note(_difference(drop, chance))
    note(_energy(_bases(experiment, layer, "energy")))
    note(_measured_on(experiment, drop))


def _difference(drop: _Bases, chance: _Bases) -> str:
    """Say how much more units lose than directions of a whole rotation, beyond chance, and what would have shown."""
    units = float(np.nanmean(drop.natural) - np.nanmean(chance.natural))
    rotations = np.nanmean(drop.rotated[-1] - chance.rotated[-1], axis=1)
    more, margin = units - float(rotations.mean()), float(further_margin(rotations))
    if np.isnan(margin):
        return "One rotation cannot tell units from random directions."
    far = number(100 * margin, 2)
    said = (
        f"Beyond chance, units lose {number(100 * more, 2)} points more than directions of the last basis, on average. "
        f"One more random rotation would lie within {far} points of that average with a probability of 95 %"
    )
    if abs(more) > margin + _ROUNDING:
        return f"{said}."
    return f"{said}. No difference is shown; a difference of {far} points would have been."


def _cells(bases: _Bases) -> list[str]:
    mean, low, high = (100 * values for values in bases.averaged())
    return [with_range(*each) for each in zip(mean, low, high, strict=True)]


def _called(q: _Bases) -> list[str]:
    found = (q.rotated <= drop_test.CALLED).sum(axis=2).astype(np.float64)
    mean, low, high = found.mean(axis=1), found.min(axis=1), found.max(axis=1)
    of = f" of {q.natural.size:,}" if q.rotated.shape[2] != q.natural.size else ""
    units = f"{int((q.natural <= drop_test.CALLED).sum()):,}{of}"
    return [units, *(with_range(*each, decimals=1) for each in zip(mean, low, high, strict=True))]


def _energy(energy: _Bases) -> str:
    unit, largest = float(100 * energy.natural.max()), 100 * energy.rotated[-1].max(axis=1)
    low, high = (number(float(end), 1) for end in (largest.min(), largest.max()))
    return (
        f"The strongest unit carries {number(unit, 1)} % of the layer's mean square activation, the strongest "
        f"direction of a whole rotation {low} to {high} %. Over a whole basis these shares add up to 100 %."
    )


def _measured_on(experiment: Experiment, drop: _Bases) -> str:
    n_directions = drop.rotated.shape[2]
    some = "" if n_directions == drop.natural.size else f", {n_directions} of each rotated basis drawn at random"
    return f"Measured on {count(int(experiment['used'].sum()), 'image')}; {count(drop.natural.size, 'unit')}{some}."


PRESENTATION = Presentation(
    shows=(
        "How much accuracy is lost without each direction of a randomly rotated basis of a layer, compared with each "
        "unit."
    ),
    reading=(
        "The layer's activations are described in another basis, with random directions in place of units. "
        "Each direction is removed alone, at every position. The units stand at 0; towards 100 the basis is "
        "turned by more and more of a random rotation. Every basis splits the same activations among equally many "
        "directions, so on average a direction carries as much as a unit. The grey line is the largest "
        "class drop if a coin decided every changed answer: the number of changed images alone "
        "explains this part. Where orange comes down towards grey as the basis turns, units matter to single "
        "classes in a way that random directions do not. Where the two lines keep their distance, no such "
        "difference is shown; the text below the numbers says how large a difference would have been shown."
    ),
    limits=(
        "Units are compared with random directions only; other directions, such as those of a class, may "
        "matter more than either. Removing a direction can make activations negative, which no later layer "
        "has met; removing a unit after a ReLU cannot. So the drops of rotated bases may be too large. "
        "Where a few units or directions carry much of the activations (see the shares), their largest drop is larger "
        "for that reason alone. The intervals are over rotations on the same images: on other images "
        "all bases would move together. The numbers of the paper could not be checked, so none are given here."
    ),
    draw=_draw,
)
