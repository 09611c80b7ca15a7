"""The image itself, and the network's answer."""

import numpy as np
import streamlit as st

from explorer import cache
from explorer.format import certainty, count
from explorer.navigate import View
from explorer.pictures import aspect_of, data_uri
from explorer.widgets.html import Markup, escape, heading, note, sentence, table
from explorer.widgets.names import class_link, output_link
from precompute.store.reader import Layer


def show_headline(view: View, image: int, layer: Layer | None) -> None:
    """Say what the image is, for what it is taken, and how many units of the layer change this answer."""
    label, said = int(view.store.images.label[image]), int(view.store.baseline.prediction[image])
    own = class_link(view, label)
    right = bool(view.store.baseline_correct[image])
    first = (
        f"<b>{own}</b>, and the network says so." if right else f"<b>{own}</b>, taken for {output_link(view, said)}."
    )
    sentence(first + (_changes(view, image, layer) if layer is not None else ""))
    note(view.store.images.path[image])


def _changes(view: View, image: int, layer: Layer) -> str:
    if not layer.ablations:
        return ""
    units, _ = cache.flips_by_image(view.source, layer, view.selection.ablation).of_image(image)
    if not len(units):
        return f" No unit of {escape(layer.name)} changes that alone."
    alone = "each alone" if len(units) > 1 else "alone"
    which = "its answer changes" if len(units) == 1 else "the answer changes"
    return f" Without <b>{count(len(units), 'unit')}</b> of {escape(layer.name)}, {alone}, {which}."


def show_picture(view: View, image: int) -> None:
    """Show the picture that the network saw; if the store does not hold it, show the file and say so."""
    jpeg, stored = cache.picture_of(view.source, image)
    title = view.store.classes.title[int(view.store.images.label[image])]
    if jpeg:
        look = f"--aspect: {aspect_of(view.store.model.input_size):.4f}"
        shape = "us-whole" if stored else "us-whole us-as-it-is"
        body = f'<img src="{data_uri(jpeg, "jpeg")}" alt="{escape(title)}">'
        st.html(f'<div class="{shape}" style="{look}">{body}</div>')
    if not stored:
        where = "This is the file itself; the network saw it scaled and cropped." if jpeg else "Its file is not there."
        note(f"The store keeps no picture of it: no unit shows it among its images. {where}")


def show_outputs(view: View, image: int) -> None:
    """Show the highest outputs with their probabilities, and the true class if it is not among them."""
    heading("What the network says", "the highest outputs, nothing silenced")
    store = view.store
    own = int(store.classes.output_index[store.images.label[image]])
    found = store.highest_outputs(image)
    known = (
        {} if found is None else dict(zip(found.output.tolist(), _exp(found.log_prob, len(found.output)), strict=True))
    )
    if found is None:
        known = {int(store.baseline.prediction[image]): float("nan")}
    if store.baseline.log_prob is not None and np.isnan(known.get(own, np.nan)):
        known[own] = float(np.exp(store.baseline.log_prob[image]))
    table(["", "probability", ""], [_row(view, output, p, own) for output, p in known.items()], numbers=slice(1, 2))
    if found is None:
        note("This store was made by an earlier version, which kept the highest output alone.")
    if store.baseline.log_prob is None:
        note(f"No probabilities, because {store.baseline.log_prob_of}.")


def _exp(log_prob: np.ndarray | None, n: int) -> list[float]:
    return [float("nan")] * n if log_prob is None else np.exp(log_prob).tolist()


def _row(view: View, output: int, p: float, own: int) -> list[str]:
    bar = "" if np.isnan(p) else f'<span class="us-share"><i style="width: {100 * min(p, 1):.1f}%"></i></span>'
    mark = " <small>its class</small>" if output == own else ""
    return [Markup(f"{output_link(view, output)}{mark}"), certainty(p), Markup(bar)]
