"""The sections of the overview."""

import streamlit as st

from explorer import navigate
from explorer.charts.accuracy import accuracy_bars, accuracy_frame
from explorer.drop_verdicts import verdicts_of
from explorer.format import count, md_text, percent
from explorer.measure_display import dead_units
from explorer.navigate import View
from explorer.notable_units import notable_units
from explorer.pages.overview import tile_words
from explorer.pages.overview.provenance import further, short, stored
from explorer.positions import shape_words
from explorer.widgets import unit_grid
from explorer.widgets.chart import draw_chart
from explorer.widgets.html import escape, heading, note, table
from precompute.store.answers import answers
from precompute.store.keep import lacks
from precompute.store.reader import Layer

_TILES_A_LAYER = 4


def headline(view: View) -> str:
    """Return one sentence about the store, as HTML."""
    store = view.store
    n_units = sum(layer.n_units for layer in store.layers)
    n_images = len(store.images)
    right = int(store.baseline_correct.sum())
    share = percent(right / max(n_images, 1), n_images)
    layers = count(len(store.layers), "layer")
    return (
        f"<b>{escape(view.selection.store)}</b> shows {count(n_units, 'unit')} in {layers} of {escape(_model(view))}, "
        f"on {count(n_images, 'image')} of {count(len(store.classes), 'class', 'classes')}. "
        f"With nothing ablated, <b>{share}</b> of the images are right ({right:,} of {n_images:,})."
    )


def show_guide(view: View) -> None:
    """Explain the tiles of the layers."""
    if view.store.layers:
        tile_words.show(view)
    else:
        note("This store holds no layer.")


def show_conditions(view: View) -> None:
    """Say on which conditions the numbers of this store are right."""
    for sentence in view.store.conditions:
        note(sentence)
    if view.store.lacking:
        note(lacks(" and ".join(view.store.lacking)))


def _model(view: View) -> str:
    spec = view.store.model.spec
    path, _, function = spec.rpartition(":")
    return f"{path.replace(chr(92), '/').rsplit('/', 1)[-1]}:{function}" if path.endswith(".py") else spec


def show_layers(view: View) -> None:
    """Show each layer with its most notable units and a link to its page."""
    for layer in view.store.layers:
        _layer(view, layer)


def _layer(view: View, layer: Layer) -> None:
    dead = int(dead_units(layer).sum())
    facts = [layer.kind, shape_words(layer), count(layer.n_units, "unit")] + ([f"{dead} dead"] if dead else [])
    heading(layer.name, ", ".join(facts))
    found = verdicts_of(view.store, layer, view.selection.ablation)
    chosen = notable_units(view.store, layer, view.selection.ablation, found, _most_tiles(view))
    units = [pick.unit for pick in chosen] or list(range(min(layer.n_units, _TILES_A_LAYER)))
    unit_grid.show(view, layer, units, None, key=f"most_{layer.name}", reasons=chosen)
    if found.q is not None and not found.by_certainty():
        note("For none of its units can the loss of a class be told from chance.")
    target = view.selection.to(layer=layer.name, unit=None)
    label = f"All {layer.n_units:,} units of {md_text(layer.name)}"
    st.page_link(navigate.LAYER, label=label, icon=":material/arrow_forward:", query_params=target.query())


def _most_tiles(view: View) -> int:
    return _TILES_A_LAYER * {1: 3, 2: 2}.get(len(view.store.layers), 1)


def show_accuracy(view: View) -> None:
    """Show the accuracy of the network for each class."""
    heading("Accuracy by class", "lowest first; click a class to look at it")
    before = answers(view.store)
    frame = accuracy_frame(view.store.classes.title, before.correct, before.count)
    draw_chart(
        lambda: accuracy_bars(frame),
        key="accuracy",
        says="Share of the images of each class that are right",
        origin=view.origin(),
        on_pick=lambda row: navigate.open_class(view, row["label"]),
    )


def show_origin(view: View) -> None:
    """Show where the store comes from: the main facts in a short table, the rest and every stored fact on demand."""
    heading("How this store came to be")
    table([], short(view.store), numbers=slice(0), look="us-list us-short")
    with st.expander("Everything else"):
        _list(further(view.store))
        st.json(stored(view.store), expanded=1)


def _list(facts: list[tuple[str, str]]) -> None:
    rows = "".join(f"<div><dt>{escape(name)}</dt><dd>{escape(said)}</dd></div>" for name, said in facts if said)
    st.html(f'<dl class="us-facts">{rows}</dl>')


def show_skipped_files(view: View) -> None:
    """List the files that could not be read as images."""
    files = view.store.images.skipped
    if not files:
        return
    heading("Skipped files", f"{count(len(files), 'file')} could not be read as images")
    table([], files[:100], numbers=slice(0), look="")
