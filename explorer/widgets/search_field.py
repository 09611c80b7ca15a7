"""The search field on every page, which finds units by number or label, classes by name and images by path."""

import streamlit as st

from explorer import navigate
from explorer.format import count, isolated
from explorer.labels import LABELS, Label
from explorer.navigate import View
from explorer.search import Found, search
from explorer.widgets.html import Markup, escape, said_by
from explorer.widgets.names import class_link, image_link, unit_link

_KEY = "find"


def show_field(view: View) -> None:
    """Show the field; if the typed text means one thing only, its page opens."""
    st.text_input(
        "Find",
        key=_KEY,
        placeholder="Unit, class, image or label",
        on_change=_open,
        args=(view,),
        label_visibility="collapsed",
        width=250,
    )


def show_found(view: View) -> None:
    """Show what was found if it is not one thing only; nothing if the field is empty."""
    sought = st.session_state.get(_KEY, "")
    if not sought.strip():
        return
    found = _search(view, sought)
    lines = _lines(view, found) or [Markup(f"Nothing is called “{escape(sought[:60])}” here.")]
    st.html(f'<div class="us-found" role="status">{"".join(f"<p>{line}</p>" for line in lines)}</div>')


def _open(view: View) -> None:
    found = _search(view, st.session_state[_KEY])
    if not found.is_one:
        return
    st.session_state[_KEY] = ""
    if found.units or found.labelled:
        layer, unit = found.units[0] if found.units else (found.labelled[0].layer, found.labelled[0].unit)
        navigate.open_unit(view, view.store.layer(layer), unit)
    elif found.classes:
        navigate.open_class(view, found.classes[0])
    else:
        navigate.open_image(view, found.images[0])


def _search(view: View, sought: str) -> Found:
    return search(sought, view.store, view.selection.layer, LABELS.load_where_readable(view.source.path))


def forget() -> None:
    """Empty the field. For callbacks."""
    if _KEY in st.session_state:
        st.session_state[_KEY] = ""


def _lines(view: View, found: Found) -> list[Markup]:
    lines = []
    if found.units:
        links = [unit_link(view, view.store.layer(layer), unit, f"{layer}:{unit}") for layer, unit in found.units]
        lines.append(Markup(f"<b>Unit</b> {' · '.join(links)}"))
    if found.labelled:
        links = [_labelled(view, label) for label in found.labelled]
        lines.append(Markup(f"<b>Named</b> {' · '.join(links)}"))
        lines += _more(found.n_labelled - len(found.labelled), "label", "labels")
    if found.classes:
        lines.append(Markup(f"<b>Class</b> {' · '.join(_class(view, label) for label in found.classes)}"))
        lines += _more(found.n_classes - len(found.classes), "class", "classes")
    if found.images:
        lines.append(Markup(f"<b>Image</b> {' · '.join(image_link(view, image) for image in found.images)}"))
        lines += _more(found.n_images - len(found.images), "image", "images")
    return lines


def _labelled(view: View, label: Label) -> Markup:
    link = unit_link(view, view.store.layer(label.layer), label.unit, f"{label.layer}:{label.unit}")
    return Markup(f"{link} “{said_by(label.text)}”")


def _more(n: int, one: str, several: str) -> list[Markup]:
    return [Markup(f"and {count(n, f'more {one}', f'more {several}')}; type more of the name")] if n > 0 else []


def _class(view: View, label: int) -> Markup:
    """Return a link to a class, with its folder if another class has the same title, as ImageNet's two cranes."""
    classes, own = view.store.classes, class_link(view, label)
    twice = classes.title.count(classes.title[label]) > 1
    return Markup(f"{own} ({escape(isolated(classes.name[label]))})") if twice else own
