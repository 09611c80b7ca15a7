"""Answers to the quiz on units, in a file beside the store, ``STORE.quiz.csv``: one row a question and rater."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from explorer.rows_beside_store import MOST_RATER, Table, refuse_empty_or_long, unit_number
from precompute.errors import OptionError
from precompute.measures.binomial import at_any_time

SIDES = ("left", "right")


@dataclass(frozen=True)
class Answer:
    """One person's answer to one question.

    Parameters
    ----------
    layer, unit : str, int
        The unit.
    rater : str
        The person's name.
    higher, lower : str
        Paths of the two images: the one that makes the unit fire more, and the other.
    higher_was, chosen : str
        The side of the image that makes the unit fire more, and the side that was chosen: each one of `SIDES`.

    Raises
    ------
    OptionError
        Where the rater is empty or too long, or a side is none.
    """

    layer: str
    unit: int
    rater: str
    higher: str
    lower: str
    higher_was: str
    chosen: str

    def __post_init__(self) -> None:
        refuse_empty_or_long("rater", self.rater, MOST_RATER)
        for side in (self.higher_was, self.chosen):
            if side not in SIDES:
                raise OptionError(f"There is no side “{side[:40]}”. Write left or right.")

    @property
    def of(self) -> tuple[str, int, str, str, str]:
        """The question and the rater, who answers each question once."""
        return self.layer, self.unit, self.rater, self.higher, self.lower

    @property
    def is_right(self) -> bool:
        """Whether the chosen image is the one that makes the unit fire more."""
        return self.chosen == self.higher_was


def _understood(cells: Sequence[str]) -> Answer:
    layer, unit, rater, higher, lower, higher_was, chosen = cells
    return Answer(layer, unit_number(unit), rater, higher, lower, higher_was, chosen)


ANSWERS = Table("quiz.csv", "quiz answers", Answer, _understood)
"""The table of all answers."""


@dataclass(frozen=True)
class Score:
    """Number of right answers and of all answers, with an interval of the share that holds however often one looks."""

    right: int
    n: int
    low: float
    high: float


def score(answers: Iterable[Answer]) -> Score:
    """Return the score of some answers."""
    right = [answer.is_right for answer in answers]
    return Score(sum(right), len(right), *at_any_time(len(right), sum(right)))


def scores(answers: Iterable[Answer], by: Callable[[Answer], tuple[str, ...]]) -> dict[tuple[str, ...], Score]:
    """Return the score of each group of answers, by the group's key, in the order of the groups' first answers."""
    groups: dict[tuple[str, ...], list[Answer]] = defaultdict(list)
    for answer in answers:
        groups[by(answer)].append(answer)
    return {group: score(held) for group, held in groups.items()}
