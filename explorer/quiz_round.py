"""The choice of the next question of the quiz for a rater."""

import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from explorer.quiz_answers import Answer
from precompute.measures.quiz import Question


@dataclass(frozen=True)
class Asked:
    """A question and the unit that it is about."""

    unit: int
    question: Question


def seed_of(*parts: object) -> int:
    """Return a seed that depends on the given texts alone, so that it is the same for all raters and servers."""
    return zlib.crc32(":".join(map(str, parts)).encode("utf-8", "surrogatepass"))


def next_question(
    answers: Iterable[Answer],
    rater: str,
    layer: str,
    units: Sequence[int],
    make: Callable[[int, int], Question | None],
    *,
    of: int,
    paths: Sequence[str],
) -> Asked | None:
    """Return the first question that a rater has not answered; None where none is left.

    Each rater has an own random order of units; units with fewest answers of the rater come first. The first question
    of a unit also depends on the rater and the unit, so that raters do not all answer the same questions first.

    Parameters
    ----------
    answers : iterable of Answer
        All answers of the store.
    rater, layer : str
        The rater, and the layer of the questions.
    units : sequence of int
        The units to ask about.
    make : callable
        Makes the question with a number on a unit; returns None where there is none.
    of : int
        How many questions each unit has.
    paths : sequence of str
        Paths of the store's images.
    """
    own = [answer for answer in answers if (answer.rater, answer.layer) == (rater, layer)]
    answered = {(answer.unit, answer.higher, answer.lower) for answer in own}
    times = Counter(answer.unit for answer in own)
    order = np.random.default_rng(seed_of(rater, layer)).permutation(np.asarray(units, int)).tolist()
    for unit in sorted(order, key=lambda unit: times[unit]):
        for number in _numbers(rater, layer, unit, of):
            found = make(unit, number)
            if found is not None and (unit, paths[found.higher], paths[found.lower]) not in answered:
                return Asked(unit, found)
    return None


def _numbers(rater: str, layer: str, unit: int, of: int) -> Iterator[int]:
    first = seed_of(rater, layer, unit)
    return ((first + step) % of for step in range(of))
