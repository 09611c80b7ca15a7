"""One unit: what it sees, and what breaks without it."""

import streamlit as st

from explorer import navigate
from explorer.components import (
    attribution,
    class_detail,
    concepts,
    distribution,
    exemplars,
    header,
    messages,
    sides,
    stepper,
)
from explorer.components.footing import footing
from explorer.components.html import sentence
from explorer.components.measures import all_measures, measures
from explorer.drive import n_strongest, profile_of, strongest
from explorer.evidence import evidence_of
from explorer.impact import impact, main_move
from explorer.sentence import Span, as_html, dead, drive, without
from precompute.store.answers import answers

view = navigate.current()
layer, unit = view.layer, view.selection.unit or 0
view = navigate.at_unit(view, unit)
with header.header(view, page=navigate.UNIT):
    stepper.stepper(view)
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
    sides.sides(view, layer, unit, effect, evidence)
    distribution.distribution(view, layer, unit)
    class_detail.class_detail(view, layer, unit)
all_measures(view, layer, unit)
concepts.concepts(view, layer, unit)
attribution.attribution(view, layer, unit)
