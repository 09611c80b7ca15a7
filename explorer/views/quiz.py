"""A quiz: which of two unseen images makes a unit fire more? It measures how well people understand units at all."""

import numpy as np
import streamlit as st

from explorer import navigate
from explorer.measure_display import dead_units
from explorer.pages.quiz import results, trial
from explorer.quiz_answers import ANSWERS
from explorer.widgets import header, messages, rater
from explorer.widgets.html import note
from precompute.store.keep import ACTIVATIONS

view = navigate.current()
layer = view.layer
with header.show(view, page=navigate.QUIZ):
    header.choose_layer(view)
    if st.session_state.get(rater.KEY):
        rater.show(view, st.session_state[rater.KEY])
messages.show_problems(view.problems)
held, of = ANSWERS.load(view.source.path), trial.count_of(view, layer)
if lacks := view.store.lacks(ACTIVATIONS):
    note(f"There is no quiz here. {lacks}")
elif not of:
    trial.show_too_few(view)
else:
    who = rater.ask(
        f"How well do you understand the units of {layer.name}?",
        "You see the images on which a unit fires most and least, and two more. Which of the two makes it fire more? "
        "Answers lie in one file beside the store.",
    )
    if who is not None:
        own = results.own_words(held, layer, who)
        trial.show(view, layer, np.flatnonzero(~dead_units(layer)).tolist(), who, held, of, own)
        note(results.how_words(of))
results.show(view, layer, held)
