"""One unit: what it sees, and what breaks without it."""

import streamlit as st

from explorer import drop_test, navigate
from explorer.class_effects import class_effects, main_move
from explorer.class_preference import profile_of, strongest_of
from explorer.headline import Span, as_html, dead, drive, without
from explorer.measure_display import is_dead
from explorer.pages.unit import (
    activation_histogram,
    attribution,
    changed_images,
    class_profile,
    concepts,
    exemplars,
    headline_note,
    measures,
    naming,
)
from explorer.widgets import header, messages, steps, what_if_link
from explorer.widgets.html import sentence
from explorer.widgets.names import with_links
from precompute.store.answers import answers

view = navigate.current()
layer, unit = view.layer, view.selection.unit or 0
view = navigate.at_unit(view, unit)
with header.show(view, page=navigate.UNIT):
    steps.show("unit", unit, unit, layer.n_units, lambda other: view.selection.to(unit=other))
messages.show_problems(view.problems)

titles, before = view.titles, answers(view.store)
flips = layer.flips(view.selection.ablation, unit)
effects, test = class_effects(flips, before), drop_test.of_unit(view.store, layer.name, view.selection.ablation, unit)
if is_dead(layer, unit):
    sentence(as_html(dead(unit)))
else:
    profile = profile_of(view.store, layer, unit)
    images = strongest_of(view.store, layer, unit)
    sentence(with_links(view, [*drive(unit, titles, profile, images), Span(" "), *without(titles, effects, test)]))
    move = main_move(flips, before, view.store.classes.of_output)
    headline_note.show(view, profile, images, effects, test, move)
measures.show_key_measures(view, layer, unit, effects.n_images)
with st.container(horizontal=True, vertical_alignment="center"):
    what_if_link.show(view, [unit], "What if this unit were changed, alone or with others")
    st.page_link(
        navigate.CLOSER,
        label="Look closer",
        icon=":material/zoom_in:",
        query_params=view.selection.query(),
    )
    naming.show(view, layer, unit)

left, right = st.columns([5, 7], gap="large")
with left:
    exemplars.show(view, layer, unit)
with right:
    class_profile.show(view, layer, unit, effects, test)
    activation_histogram.show(view, layer, unit)
    changed_images.show(view, layer, unit)
measures.show_all_measures(view, layer, unit)
concepts.show(view, layer, unit)
attribution.show(view, layer, unit)
