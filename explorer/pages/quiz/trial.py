"""One question of the quiz: images on which a unit fires least and most, and the two images to choose from.

Before the answer, nothing on the page tells the two images apart: they have no name, no address and no outline, and
their sides are random.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from explorer import cache
from explorer.navigate import View
from explorer.pictures import aspect_of
from explorer.quiz_answers import ANSWERS, SIDES, Answer
from explorer.quiz_round import Asked, next_question
from explorer.widgets import gallery
from explorer.widgets.gallery import Picture
from explorer.widgets.html import escape, heading, note, sentence
from explorer.widgets.messages import alert
from precompute.errors import UnitscopeError
from precompute.measures.quiz import SHOWN, Question, n_questions
from precompute.store.reader import Layer

_ASKED, _SAID, _REFUSED = "quiz_asked", "quiz_said", "quiz_refused"


@dataclass(frozen=True)
class _Trial:
    """A question on the screen: its store, layer and rater (``to``), the side of the right image, and a random key."""

    to: tuple[str, str, str]
    asked: Asked
    side: str
    turn: str


def count_of(view: View, layer: Layer) -> int:
    """Return how many questions there are on each unit of a layer."""
    images = view.store.images
    ends = [kind for kind in ("top", "bottom") if kind in layer.exemplar_kinds]
    here = len(images) > 0 and Path(images.root, images.path[0]).is_file()
    return n_questions(len(images), len(images) if here else layer.n_exemplars if len(ends) == len(SIDES) else 0)


def show_too_few(view: View) -> None:
    """Say that this store has too few images for questions, and what would help."""
    least = 2 * (SHOWN + 1)
    sentence("This store has too few images for the quiz.")
    note(
        f"A question takes ten images from either end of a unit's ranking, {least} in all. They are the exemplars in "
        f"the store, of which it needs 10 of either kind, or the files in {view.store.images.root}. This store has "
        f"{len(view.store.images):,} images; make it anew with --top-k 10 or more, or put the files back."
    )


def show(view: View, layer: Layer, units: Sequence[int], rater: str, held: Sequence[Answer], of: int, own: str) -> None:
    """Ask the rater the next question on some units, with the score so far (``own``), or say that none is left."""
    if refused := st.session_state.pop(_REFUSED, None):
        alert("us-warning", escape(refused))
    trial = _trial(view, layer, units, rater, held, of)
    if trial is None:
        sentence("You have answered every question on this layer.")
        _show_verdict()
        note(own)
        note(
            "Units whose strongest and weakest images do not differ have no question, nor have those without pictures."
        )
    else:
        with st.container(key="quiz"):
            _show(view, layer, trial, own)


def _trial(
    view: View, layer: Layer, units: Sequence[int], rater: str, held: Sequence[Answer], of: int
) -> _Trial | None:
    """Return the question on the screen, or the next one if it is answered or was for somebody else.

    None if no question is left.
    """
    to = (view.source.name, layer.name, rater)
    current: _Trial | None = st.session_state.get(_ASKED)
    if current is not None and current.to == to:
        return current

    def make(unit: int, number: int) -> Question | None:
        found = cache.quiz_question(view.source, layer, unit, number, of)
        return found if found is not None and all(_jpegs(view, _images(found))) else None

    asked = next_question(held, rater, layer.name, units, make, of=of, paths=view.store.images.path)
    if asked is None:
        return None
    trial = _Trial(to, asked, secrets.choice(SIDES), secrets.token_hex(4))
    st.session_state[_ASKED] = trial
    return trial


def _show(view: View, layer: Layer, trial: _Trial, own: str) -> None:
    question = trial.asked.question
    shown, pair = _jpegs(view, [*question.lowest, *question.highest]), _jpegs(view, [question.higher, question.lower])
    if trial.side != SIDES[0]:
        pair.reverse()
    sentence(f"Which of the two makes unit <b>{trial.asked.unit:,}</b> of {escape(layer.name)} fire more?")
    left, middle, right = st.columns([4, 4, 4], gap="large")
    with left:
        heading("It fires least on", "or not at all")
        _gallery(view, shown[:SHOWN], "An image on which the unit fires least", 3)
    with right:
        heading("It fires most on")
        _gallery(view, shown[SHOWN:], "An image on which the unit fires most", 3)
    with middle:
        heading("Which one?", "arrow keys choose")
        for place, side, jpeg in zip(st.columns(2), SIDES, pair, strict=True):
            with place:
                _gallery(view, [jpeg], f"The image on the {side}", 1)
                # Each question has its own keys, because a late press must not answer the next question.
                st.button(
                    side.capitalize(),
                    key=f"quiz_{side}_{trial.turn}",
                    shortcut=side.capitalize(),
                    width="stretch",
                    on_click=_answer,
                    args=(view, trial, side),
                )
        _show_verdict()
        note(own)


def _show_verdict() -> None:
    """Say whether the last answer was right; without one, leave an empty line, so that nothing moves."""
    st.html(f'<p class="us-plain" role="status">{escape(st.session_state.get(_SAID, ""))}&nbsp;</p>')


def _images(question: Question) -> list[int]:
    return [*question.lowest, *question.highest, question.higher, question.lower]


def _jpegs(view: View, images: Sequence[int]) -> list[bytes]:
    return [cache.picture_of(view.source, int(image))[0] for image in images]


def _gallery(view: View, jpegs: Sequence[bytes], alt: str, row: int) -> None:
    pictures = [Picture(jpeg=jpeg, title="", alt=alt) for jpeg in jpegs]
    gallery.show(pictures, aspect_of(view.store.model.input_size), row=row)


def _answer(view: View, trial: _Trial, chosen: str) -> None:
    """Save an answer and say whether it is right. For callbacks."""
    paths, question = view.store.images.path, trial.asked.question
    _, layer, rater = trial.to
    answer = Answer(layer, trial.asked.unit, rater, paths[question.higher], paths[question.lower], trial.side, chosen)
    try:
        ANSWERS.put(view.source.path, answer)
    except UnitscopeError as error:
        st.session_state[_REFUSED] = str(error)
        return
    st.session_state.pop(_ASKED, None)
    # The next question is on the screen already, so the unit comes first.
    verdict = "right" if answer.is_right else f"wrong, it was the one on the {trial.side}"
    st.session_state[_SAID] = f"Unit {trial.asked.unit:,}: {verdict}."
