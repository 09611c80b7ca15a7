"""The list of all experiments, as links; experiments that the store holds have a mark."""

import streamlit as st

from explorer import navigate
from explorer.format import md_text
from explorer.navigate import View
from explorer.widgets.html import note
from precompute.store.experiments import registry


def show(view: View, chosen: str | None = None) -> None:
    """List all experiments as links; those that the store does not hold are pale."""
    held = set(view.store.experiments)
    barred = {spec.name for spec in registry.specs() if view.store.lacks(spec.needs_of_all)}
    with st.container(key="experiments", gap=None):
        for name in all_experiments(view):
            label = md_text(title_of(view, name))
            label = f"**{label}**" if name == chosen else label if name in held else f":gray[{label}]"
            icon = ":material/check:" if name in held else ":material/block:" if name in barred else ":material/add:"
            with st.container(key="experiment_chosen" if name == chosen else None):
                st.page_link(navigate.EXPERIMENTS, label=label, icon=icon, query_params=query(view, name))
        note("✓ in this store, + can be added" + (", ⊘ needs a store of --keep all" if barred else ""))


def all_experiments(view: View) -> list[str]:
    """Return the names of all experiments: first those that this program knows, then others in the store."""
    return list(dict.fromkeys([*registry.NAMES, *view.store.experiments]))


def title_of(view: View, name: str) -> str:
    """Return the title of an experiment; its name if it has no title."""
    if name in registry.NAMES:
        return registry.spec_of(name).title
    return str(view.store.experiment(name).facts.get("title", name))


def query(view: View, name: str) -> dict[str, str]:
    """Return the URL's parameters of an experiment, without choices that were made for another experiment."""
    return view.selection.to(experiment=name, choice=None).query()
