"""One unit: what it sees, and what breaks without it."""

import streamlit as st

from explorer import navigate
from explorer.class_effects import impact, main_move
from explorer.class_preference import n_strongest, profile_of, strongest
from explorer.drop_test import evidence_of
from explorer.headline import Span, as_html, dead, drive, without
from explorer.pages.unit import (
    activation_histogram,
    attribution,
    changed_images,
    class_profile,
    concepts,
    exemplars,
    unit_picker,
)
from explorer.pages.unit.headline_note import footing
from explorer.pages.unit.measures import all_measures, measures
from explorer.widgets import header, messages
from explorer.widgets.html import sentence
from precompute.store.answers import answers

view = navigate.current()
layer, unit = view.layer, view.selection.unit or 0
view = navigate.at_unit(view, unit)
with header.header(view, page=navigate.UNIT):
    unit_picker.stepper(view)
messages.problems(view.problems)

titles, before = view.store.classes.title, answers(view.store)
activation, flips = layer.activation(unit), layer.flips(view.selection.ablation, unit)
effect, evidence = impact(flips, before), evidence_of(view.store, layer.name, view.selection.ablation, unit)
if not activation.max.any() and not activation.mean.any():
    sentence(as_html(dead(unit)))
else:
    profile = profile_of(view.store, layer, unit)
    images = strongest(activation.max, before.label, before.n_classes, n_strongest(layer))
    sentence(as_html([*drive(unit, titles, profile, images), Span(" "), *without(titles, effect, evidence)]))
    move = main_move(flips, before, view.store.classes.of_output)
    footing(view, profile, images, effect, evidence, move)
measures(view, layer, unit, effect.n_images)

left, right = st.columns([5, 7], gap="large")
with left:
    exemplars.exemplars(view, layer, unit)
with right:
    class_profile.sides(view, layer, unit, effect, evidence)
    activation_histogram.distribution(view, layer, unit)
    changed_images.class_detail(view, layer, unit)
all_measures(view, layer, unit)
concepts.concepts(view, layer, unit)
attribution.attribution(view, layer, unit)
