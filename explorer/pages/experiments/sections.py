"""The chosen experiment: its figure and numbers, or how to add it."""

import json
from typing import Any

import streamlit as st

from explorer.experiments.presentation import presentation_of
from explorer.format import moment
from explorer.navigate import View
from explorer.widgets import messages
from explorer.widgets.choices import choose_layer
from explorer.widgets.experiment_list import all_experiments, title_of
from explorer.widgets.html import escape, heading, how_and_limits, note, notes, sentence
from precompute.errors import StoreError
from precompute.store.experiments import registry
from precompute.store.experiments.spec import ExperimentSpec
from precompute.store.reader import Experiment, Layer


def chosen_experiment(view: View) -> str:
    """Return the experiment to show: that of the URL, otherwise the first in the store, otherwise the first of all."""
    names = all_experiments(view)
    held = [name for name in names if name in view.store.experiments]
    return view.selection.experiment or [*held, *names][0]


def layer_of(view: View, name: str) -> Layer | None:
    """Let the reader choose one of the experiment's layers, and return it; None if the store has none of them."""
    carried_out = view.store.experiment(name).layers if name in view.store.experiments else ()
    held = [layer.name for layer in view.store.layers if layer.name in carried_out]
    return view.store.layer(choose_layer(view, held)) if held else None


def show(view: View, name: str, layer: Layer | None) -> None:
    """Show one experiment, or how to add it."""
    sentence(escape(title_of(view, name)))
    if name not in view.store.experiments:
        _absent(view, registry.spec_of(name))
        return
    found = view.store.experiment(name)
    _summary(found)
    _figure(view, found, layer)
    _facts(found, layer)


def _absent(view: View, spec: ExperimentSpec) -> None:
    shown = presentation_of(spec.name)
    note(f"{'' if shown is None else shown.shows + ' '}Source: {spec.source}.")
    if lacks := view.store.lacks(spec.needs_of_all):
        note(f"This store does not have it, and it cannot be added. {lacks}")
        return
    network = "It runs the network on the images again." if spec.needs_network else "It needs nothing but the store."
    needed = f"{network} {spec.advice}".strip()
    note(f"This store does not have it yet. {needed} This command says what it will cost, and then adds it:")
    st.code(f"python -m precompute experiment {spec.name} {view.source.quoted}", language="bash", wrap_lines=True)
    note("With “all” in place of its name, the command adds every experiment that the store allows, one after another.")


def _summary(found: Experiment) -> None:
    facts = found.facts
    shown = presentation_of(found.name)
    note(f"{'' if shown is None else shown.shows + ' '}Source: {facts.get('source', 'not said')}.")
    if "reduced" in facts:
        note(f"Reduced: {facts['reduced']}")
    notes(facts.get("conditions", "").splitlines())


def _figure(view: View, found: Experiment, layer: Layer | None) -> None:
    shown = presentation_of(found.name)
    if shown is None:
        note("This program has no figure for it. These are its numbers, by their place in the file:")
        st.code("\n".join(found), language=None)
    elif layer is None and found.layers:
        note("It was carried out on layers that this store does not hold.")
    else:
        try:
            shown.draw(view, view.layer if layer is None else layer, found)
        except StoreError as error:
            messages.alert("us-error", f"<b>This cannot be shown.</b> {escape(error)}")
        how_and_limits(shown.reading, shown.limits)


def _facts(found: Experiment, layer: Layer | None) -> None:
    """Show how the findings were made; a layer with a command of its own shows its own facts."""
    heading("How it came to be")
    own = found.facts_of(layer.name) if layer is not None and layer.name in found.layers else {}
    held = found.facts | {name: own[name] for name in ("created", "command") if name in own}
    facts = {name: held[name] for name in ("created", "command", "seed", "options", "versions") if name in held}
    if "created" in facts:
        facts["created"] = moment(str(facts["created"]))
    if "seed" in facts and isinstance(facts.get("options"), dict):
        # It stands on its own line.
        facts["options"] = {name: value for name, value in facts["options"].items() if name != "seed"}
    rows = "".join(f"<div><dt>{escape(name)}</dt><dd>{escape(_value(fact))}</dd></div>" for name, fact in facts.items())
    st.html(f'<dl class="us-facts">{rows}</dl>')


def _value(fact: Any) -> str:
    if isinstance(fact, dict):
        return ", ".join(f"{name} {_value(part)}" for name, part in fact.items()) or "none"
    return json.dumps(fact) if isinstance(fact, list) else str(fact)
