"""What a unit answers to and what breaks without it, for each class."""

import math

from explorer import navigate
from explorer.charts.butterfly import butterfly, class_frame
from explorer.class_effects import ClassEffects
from explorer.drop_test import DropTest
from explorer.navigate import View
from explorer.selection import Selection
from explorer.widgets.ablation_choice import choose_ablation
from explorer.widgets.chart import draw_chart, n_picked
from explorer.widgets.html import heading, note
from precompute.store.reader import Layer

_KEY = "class_profile"


def show(view: View, layer: Layer, unit: int, effect: ClassEffects, found: DropTest | None) -> None:
    """Show mean activations and drops of all classes side by side; a click on a class chooses it."""
    heading("What it sees, and what breaks without it", does="click a class to look at its images")
    choose_ablation(view, layer)
    classes = view.store.classes
    frame = class_frame(classes.title, classes.name, layer.class_mean[unit], effect)
    ceiling = None if found is None or math.isnan(found.ceiling) else 100 * found.ceiling
    draw_chart(
        lambda: butterfly(frame, view.selection.label, ceiling=ceiling, n_picked=n_picked(_KEY)),
        key=_KEY,
        says="Mean activation of each class to the left (blue); to the right, accuracy that it loses (orange) or gains "
        "(green) without the unit, each with its 95 % interval"
        + ("" if ceiling is None else "; dashed: what the largest drop reaches by chance in 95 of 100 cases"),
        origin=view.origin(layer.name, f"unit {unit}", f"{view.selection.ablation} ablation"),
        on_pick=lambda row: _look_at(view.selection, row["name"]),
    )
    note(
        "Blue: mean activation over the images of the class. Orange: accuracy lost when the unit is silenced; green: "
        "gained. The line is a 95 % interval for that class alone (paired, Bonett and Price 2012). The largest of many "
        f"drops is large partly by chance{_chance(ceiling)}.{_below_zero(layer, unit)}"
    )


def _chance(ceiling: float | None) -> str:
    return "" if ceiling is None else ": up to the dashed line in 95 of 100 such cases"


def _below_zero(layer: Layer, unit: int) -> str:
    """Say in which direction means below zero are drawn; empty if the unit has none."""
    return " Means below zero go to the right." if (layer.class_mean[unit] < 0).any() else ""


def _look_at(selection: Selection, name: str) -> None:
    navigate.put(selection.to(label=None if name == selection.label else name))
