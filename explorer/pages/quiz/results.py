"""The number of right answers to the quiz: for each rater, for each unit, and for each rater on each unit."""

from collections.abc import Callable, Sequence

import streamlit as st

from explorer.format import count, number, percent
from explorer.navigate import View
from explorer.quiz_answers import ANSWERS, Answer, Score, score, scores
from explorer.widgets import csv_exchange
from explorer.widgets.html import note, table
from precompute.measures.quiz import IMAGES_A_QUESTION
from precompute.store.reader import Layer

_MOST_ROWS = 100
_WAYS: dict[str, tuple[tuple[str, ...], Callable[[Answer], tuple[str, ...]]]] = {
    "by rater": (("rater",), lambda answer: (answer.rater,)),
    "by unit": (("unit",), lambda answer: (str(answer.unit),)),
    "by unit and rater": (("unit", "rater"), lambda answer: (str(answer.unit), answer.rater)),
}


def own_words(held: Sequence[Answer], layer: Layer, rater: str) -> str:
    """Say how many questions on a layer a rater has answered right so far."""
    own = score(answer for answer in held if (answer.rater, answer.layer) == (rater, layer.name))
    if not own.n:
        return "Take the time you want. The answer is told when you have chosen."
    return f"You have {own.right:,} of {count(own.n, 'question')} right ({_interval(own)}; half is chance)."


def show(view: View, layer: Layer, held: Sequence[Answer]) -> None:
    """Show the scores on a layer, on demand, and the file of answers."""
    with st.expander("Scores, and the answers as a file"):
        here = [answer for answer in held if answer.layer == layer.name]
        if here:
            way = st.segmented_control("Scores", list(_WAYS), default="by rater", required=True, key="quiz_scores")
            head, by = _WAYS[way]
            rows = sorted(scores(here, by).items(), key=lambda each: (each[1].right / each[1].n, -each[1].n))
            lines = [[*group, f"{one.right:,} of {one.n:,}", _interval(one)] for group, one in rows[:_MOST_ROWS]]
            table([*head, "right", "95 % interval"], lines, numbers=slice(len(head), None))
            if len(rows) > _MOST_ROWS:
                note(f"The first {_MOST_ROWS} of {count(len(rows), 'row')}; the file has the rest.")
            if len(rows) > 1:
                by_chance = number(0.05 * len(rows), 0 if len(rows) >= 20 else 1)
                note(f"Of {len(rows):,} intervals up to about {by_chance} leave out a half by chance alone.")
        note(
            "Half is chance. The interval holds however often one looks at it (Robbins 1970), so it is wide at a few "
            "answers. By unit it says how further raters would answer the same questions, not how people would answer "
            "others: with five raters of 20 questions that are easy or hard for all, it misses that in one case of "
            "eight."
        )
        csv_exchange.show(view, ANSWERS, held, replaces="An answer in it replaces the same rater's to that question.")


def how_words(of: int) -> str:
    """Say how the images of a question are chosen."""
    each = "one question on each unit"
    if of > 1:
        each = f"{count(of, 'question')} on each unit, one for every {IMAGES_A_QUESTION} images of the store"
    return (
        f"After Borowski et al. 2021: {each}. The {10 * of} "
        f"images at either end of a unit's ranking are cut into ten bins. A question takes one of each bin: nine are "
        "shown, that of the most extreme bin is asked about. No image is in two questions on a unit."
    )


def _interval(one: Score) -> str:
    return f"{percent(one.low, 100)} to {percent(one.high, 100)}"
