"""The controls of the page: the units, their change, the images. Each control writes its choice into the URL."""

from collections.abc import Callable

import numpy as np
import streamlit as st

from explorer import cache, navigate
from explorer.measure_choices import axes_of
from explorer.measure_display import default_order, option_label, order_by
from explorer.measure_help import help_markdown
from explorer.navigate import View
from explorer.pages.what_if.question import MINE, Asked
from explorer.pictures import data_uri
from explorer.widgets.html import Markup, escape, heading, link
from explorer.widgets.names import class_link, image_link
from precompute.store.reader import Layer
from precompute.what_if.request import IMAGE, LEAST_FACTOR, MEAN, MOST_FACTOR, OFF, SCALE, Change
from precompute.what_if.unit_list import write_units
from precompute.what_if.uploads import ENDINGS, MOST_BYTES

_FIRST = 10
_CHANGES = {
    OFF: "off: set to zero",
    MEAN: "set to their means over all images",
    SCALE: "scaled by a factor",
    IMAGE: "set to their maps on another image",
}
_ALL, _ONE = "all", "one"
_IMAGES = {_ALL: "all", _ONE: "one", MINE: "my own picture"}


def show(view: View, layer: Layer, asked: Asked) -> bytes:
    """Show the controls; return the reader's own picture, or empty bytes."""
    heading("Which units")
    _choose_layer(view, layer)
    _name_units(view)
    _take_by_measure(view, layer)
    heading("What becomes of them")
    _choose_change(view, asked)
    heading("On which images")
    return _choose_images(view, asked)


def _choose_layer(view: View, layer: Layer) -> None:
    st.session_state["what_if_layer"] = layer.name
    st.selectbox(
        "Layer",
        [each.name for each in view.store.layers],
        key="what_if_layer",
        on_change=lambda: _put(view, layer=st.session_state["what_if_layer"], unit=None, units=None),
    )


def _name_units(view: View) -> None:
    st.session_state["what_if_units"] = view.selection.units or ""
    st.text_input(
        "Units",
        key="what_if_units",
        placeholder="3, 7, 12-20",
        help="Numbers and ranges, with commas between them.",
        on_change=lambda: _put(view, units=st.session_state["what_if_units"].strip() or None),
    )


def _take_by_measure(view: View, layer: Layer) -> None:
    """Offer to take the first units by a measure; the default is the measure that orders the layer's page."""
    axes = axes_of(layer)
    if not axes:
        return
    with st.popover("Take the first by a measure", width="stretch"):
        usual = view.selection.sort if view.selection.sort in axes else default_order(layer)
        names = list(axes)
        first = usual if usual in names else names[0]
        shown = st.session_state.get("what_if_by", first)
        by = st.selectbox(
            "Measure",
            names,
            index=names.index(first),
            format_func=lambda name: option_label(layer.measures[name]),
            key="what_if_by",
            help=help_markdown(layer.measures[shown if shown in names else first]),
        )
        how_many = st.number_input("How many", 1, layer.n_units, min(_FIRST, layer.n_units), key="what_if_first")
        st.button("Take these", key="take_units", on_click=_take, args=(view, layer, by, int(how_many)))


def _take(view: View, layer: Layer, by: str, how_many: int) -> None:
    _put(view, units=write_units(first_units(layer, by, how_many)))


def first_units(layer: Layer, by: str | None, how_many: int) -> list[int]:
    """Return the first units by a measure, without units for which the measure is not defined."""
    order = order_by(layer, by)
    if by in layer.measures:
        order = order[~np.isnan(layer.measures[by].values[order])]
    return [int(unit) for unit in order[:how_many]]


def _choose_change(view: View, asked: Asked) -> None:
    change = asked.change
    st.session_state["what_if_change"] = change.kind
    st.selectbox(
        "What becomes of them",
        [kind for kind in _CHANGES if kind != MEAN or view.layer.keeps_all],
        format_func=_CHANGES.__getitem__,
        key="what_if_change",
        on_change=lambda: _put_change(view, _usual(st.session_state["what_if_change"])),
        label_visibility="collapsed",
    )
    if change.kind == SCALE:
        st.session_state["what_if_factor"] = change.factor
        st.slider(
            "Factor",
            LEAST_FACTOR,
            MOST_FACTOR,
            step=0.25,
            key="what_if_factor",
            help="0 is off, 1 leaves the units as they are, below 0 turns their sign.",
            on_change=lambda: _put_change(view, Change(SCALE, factor=st.session_state["what_if_factor"])),
        )
    if change.kind == IMAGE:
        _number_image(view, "what_if_other", change.image, lambda n: _put_change(view, Change(IMAGE, image=n)))


def _usual(kind: str) -> Change:
    return Change(kind, factor=2.0 if kind == SCALE else 0.0)


def _put_change(view: View, change: Change) -> None:
    _put(view, change=None if change == Change() else change.written())


def _choose_images(view: View, asked: Asked) -> bytes:
    st.session_state["what_if_on"] = MINE if asked.on == MINE else _ALL if asked.on is None else _ONE
    # The image that the reader came from or looked at last, otherwise the first.
    where = {_ALL: None, _ONE: str(view.chosen_image or 0), MINE: MINE}
    st.segmented_control(
        "On which images",
        list(_IMAGES),
        format_func=_IMAGES.__getitem__,
        key="what_if_on",
        required=True,
        on_change=lambda: _put(view, on=where[st.session_state["what_if_on"]]),
        label_visibility="collapsed",
    )
    if isinstance(asked.on, int):
        _number_image(view, "what_if_image", asked.on, lambda n: _put(view, on=str(n)))
    if asked.on != MINE:
        return b""
    file = st.file_uploader(
        "A picture",
        type=list(ENDINGS),
        max_upload_size=MOST_BYTES // 2**20,
        key="what_if_picture",
        help="PNG, JPEG or WebP. It is looked at and not kept.",
    )
    return b"" if file is None else file.getvalue()


def _number_image(view: View, key: str, image: int, put: Callable[[int], None]) -> None:
    """Let the reader choose an image of the store by its place, from 1, and show the image."""
    n_images = len(view.store.images)
    st.session_state[key] = image + 1
    st.number_input(
        f"Image, of {n_images:,}", 1, n_images, step=1, key=key, on_change=lambda: put(int(st.session_state[key]) - 1)
    )
    jpeg, _ = cache.picture_of(view.source, image)
    alt = escape(view.store.images.path[image])
    picture = Markup(f'<img src="{data_uri(jpeg, "jpeg")}" alt="{alt}" height="64"> ' if jpeg else "")
    shown = link(navigate.href_of_image(view, image), picture) if picture else ""
    named = f"{class_link(view, int(view.store.images.label[image]))}, {image_link(view, image)}"
    st.html(f'<p class="us-note">{shown}{named}</p>')


def _put(view: View, **parts: str | int | None) -> None:
    """Change parts of the URL, and drop the request for pairs, which has to be made again."""
    navigate.put(view.selection.to(pairs=None, **parts))
