"""The menu to share a page: a link that names the store, and a report about the units of the page."""

import shlex

import numpy as np
import streamlit as st

from explorer import navigate, press, unit_conditions
from explorer.format import count, md_text
from explorer.navigate import View
from explorer.widgets import palette
from explorer.widgets.html import note
from precompute.store.reader import Layer
from precompute.what_if.unit_list import write_units

_MOST_UNITS = 300


def show(view: View, page: str) -> None:
    """Show the menu; its content is made when it opens, and a report when its button is clicked."""
    menu = st.popover(":material/share: Share", type="tertiary", key="share", on_change="rerun")
    if menu.open:
        with menu:
            _show_link(view, page)
            if page in (navigate.UNIT, navigate.LAYER) and view.selection.layer is not None:
                _show_report(view, view.layer, of_unit=page == navigate.UNIT)


def _show_link(view: View, page: str) -> None:
    st.code(navigate.link_to(page, view), language=None, wrap_lines=True)
    note(
        "The link to this page as it is. It carries the fingerprint of the store: opened on another store of the same "
        "name, it says so."
    )


def _show_report(view: View, layer: Layer, *, of_unit: bool) -> None:
    units, title = _asked(view, layer, of_unit=of_unit)
    if units == []:
        return
    listed = None if units is None else write_units(units)
    n_units = layer.n_units if units is None else len(units)
    if n_units > _MOST_UNITS:
        given = [] if listed is None else ["--units", listed]
        command = ["--layer", layer.name, *given, "--out", "report.html"]
        note(f"A report of more than {_MOST_UNITS} units takes minutes. This command makes it:")
        st.code(f"unitscope report {view.source.quoted} {shlex.join(command)}", language=None, wrap_lines=True)
        return
    kind = view.ablation_of(layer) if layer.ablations else None
    colours = palette.name()
    st.download_button(
        f"Report of {md_text(title)}",
        lambda: press.report_file(view.source.path, layer.name, listed, kind, colours),
        file_name=f"{view.origin(layer.name).slug(title)}.html",
        mime="text/html",
        on_click="ignore",
        key="report",
    )
    brief = " For this many units it shows the main things only." if n_units > press.MOST_WHOLE else ""
    note(f"One HTML file that can be read and printed anywhere. A unit takes seconds, a whole layer a minute.{brief}")


def _asked(view: View, layer: Layer, *, of_unit: bool) -> tuple[list[int] | None, str]:
    """Return the units of the report, None for all units of the layer, and a title for the report."""
    if of_unit:
        unit = view.selection.unit or 0
        return [unit], f"unit {unit}"
    if view.selection.find is None:
        return None, f"layer {layer.name}"
    criteria = view.criteria()
    conditions, _ = unit_conditions.read(view.selection.find, criteria)
    found = np.flatnonzero(unit_conditions.met(conditions, criteria, layer.n_units)).tolist()
    return found, f"the {count(len(found), 'unit')} found"
