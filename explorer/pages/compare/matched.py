"""Units of one layer matched with those of another, by how they answer to the same images."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
import streamlit as st

from explorer import cache, navigate
from explorer.charts.comparison import Row, distributions
from explorer.csv_text import csv_of
from explorer.format import count, median, number
from explorer.matched_units import DRAWS, MatchedUnits
from explorer.navigate import View
from explorer.origin import Origin
from explorer.pages.compare import matched_pair
from explorer.pages.compare.all_units import QUANTITIES
from explorer.pages.compare.same_images import stores_of_same_images
from explorer.selection import Selection
from explorer.store_files import StoreFile
from explorer.widgets.chart import draw_chart
from explorer.widgets.html import escape, heading, how_and_limits, note, table
from explorer.widgets.number_table import csv_button, number_column, number_table
from precompute.compare import Side
from precompute.errors import StoreError
from precompute.measures.bootstrap import correlate_grouped
from precompute.store.reader import Layer, Store

_BETWEEN = "/"
_FEWEST_RELATED = 5


@dataclass(frozen=True, eq=False)
class Pairing:
    """Two layers whose units are matched: that of the view, and another."""

    view: View
    layer: Layer
    source: StoreFile
    store: Store
    other: Layer

    @property
    def names(self) -> tuple[str, str]:
        """The names of the two layers, each with its store."""
        return f"{self.view.selection.store} · {self.layer.name}", f"{self.source.name} · {self.other.name}"

    @property
    def origin(self) -> Origin:
        """Where the figures come from."""
        stores = (self.view.source.name, self.view.store), (self.source.name, self.store)
        return Origin(stores[: 1 + (self.source.name != self.view.source.name)], self.names)

    @property
    def other_view(self) -> View:
        """The view of the other layer."""
        chosen = Selection(self.source.name, layer=self.other.name)
        return View(self.source, self.store, chosen, [])


def show(view: View) -> None:
    """Let the reader choose two layers, and match their units."""
    if view.selection.layer is None:
        note("This store holds no layer.")
        return
    pairing = _choose(view)
    if pairing is None:
        return
    try:
        found = cache.matched(view.source, pairing.layer.name, pairing.source, pairing.other.name)
    except StoreError as error:
        note(str(error))
        return
    _show_headline(pairing, found)
    figure, beside = st.columns([6, 6], gap="large")
    with figure:
        _show_figure(pairing, found)
    with beside:
        _show_numbers(pairing, found)
        _show_related(pairing, found)
    heading("Every unit and its match", "click a row to look at both")
    _show_table(pairing, found)
    matched_pair.show(pairing.view, pairing.layer, pairing.other_view, pairing.other, found)
    how_and_limits(_READING, _LIMITS)


# Which layers


def _choose(view: View) -> Pairing | None:
    """Let the reader choose the layers; where there is no second one, say how to get one and return None."""
    sources = stores_of_same_images(view)
    ways = [(name, layer.name) for name, (_, store) in sources.items() for layer in store.layers]
    ways = [way for way in ways if way != (view.selection.store, view.selection.layer)]
    if not ways:
        note(
            "There is nothing to match this layer with. Matching needs a second layer in this store, or another store "
            "of the same images in the same folder. To get one, run another network, or the same one trained again, on "
            "these images."
        )
        return None
    name, layer = _asked(view, ways)
    source, store = sources[name]

    def put(key: str) -> None:
        _put(view, ways, key)

    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        _select("Units of", "match_layer", [each.name for each in view.store.layers], str(view.selection.layer), put)
        _select("matched with store", "match_store", list(dict.fromkeys(each for each, _ in ways)), name, put)
        _select("and its layer", "match_other", [each for held, each in ways if held == name], layer, put)
    return Pairing(view, view.layer, source, store, store.layer(layer))


def _asked(view: View, ways: list[tuple[str, str]]) -> tuple[str, str]:
    """Return the store and layer that the URL asks for; otherwise this layer in another store, or another layer."""
    asked = view.selection.against
    if asked is not None:
        store, _, layer = asked.partition(_BETWEEN)
        if (store, layer) in ways:
            return store, layer
        note(f"The address asks to match with “{asked[:80]}”, which is not possible. Another layer is shown instead.")
    same = [way for way in ways if way[1] == view.selection.layer]
    own = [way for way in ways if way[0] == view.selection.store]
    return (same or own or ways)[0]


def _select(label: str, key: str, names: list[str], value: str, put: Callable[[str], None]) -> None:
    st.session_state[key] = value
    st.selectbox(label, names, key=key, on_change=put, args=(key,), width=260)


def _put(view: View, ways: list[tuple[str, str]], key: str) -> None:
    chosen = {name: st.session_state[name] for name in ("match_layer", "match_store", "match_other")}
    if key == "match_layer":
        navigate.put(view.selection.to(layer=chosen[key], unit=None))
        return
    store, layer = chosen["match_store"], chosen["match_other"]
    if key == "match_store":
        held = next(cache.store_of(source) for source in navigate.files() if source.name == store)
        layers = [
            each.name for each in held.layers if (store, each.name) != (view.selection.store, view.selection.layer)
        ]
        layer = view.selection.layer if view.selection.layer in layers else layers[0]
    navigate.put(view.selection.to(against=f"{store}{_BETWEEN}{layer}"))


# What is shown of them


def _show_headline(pairing: Pairing, found: MatchedUnits) -> None:
    one, other = (f"<b>{escape(name)}</b>" for name in pairing.names)
    n_known, n_beyond, n_classes = (int(kept.sum()) for kept in (found.known, found.beyond, found.beyond_classes))
    by_chance = number(n_known / (DRAWS + 1), 0)
    st.html(
        f"<p>Of the {count(n_known, 'unit')} of {one} that vary, <b>{n_beyond:,}</b> have a match in {other} beyond "
        f"chance. With shuffled images {by_chance} would. <b>{n_classes:,}</b> match better than their class means "
        "explain.</p>"
    )


def _show_figure(pairing: Pairing, found: MatchedUnits) -> None:
    heading("How strongly each unit correlates with its match", "circles: units; below them quartiles and mean")
    rows = [
        Row("best match", "match", found.found.r.astype(np.float64)),
        Row("images shuffled within classes", "within", found.within.expected),
        Row("images shuffled", "shuffled", found.shuffled.expected),
    ]
    draw_chart(
        lambda: distributions(rows, "correlation with the best match, r"),
        key=f"matches_{'_'.join(pairing.names)}",
        says="The correlation of every unit with its best match, and what it is with shuffled images",
        origin=pairing.origin,
    )
    note(f"Correlations of mean activations over {count(found.n_images, 'image')}.")


def _show_numbers(pairing: Pairing, found: MatchedUnits) -> None:
    heading("In numbers", f"chance: the mean of {DRAWS} shuffles of the images")
    of = int(found.known.sum())
    rows = [
        ["median correlation", *(median(each) for each in _levels(found))],
        ["units that are each other's match", *_mutual(found)],
    ]
    if found.same is not None:
        by_chance = (number(null.same, 1) for null in (found.shuffled, found.within))
        rows.append(["match has the same number", f"{found.n_same:,} of {of:,}", *by_chance])
    table(["", "found", "chance", "chance within classes"], rows)


def _levels(found: MatchedUnits) -> tuple[np.ndarray, ...]:
    return found.found.r, found.shuffled.expected, found.within.expected


def _mutual(found: MatchedUnits) -> tuple[str, str, str]:
    return (
        f"{int(found.found.mutual.sum()):,}",
        number(found.shuffled.mutual, 0),
        number(found.within.mutual, 0),
    )


def _show_related(pairing: Pairing, found: MatchedUnits) -> None:
    """Show for each quantity how it correlates over units with that of the match, by Spearman."""
    sides = [
        _side(source, layer.name)
        for source, layer in ((pairing.view.source, pairing.layer), (pairing.source, pairing.other))
    ]
    one, other = sides
    kept = np.flatnonzero(found.beyond)
    if one is None or other is None or len(kept) < _FEWEST_RELATED:
        return
    heading("Do they matter alike?", "Spearman over units matched beyond chance, 95 % interval over matches")
    pairs = {"with the match": (kept, found.found.unit[kept])}
    if found.same is not None:
        pairs["with the same number"] = (kept, kept)
    rows = []
    for quantity in QUANTITIES.values():
        own, others = (getattr(side.units, quantity.field) for side in (one, other))
        cells = [correlate_grouped(own[left], others[right], right) for left, right in pairs.values()]
        rows.append([quantity.label, *(f"{number(c.r)} ({number(c.low)} to {number(c.high)})" for c in cells)])
    table(["", *pairs], rows)


def _side(source: StoreFile, layer: str) -> Side | None:
    return next((side for side in cache.compared(source) if side.layer == layer), None)


def _show_table(pairing: Pairing, found: MatchedUnits) -> None:
    order = np.argsort(-np.where(found.known, found.found.r, -2), kind="stable")
    frame = pd.DataFrame(
        {
            "unit": order,
            "match": np.where(found.known, found.found.unit, np.nan)[order],
            "r": found.found.r[order],
            "shuffled": found.shuffled.ceiling[order],
            "within": found.within.ceiling[order],
            "mutual": found.found.mutual[order],
        }
    )
    columns = {
        "unit": st.column_config.NumberColumn("unit"),
        "match": st.column_config.NumberColumn("best match", format="%d"),
        "r": number_column("correlation"),
        "shuffled": number_column("chance, largest", f"The largest of {DRAWS} shuffles of the images."),
        "within": number_column(
            "within classes, largest", f"The largest of {DRAWS} shuffles of the images within each class."
        ),
        "mutual": st.column_config.CheckboxColumn("each other's match"),
    }
    if found.same is not None:
        frame["same"] = found.same[order]
        columns["same"] = number_column("same number", "Correlation with the unit of the same number.")
    number_table(
        frame,
        columns,
        key=f"match_table_{'_'.join(pairing.names)}",
        height=320,
        on_cell=lambda row, _: navigate.put(pairing.view.selection.to(unit=int(order[row]))),
    )
    csv_button(lambda: csv_of(frame), name=pairing.origin.slug("matches"), key="matches_csv")


_READING = (
    "A unit's match is the unit of the other layer whose mean activation correlates most with its own over the same "
    "images. Among many units some always correlate by chance, so two chance levels stand beside the match. The "
    "first shuffles all images of the other layer, so that nothing in common is left. The second shuffles the images "
    "within each class, so that the units' class means stay: a match above this level agrees on single images too. A "
    f"match is beyond chance if it is above the largest of {DRAWS} shuffles. By chance this happens to one unit in "
    f"{DRAWS + 1}. Comparing units by their numbers makes sense only in networks trained further from the same "
    "weights, or in layers that work channel by channel."
)
_LIMITS = (
    "A match says that two units rise and fall together on these images, not that they do the same work. One unit may "
    "be the match of many. What one unit does in one network, several units may do together in another; no pair shows "
    "that. The mean over positions is compared, not where in the picture a unit is active. Networks trained on the "
    "same task agree more than shuffled images do, however they were trained."
)
