"""All units of stores beside each other, layer by layer: which stores, and what is drawn and said of them."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
import streamlit as st

from explorer import cache, navigate
from explorer.charts.comparison import Floats, Row, correlations, distributions
from explorer.format import number, percent
from explorer.navigate import View
from explorer.origin import Origin
from explorer.pages.compare.same_images import stores_of_same_images
from explorer.store_files import StoreFile
from explorer.widgets.chart import draw_chart
from explorer.widgets.choices import choose
from explorer.widgets.html import heading, how_and_limits, note, table, with_range
from precompute.compare import Side, caveats
from precompute.errors import StoreError
from precompute.measures.comparison import UnitEffects, quantiles
from precompute.measures.known import mean_of_known

_BETWEEN = "/"
_KEY = "compared_stores"
_FIRST = 4


@dataclass(frozen=True)
class Quantity:
    """One number of every unit: its name, the title of its axis, its field of `UnitEffects`, and its scale there."""

    label: str
    title: str
    field: str
    scale: float


QUANTITIES = {
    "max_drop": Quantity("Largest class drop", "largest class drop, points", "max_drop", 100),
    "overall_drop": Quantity("Overall drop", "overall drop, points", "overall_drop", 100),
    "flip_rate": Quantity("Flip rate", "images whose prediction changes, %", "flip_rate", 100),
    "selectivity": Quantity("Class selectivity", "class selectivity", "selectivity", 1),
}


def show(view: View) -> None:
    """Let the reader choose stores, and set their layers beside each other."""
    note(
        "Compare networks that differ in one thing, on the same images: how large the drops of their units are beside "
        "the chance level, and how selective the units are. Zhou et al. 2018 (arXiv:1806.02891) ask this about "
        "batch normalisation and dropout."
    )
    with st.container(horizontal=True, vertical_alignment="top", gap="medium"):
        chosen = _choose_stores(view)
        shown = QUANTITIES[choose(view, {word: each.label for word, each in QUANTITIES.items()}, label="Of every unit")]
    if len(chosen) < 2:
        note(
            "Below are the layers of one store. To compare it with another, choose that above: every store in the same "
            "folder is listed. Stores of the same images are chosen at first. The command “python -m precompute demo "
            "--variants” makes the demo with batch normalisation and without dropout."
        )
    found = _by_layer(_sides(chosen))
    if not found:
        note("None of these stores holds a layer whose units were ablated.")
        return
    sides = {side.store for side in found}
    origin = Origin(tuple((source.name, cache.store_of(source)) for source in chosen if source.name in sides))
    figure, beside = st.columns([7, 5], gap="large")
    with figure:
        heading(shown.label, _legend(shown))
        rows = [_row(side, shown) for side in found]
        key = "_".join([shown.field, *(row.name for row in rows)])
        draw_chart(
            lambda: distributions(rows, shown.title),
            key=f"distributions_{key}",
            says=f"{shown.label} of all units",
            origin=origin,
        )
    with beside:
        heading("Selectivity against the largest class drop", "Spearman, 95 % interval over units")
        frame = _correlations(found)
        draw_chart(
            lambda: correlations(frame, "rank correlation"),
            key=f"correlations_{key}",
            says="Correlation of class selectivity with the largest class drop, for each layer of each store",
            origin=origin,
        )
    heading("In numbers", "median and quartiles over the units that are not dead")
    _numbers(found)
    for sentence in caveats(found):
        note(sentence)
    how_and_limits(_READING, _LIMITS)


# Which stores


def _choose_stores(view: View) -> list[StoreFile]:
    sources = {source.name: source for source in navigate.files()}
    asked = view.selection.beside
    others = _others_of_same_images(view) if asked is None else asked.split(_BETWEEN)
    named = [view.selection.store, *others]
    st.session_state[_KEY] = [name for name in dict.fromkeys(named) if name in sources]
    missing = [name for name in named if name and name not in sources]
    if missing:
        note(f"The address asks for stores that are not there: {', '.join(missing)[:200]}.")
    st.multiselect(
        "Stores", list(sources), key=_KEY, on_change=_put_stores, args=(view,), width=560, placeholder="choose stores"
    )
    return [sources[name] for name in st.session_state[_KEY]]


def _others_of_same_images(view: View) -> list[str]:
    """Return the names of other stores of the same images, as many as are shown at first."""
    return [name for name in stores_of_same_images(view) if name != view.selection.store][: _FIRST - 1]


def _put_stores(view: View) -> None:
    names = st.session_state[_KEY] or [view.selection.store]
    navigate.put(view.selection.to(store=names[0], layer=None, unit=None, label=None, beside=_BETWEEN.join(names[1:])))


def _sides(sources: Sequence[StoreFile]) -> list[Side]:
    found = []
    for source in sources:
        try:
            found += cache.compared(source)
        except StoreError as error:
            note(f"{source.name} is left out: {error}")
    return found


def _by_layer(found: Sequence[Side]) -> list[Side]:
    """Put layers of one name together, in the order in which they first come."""
    layers = list(dict.fromkeys(side.layer for side in found))
    return sorted(found, key=lambda side: layers.index(side.layer))


# What is shown of them


def _name(side: Side) -> str:
    kind = "" if side.kind == "zero" else f", {side.kind}"
    return f"{side.store} · {side.layer}{kind}"


def _row(side: Side, shown: Quantity) -> Row:
    chance = mean_of_known(side.units.max_drop_expected) if shown.field == "max_drop" else float("nan")
    return Row(_name(side), side.store, shown.scale * getattr(side.units, shown.field), shown.scale * chance)


def _legend(shown: Quantity) -> str:
    chance = "; grey bar: mean by chance" if shown.field == "max_drop" else ""
    return f"circles: units; below them quartiles and mean{chance}"


def _correlations(found: Sequence[Side]) -> pd.DataFrame:
    cells = [(side, side.correlations["max_drop"]["spearman"]) for side in found]
    return pd.DataFrame(
        {"row": _name(side), "store": side.store, "r": cell.r, "low": cell.low, "high": cell.high}
        for side, cell in cells
    )


def _numbers(found: Sequence[Side]) -> None:
    titles = ("right", "units", "dead", "overall drop, points", "largest class drop, points", "mean", "by chance")
    more = ("units with q ≤ 0.05", "flips, %", "class selectivity", "selectivity against overall drop, r")
    table(["", *titles, *more], [[_name(side), *_cells(side)] for side in found])


def _cells(side: Side) -> list[str]:
    units: UnitEffects = side.units
    against = side.correlations["overall_drop"]["spearman"]
    return [
        percent(side.accuracy, side.n_images),
        f"{side.n_units:,}",
        f"{side.n_dead:,}",
        _median(100 * units.overall_drop),
        _median(100 * units.max_drop),
        number(100 * mean_of_known(units.max_drop)),
        number(100 * mean_of_known(units.max_drop_expected)),
        f"{units.called():,}",
        number(100 * mean_of_known(units.flip_rate)),
        _median(units.selectivity),
        with_range(against.r, against.low, against.high),
    ]


def _median(values: Floats) -> str:
    low, median, high = quantiles(values)
    return with_range(float(median), float(low), float(high))


_READING = (
    "Compare rows of the same layer. The largest class drop of a unit grows with the number of answers it "
    "changes, even where it damages no class in particular. So look at two numbers before you say that one "
    "network's units matter more to single classes. How far does the mean lie above its chance level? How "
    "many units are beyond chance after correction for their number (q ≤ 0.05)? A correlation whose "
    "interval crosses zero leaves open whether selective units cost more or less. A correlation whose interval does "
    "not cross zero may still be chance, because selective units change fewer answers: the experiment on "
    "measures against drops says how much correlation chance gives. Class selectivity is above zero by chance too, "
    "and more so the fewer images a unit is active on: the experiment on selectivity says how far."
)
_LIMITS = (
    "One store is one training run. The same network trained from another seed differs too. So a "
    "difference between two stores does not show what batch normalisation, say, does, unless there are several seeds "
    "of each kind. Units of different networks have nothing to do with each other, even where their numbers are "
    "the same. Layers with the same name are compared as if they did the same work. Drops depend on the accuracy with "
    "nothing ablated: a network that is right less often has less to lose."
)
