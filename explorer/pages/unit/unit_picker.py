"""To the previous and the next unit by button or arrow key, and to any unit by number or by class."""

from collections import Counter

import streamlit as st

from explorer import cache, navigate
from explorer.navigate import View
from explorer.selection import Selection
from precompute.store.reader import Layer


def show(view: View) -> None:
    """Show the controls that lead from unit to unit."""
    layer, unit = view.layer, view.selection.unit or 0
    st.html('<span class="us-crumb">/</span>', width="content")
    st.html(f'<span class="us-place">unit <b>{unit}</b> of {layer.n_units:,}</span>', width="content")
    _step("Previous", "Left", view.selection.to(unit=(unit - 1) % layer.n_units))
    _step("Next", "Right", view.selection.to(unit=(unit + 1) % layer.n_units))
    st.space("stretch")
    _jump(view, layer)


def _step(label: str, key: str, target: Selection) -> None:
    st.button(label, key=f"step_{label.lower()}", shortcut=key, on_click=navigate.put, args=(target,))


def _jump(view: View, layer: Layer) -> None:
    targets = _targets(view, layer)
    st.selectbox(
        "Go to unit or class",
        list(targets),
        index=None,
        key="jump",
        placeholder="Go to unit or class …",
        on_change=_land,
        args=(view.selection, targets),
        label_visibility="collapsed",
        width=230,
    )


def _land(selection: Selection, targets: dict[str, tuple[int, str | None]]) -> None:
    target = targets.get(st.session_state["jump"])
    st.session_state["jump"] = None
    if target is not None:
        unit, label = target
        navigate.put(selection.to(unit=unit, label=label or selection.label))


def _targets(view: View, layer: Layer) -> dict[str, tuple[int, str | None]]:
    """Name what can be jumped to: every unit; for every class, the unit that answers most and the one it needs most."""
    classes = view.store.classes
    targets: dict[str, tuple[int, str | None]] = {f"unit {unit}": (unit, None) for unit in range(layer.n_units)}
    answers, needed = cache.best_units(view.source, layer, view.selection.ablation)
    twice = {title for title, held in Counter(classes.title).items() if held > 1}
    for index, (name, said) in enumerate(zip(classes.name, classes.title, strict=True)):
        # ImageNet has two cranes, a bird and a machine.
        title = f"{said} ({name})" if said in twice else said
        targets[f"{title}: answers most, unit {answers[index]}"] = (int(answers[index]), name)
        if needed[index] >= 0:
            targets[f"{title}: loses most without unit {needed[index]}"] = (int(needed[index]), name)
    return targets
