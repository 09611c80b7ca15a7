"""Where in the image a unit looks: its attribution maps on the top exemplars, on one common scale."""

import streamlit as st

from explorer import navigate
from explorer.components.gallery import Picture, gallery
from explorer.components.html import escape, heading, note
from explorer.impact import Floats
from explorer.navigate import View
from explorer.pictures import common_limit, heat
from explorer.text import MINUS, significant
from precompute.store.reader import Exemplars, Layer

_LABELS = {
    "gradient": "Gradient",
    "deconvolution": "Deconvolution",
    "guided_backpropagation": "Guided backpropagation",
    "integrated_gradients": "Integrated gradients",
}


def attribution(view: View, layer: Layer, unit: int) -> None:
    """Show the maps of one method, chosen by the reader, and say which methods were left out and why."""
    heading("Where it looks", "what raises (blue) or lowers (orange) its peak; point at a picture to see the image")
    held = [facts.method for facts in layer.attributions if facts.left_out is None and facts.n_exemplars]
    held.sort(key=lambda method: list(_LABELS).index(method) if method in _LABELS else len(_LABELS))
    if not held:
        note("This store holds no attribution maps.")
    else:
        _maps(view, layer, unit, held)
    for reason, methods in _left_out(layer).items():
        note(f"Left out: {', '.join(methods)}. {reason[:1].upper()}{reason[1:].rstrip('.')}.")


def label_of(method: str) -> str:
    """Return a method's name for readers."""
    return _LABELS.get(method, method.replace("_", " ").capitalize())


def _left_out(layer: Layer) -> dict[str, list[str]]:
    """Gather the methods that were left out by their reasons."""
    reasons: dict[str, list[str]] = {}
    for facts in layer.attributions:
        if facts.left_out is not None:
            reasons.setdefault(facts.left_out, []).append(label_of(facts.method))
    return reasons


def _maps(view: View, layer: Layer, unit: int, held: list[str]) -> None:
    method = view.selection.method if view.selection.method in held else held[0]
    _choose_method(view, held, method)
    maps = layer.attribution(method, unit)
    limit = common_limit(maps)
    gallery(_pictures(view, layer.exemplars("top", unit), maps, limit), wide=True, faded=True)
    _legend(limit)


def _choose_method(view: View, held: list[str], method: str) -> None:
    st.session_state["method"] = method
    st.segmented_control(
        "Method",
        held,
        format_func=label_of,
        key="method",
        required=True,
        on_change=navigate.put_widget,
        args=(view.selection, "method", "method"),
        label_visibility="collapsed",
    )


def _pictures(view: View, found: Exemplars, maps: Floats, limit: float) -> list[Picture]:
    label = view.store.images.label
    return [
        Picture(
            jpeg=view.store.thumbnail(image),
            title=view.store.classes.title[label[image]],
            value=significant(float(value)),
            overlay=heat(values, limit),
            hint=view.store.images.path[image],
        )
        # Maps are there for the first exemplars only.
        for image, value, values in zip(found.image, found.value, maps, strict=False)
    ]


def _legend(limit: float) -> None:
    if limit == 0:
        note("All of these maps are zero: the unit is silent on these images, or saturated and so has no gradient.")
        return
    end = escape(significant(limit, 2))
    ends = f"<span>{MINUS}{end}</span><i></i><span>{end}</span>"
    st.html(f'<div class="us-legend">{ends}<span>one scale for all pictures</span></div>')
