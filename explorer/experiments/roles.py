"""The presentation of ``roles``: what units are worth on training images and on held-out images."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st
from numpy.typing import NDArray

from explorer import navigate
from explorer.charts.roles import plane
from explorer.experiments.presentation import Presentation
from explorer.format import count, number, percent
from explorer.navigate import View
from explorer.widgets.chart import draw_chart
from explorer.widgets.choices import choose, choose_class
from explorer.widgets.html import heading, note, table
from explorer.widgets.number_table import number_column
from explorer.widgets.unit_table import unit_table
from precompute import ablation_kinds
from precompute.measures.roles import LEVEL, MARGIN, ROLES
from precompute.store.reader import Experiment, Layer

_INTERVAL = 1.96  # standard errors either way, 95 %


@dataclass(frozen=True, eq=False)
class _Subset:
    """What is shown: a layer, a kind of ablation (``base`` is its group), and a class, or None for all classes."""

    layer: Layer
    base: str
    chosen: int | None

    def of(self, experiment: Experiment, name: str) -> NDArray[Any]:
        """Return one number per unit."""
        if self.chosen is None:
            return experiment[f"{self.base}/unit_{name}"]
        return experiment.read(f"{self.base}/{name}", np.s_[:, self.chosen])

    def holds(self, experiment: Experiment, name: str) -> bool:
        """Say whether the store holds these numbers."""
        return f"{self.base}/unit_{name}" in experiment


def _draw(view: View, layer: Layer, experiment: Experiment) -> None:
    held = [kind for kind in ablation_kinds.names() if f"layers/{layer.name}/ablation/{kind}/role" in experiment]
    with st.container(horizontal=True, vertical_alignment="top", gap="medium"):
        words = {kind: ablation_kinds.kind_of(kind).words for kind in held}
        kind = choose(view, words, label="Unit") if len(held) > 1 else held[0]
        chosen = choose_class(view)
    view = navigate.with_ablation(view, kind)
    shown = _Subset(layer, f"layers/{layer.name}/ablation/{kind}", chosen)
    of = "all classes alike" if chosen is None else view.titles[chosen]
    frame = _frame(shown, experiment)
    if frame.empty:
        note(f"Nothing can be said about {of}: one of the two sets has no image of it.")
        return
    figure, numbers = st.columns([7, 5], gap="large")
    with figure:
        heading("What every unit is worth", f"{layer.name}, {of}; click a point")
        draw_chart(
            lambda: plane(frame),
            key=f"roles_{layer.name}_{kind}_{chosen}",
            says=f"For each unit of {layer.name}: its worth on training images against that on held-out images",
            origin=view.origin(layer.name, f"{kind} ablation", "experiment roles"),
            on_pick=lambda point: navigate.open_unit(view, layer, point["unit"]),
        )
    with numbers:
        heading("How many units of each role")
        _counts(shown, experiment)
        note(_looked_at(experiment, chosen))
    heading("All units", "click a heading to sort, a cell to look at its unit")
    _table(view, layer, frame, key=f"roles_table_{layer.name}_{kind}_{chosen}")


def _frame(shown: _Subset, experiment: Experiment) -> pd.DataFrame:
    """Return a row for each unit whose worth is defined on both sets."""
    columns: dict[str, Any] = {"unit": np.arange(shown.layer.n_units)}
    columns["role"] = np.array(ROLES)[shown.of(experiment, "role")]
    for name in ("training", "held_out"):
        worth, error = shown.of(experiment, name), shown.of(experiment, f"{name}_error")
        # Older stores hold the standard error alone.
        ends = {"low": worth - _INTERVAL * error, "high": worth + _INTERVAL * error}
        if shown.holds(experiment, f"{name}_low"):
            ends = {end: shown.of(experiment, f"{name}_{end}") for end in ends}
        columns |= {name: worth, **{f"{name}_{end}": values for end, values in ends.items()}}
    columns["gap"] = columns["training"] - columns["held_out"]
    errors = [shown.of(experiment, f"{name}_error") for name in ("training", "held_out")]
    columns["gap_error"] = _INTERVAL * np.hypot(*errors)
    columns["q"] = shown.of(experiment, "role_q")
    frame = pd.DataFrame(columns)
    return frame[np.isfinite(frame["training"]) & np.isfinite(frame["held_out"])]


def _counts(shown: _Subset, experiment: Experiment) -> None:
    """Count units of each role, beside what two halves of the held-out images give."""
    found, control = (_by_role(shown.of(experiment, name)) for name in ("role", "control_role"))
    pairs, of_pairs = (_by_role(experiment[f"{shown.base}/{name}"]) for name in ("role", "control_role"))
    rows = [
        [ROLES[role], *(f"{counts[role]:,}" for counts in (found, control, pairs, of_pairs))]
        for role in (1, 2, 3, 4, 0)
    ]
    table(["", "units", "control", "unit, class", "control"], rows)
    note(
        "The control compares two random parts of the held-out images in the same way, in the proportion of the two "
        "sets. Both parts are of one kind, so a role on one part only is false there."
    )


def _by_role(code: NDArray[Any]) -> NDArray[Any]:
    return np.bincount(code.ravel(), minlength=len(ROLES))


def _table(view: View, layer: Layer, frame: pd.DataFrame, *, key: str) -> None:
    rank = frame["role"].map({ROLES[role]: place for place, role in enumerate((2, 3, 1, 4, 0))})
    ordered = frame.assign(rank=rank).sort_values(["rank", "gap"], ascending=[True, False], kind="stable")
    unit_table(view, layer, ordered, _COLUMNS, key=key)


_COLUMNS: dict[str, Any] = {
    "unit": st.column_config.NumberColumn("Unit", width=60, pinned=True),
    "role": st.column_config.TextColumn("Role"),
    "training": number_column("Training", "worth on training images, nats", "%.3f"),
    "held_out": number_column("Held-out", "worth on held-out images, nats", "%.3f"),
    "gap": number_column("Difference", "training - held-out, nats", "%.3f"),
    "gap_error": number_column(
        "±", "1.96 standard errors of the difference, for a unit that was not picked for it", "%.3f"
    ),
    "q": number_column("q", "false discovery rate of the role that fits best", "%.2g"),
}


def _looked_at(experiment: Experiment, chosen: int | None) -> str:
    """Say how many images of each set there are, and how many of them the network gets right."""
    said = []
    for name, words in (("training", "training images"), ("held_out", "held-out images")):
        counts, accuracy = experiment[f"{name}_images"], experiment[f"{name}_accuracy"]
        of = slice(None) if chosen is None else slice(chosen, chosen + 1)
        n_images = int(counts[of].sum())
        right = float(np.nansum(counts[of] * accuracy[of])) / max(n_images, 1)
        said.append(f"{count(n_images, words.removesuffix('s'))}, {percent(right, n_images)} right")
    return f"{said[0]}; {said[1]}. Where the two shares are alike, there is little memorising to find."


PRESENTATION = Presentation(
    shows=(
        "How much each unit helps on training images and on held-out images. A unit that helps on training "
        "images alone may have memorised them."
    ),
    reading=(
        "A unit's worth is the mean fall of the log-odds of the right class without it. A unit helps where "
        f"its worth is more than {number(MARGIN)}, the dashed lines: up for training images, right for "
        "held-out images. Units at the upper right help both. Units at the upper left help training images "
        "only, which is what memorising would look like. Units at the lower right help held-out images "
        "only. Units at the lower left help neither, or harm. On the slanted line the worth is the same on "
        "both. A unit gets a role only where both claims of the role hold, at a false discovery rate of "
        f"{100 * LEVEL:g} % over the units. Grey units are undetermined: there are not enough images to tell, "
        "which never means that there is no effect. Bars are 95 % intervals. They hold only for effects that are on "
        "several images of the set."
    ),
    limits=(
        "The definition is ours: we found none in the paper that asks the question. Nothing "
        "here can show that the network has learnt from the one folder and not from the other. A unit that "
        "votes for a class on every image helps this class everywhere. Over all classes such votes "
        "cancel, so memorising is easier to tell there. Odds beyond 10,000 to 1 count as 10,000 to 1. An "
        "effect on few images is missed if none of them is in the set: with a hundred images, an effect on "
        "fewer than about three in a hundred."
    ),
    draw=_draw,
)
