"""The units that a class needs, the units that answer to it, and the classes its lost images are taken for."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import streamlit as st

from explorer import cache, navigate
from explorer.class_effects import Floats
from explorer.class_losses import ClassLosses
from explorer.drop_test import CALLED
from explorer.format import count, interval, number, probability, significant
from explorer.navigate import View
from explorer.pictures import aspect_of, canvas
from explorer.widgets import gallery
from explorer.widgets.ablation_choice import choose_ablation
from explorer.widgets.gallery import Picture, Taken
from explorer.widgets.html import Markup, escape, heading, note, table
from explorer.widgets.names import joined, output_link, unit_link
from precompute.measures.selectivity import selectivity_for
from precompute.store.reader import Layer

_MOST_UNITS, _MOST_ANSWERING, _MOST_ROWS, _FEW = 12, 10, 10, 3
_UNSETTLED = ", not settled"
_ALL = "all layers"


def layers_of(view: View) -> list[Layer]:
    """Return the layers that the page shows: the chosen one, or all of them."""
    return list(view.store.layers) if view.selection.span == "all" else [view.layer]


def choose_layers(view: View) -> None:
    """Let the reader choose a layer or all layers; show nothing if there is only one."""
    names = [layer.name for layer in view.store.layers]
    if len(names) > 1:
        st.session_state["class_layers"] = _ALL if view.selection.span == "all" else view.selection.layer
        st.segmented_control(
            "Layers",
            [*names, _ALL],
            key="class_layers",
            required=True,
            on_change=_put_layers,
            args=(view,),
            label_visibility="collapsed",
        )


def _put_layers(view: View) -> None:
    chosen = st.session_state["class_layers"]
    if chosen == _ALL:
        navigate.put(view.selection.to(span="all"))
    else:
        navigate.put(view.selection.to(span="layer", layer=chosen, unit=None))


@dataclass(frozen=True, eq=False)
class Losses:
    """The effect of silencing each unit of some layers on a class, with false discovery rates over all these units."""

    layers: tuple[Layer, ...]
    found: tuple[ClassLosses, ...]
    q: tuple[Floats, ...]

    def ranked(self) -> list[tuple[int, int]]:
        """Return (index of the layer, unit) of units without which accuracy drops: largest drop first, then q."""
        pairs = [(at, int(unit)) for at, one in enumerate(self.found) for unit in np.flatnonzero(one.lost > one.gained)]
        return sorted(pairs, key=lambda pair: (-self.found[pair[0]].drop[pair[1]], self.q[pair[0]][pair[1]], pair))

    @property
    def n_units(self) -> int:
        """Number of all these units."""
        return sum(layer.n_units for layer in self.layers)


def losses_of(view: View, layers: Sequence[Layer], label: int) -> Losses | None:
    """Return the losses of a class in those of the given layers that were ablated; None if none was."""
    kinds = [(layer, view.ablation_of(layer)) for layer in layers if layer.ablations]
    if not kinds:
        return None
    found, q = cache.losses_of_class(view.source, tuple((layer.name, kind) for layer, kind in kinds), label)
    return Losses(tuple(layer for layer, _ in kinds), found, q)


def show_needed(view: View, losses: Losses | None) -> None:
    """Show the units without which the class loses most, each with an interval for the choice and a q."""
    heading("Units it needs most", "each silenced alone; largest drop first")
    if losses is None:
        note("Nothing was silenced in this store.")
        return
    choose_ablation(view, view.layer)
    ranked = losses.ranked()
    if not ranked:
        note("Without any one of these units it loses no more images than it gains.")
        return
    shown = ranked[:_MOST_UNITS]
    spans = [found.interval(chosen=len(shown) / losses.n_units) for found in losses.found]
    head = ["layer", "unit", "lost", "gained", "loss, points: 95 % interval", "q", "its lost images are taken for"]
    rows = [head, *(_needed(view, losses, spans[at], at, unit) for at, unit in shown)]
    first = 0 if len(losses.layers) > 1 else 1  # A single layer is not named on every row.
    head, *rows = [row[first:] for row in rows]
    table(head, rows, numbers=slice(2 - first, 6 - first), look="")
    if len(ranked) > _MOST_UNITS:
        note(f"And {count(len(ranked) - _MOST_UNITS, 'unit')} without which it loses less.")
    note(
        "q: false discovery rate over all these units, of the exact McNemar test of images lost against gained, for "
        "this class alone. Whoever looks at many classes finds some units by chance; a unit's own page corrects for "
        f"that. The units of the largest losses show too large ones, so the intervals are wider: of those of the "
        f"{len(shown)} chosen among {losses.n_units:,}, 95 % hold the truth on average (Benjamini and Yekutieli 2005). "
        "So an interval may reach below zero beside a small q."
    )


def _needed(view: View, losses: Losses, span: tuple[Floats, Floats], at: int, unit: int) -> list[str]:
    layer, found, q = losses.layers[at], losses.found[at], float(losses.q[at][unit])
    low, high = (float(limit[unit]) for limit in span)
    level = probability(q).removeprefix("= ").replace(" ", "\u00a0")
    called = f"<b>{level}</b>" if q <= CALLED else level
    order = np.argsort(-found.destination[unit], kind="stable")
    goes = [
        Markup(f"{output_link(view, int(found.outputs[to]))} {found.destination[unit, to]}")
        for to in order
        if found.destination[unit, to]
    ]
    numbers = [str(found.lost[unit]), str(found.gained[unit]), interval(low, high, found.n_images)]
    return [layer.name, unit_link(view, layer, unit), *numbers, Markup(called), joined(goes, _FEW)]


def show_destinations(view: View, losses: Losses | None) -> None:
    """Show for which classes the lost images of a class are taken, over all units together."""
    if losses is None:
        return
    heading("Where its images go", "when one unit is silenced; summed over units")
    totals: dict[int, list[int]] = {}
    for found in losses.found:
        for to, output in enumerate(found.outputs.tolist()):
            held = totals.setdefault(output, [0, 0])
            held[0] += int(found.destination[:, to].sum())
            held[1] += int((found.destination[:, to] > 0).sum())
    all_lost = sum(lost for lost, _ in totals.values())
    if not all_lost:
        note("No image is lost when one of them is silenced.")
        return
    order = sorted(totals, key=lambda output: -totals[output][0])
    rows = [
        [
            output_link(view, output),
            _bar(totals[output][0] / all_lost),
            f"{totals[output][0]:,}",
            f"{totals[output][1]:,}",
        ]
        for output in order[:_MOST_ROWS]
    ]
    table(["taken for", "", "losses", "by units"], rows, numbers=slice(2, None))
    note(f"{count(all_lost, 'loss', 'losses')} in all: an image counts once for every unit without which it is lost.")


def _bar(share: float) -> Markup:
    return Markup(f'<span class="us-share us-of-loss"><i style="width: {100 * share:.1f}%"></i></span>')


def show_answering(view: View, layers: Sequence[Layer], label: int) -> None:
    """Show the units with the highest class selectivity for a class."""
    heading("Units that answer to it most", "by class selectivity for this class; click one to look at it")
    ranked = sorted(
        ((float(value), at, unit) for at, layer in enumerate(layers) for unit, value in _answering(layer, label)),
        key=lambda found: (-found[0], found[1:]),
    )
    chosen = ranked[:_MOST_ANSWERING]
    if not chosen:
        note("No unit answers more to it than to the other classes.")
        return
    size = canvas(aspect_of(view.store.model.input_size))
    pictures = []
    for value, at, unit in chosen:
        layer = layers[at]
        ((image, overlay),) = cache.shown_for(view.source, layer, -1, (unit,), size)
        where = f"{layer.name}, " if len(layers) > 1 else ""
        own = float(layer.class_mean[unit, label])
        pictures.append(
            Picture(
                jpeg=b"" if image < 0 else view.store.thumbnail(image),
                title=f"{where}unit {unit}",
                value=f"selectivity {number(value, 2)}{_beside(view, layer, unit, label)}",
                overlay=overlay,
                hint=f"Mean activation over the images of this class: {significant(own)}",
                href=navigate.href_of_unit(view, layer, unit),
            )
        )
    names = ", ".join(layer.name for layer in layers)
    origin = view.origin(names, f"class {view.titles[label]}")
    taken = Taken(
        "answering", "Units that answer to the class more than to others, each with its strongest image", origin
    )
    with st.container(key="answering"):
        gallery.show(pictures, aspect_of(view.store.model.input_size), row=_MOST_ANSWERING, taken=taken)
    note("Shown is each unit's strongest image, which may be of another class, outlined where it is active.")
    if any(picture.value.endswith(_UNSETTLED) for picture in pictures):
        note(
            "Not settled: the images do not tell that the unit answers to this class more than to every other. Among "
            "many units, and with few images of a class, some have a high selectivity by chance."
        )


def _beside(view: View, layer: Layer, unit: int, label: int) -> str:
    """Say whether it is settled that a unit answers most to a class; empty where it is, or this cannot be told."""
    (preferred,) = cache.preferred(view.source, layer, (unit,))
    if not layer.keeps_all or preferred == (label,):
        return ""
    other = preferred[0] if preferred and len(preferred) == 1 else None
    return _UNSETTLED if other is None else f", more to {view.titles[other]}"


def _answering(layer: Layer, label: int) -> list[tuple[int, float]]:
    """Return the units that answer more to a class than to the others, and their class selectivity for it.

    In an older store, a layer with values below zero has no class means of the positive part. Then the units are those
    that prefer the class.
    """
    means = layer.class_positive_mean
    if means is not None and not (means < 0).any():
        values = selectivity_for(means, label)
        return [(int(unit), float(values[unit])) for unit in np.flatnonzero(values > 0)]
    held = layer.measures
    if "selective_class" not in held or "class_selectivity" not in held:
        return []
    units = np.flatnonzero(held["selective_class"].values == label)
    return [(int(unit), float(held["class_selectivity"].values[unit])) for unit in units]


def words_of_loss(view: View, losses: Losses | None, layers: Sequence[Layer]) -> str:
    """Say how many units cost the class more than chance explains, and name the worst ones; as HTML."""
    if losses is None:
        return ""
    several = len(layers) > 1
    where = "all layers" if several else escape(layers[0].name)
    called = [(at, unit) for at, unit in losses.ranked() if losses.q[at][unit] <= CALLED]
    of_all = f"of the {count(losses.n_units, 'unit')} of {where}"
    if not called:
        return f" None {of_all} is known to cost it more than chance explains."
    links = joined([_named(view, losses.layers[at], unit, several=several) for at, unit in called], _FEW)
    cost = "costs" if len(called) == 1 else "cost"
    return f" <b>{len(called):,}</b> {of_all} {cost} it more than chance explains: {links}."


def _named(view: View, layer: Layer, unit: int, *, several: bool) -> Markup:
    return unit_link(view, layer, unit, f"{layer.name}:{unit}" if several else f"unit {unit}")
