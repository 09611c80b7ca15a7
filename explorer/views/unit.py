"""One unit: what it sees, and what breaks without it."""

import numpy as np
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
from explorer.evidence import evidence_of
from explorer.impact import impact
from explorer.sentence import as_html, describe, without
from precompute.measures.preferred import preferred_classes
from precompute.store.answers import answers

view = navigate.current()
layer, unit = view.layer, view.selection.unit or 0
view = navigate.at_unit(view, unit)
with header.header(view, page=navigate.UNIT):
    stepper.stepper(view)
messages.problems(view.problems)

activation = layer.activation(unit)
effect = impact(layer.flips(view.selection.ablation, unit), answers(view.store))
evidence = evidence_of(view.store, layer.name, view.selection.ablation, unit)
dead = not activation.max.any() and not activation.mean.any()
loss = without(view.store.classes.title, effect, evidence)
titles, profile = view.store.classes.title, layer.class_mean[unit]
preferred = preferred_classes(activation.mean, np.asarray(view.store.images.label), len(titles))
sentence(as_html(describe(unit, titles, profile, preferred, loss, dead=dead)))
footing(view, evidence)
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
