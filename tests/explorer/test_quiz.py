"""The quiz: who is asked what next, what is kept, and a page that does not give the answer away."""

import itertools
import re
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from explorer.pages.quiz import results, trial
from explorer.quiz_answers import ANSWERS, Answer, score, scores
from explorer.quiz_round import next_question
from precompute.errors import OptionError
from precompute.measures.quiz import Question
from tests.explorer.conftest import put
from tests.factory import Recipe

LAYER = "features.10"
LARGE = Recipe(n_classes=4, per_class=12, layers=((LAYER, 3, (5, 5)),), k=10)
PATHS = [f"p{image}" for image in range(1000)]


def answer(unit, number=0, rater="Ada", chosen="left"):
    return Answer("a", unit, rater, f"p{100 * unit + number}", f"p{100 * unit + number + 50}", "left", chosen)


def make(unit, number):
    """Question 0, 1 or 2 on a unit; unit 4 has none."""
    at = 100 * unit + number
    return None if unit == 4 else Question(np.arange(9), np.arange(9), at, at + 50)


def ask(answers, rater="Ada", units=(0, 1, 2, 4)):
    return next_question(answers, rater, "a", units, make, of=3, paths=PATHS)


def test_every_question_comes_once_and_every_unit_before_one_comes_again():
    answers, order = [], []
    while (asked := ask(answers)) is not None:
        order.append(asked.unit)
        answers.append(answer(asked.unit, asked.question.higher % 100))
    assert len({given.of for given in answers}) == 9
    assert [sorted(order[start : start + 3]) for start in (0, 3, 6)] == [[0, 1, 2]] * 3


def test_raters_have_orders_of_their_own_and_no_answer_of_another_counts():
    first = {rater: ask([], rater).unit for rater in map(str, range(20))}
    assert len(set(first.values())) == 3
    others = [answer(unit, number, "Bo") for unit, number in itertools.product(range(3), range(3))]
    assert ask(others).unit == ask([]).unit


def test_an_answer_is_kept_once_a_question_and_rater(tmp_path):
    store = tmp_path / "demo.h5"
    ANSWERS.put(store, answer(1), answer(1, 1), answer(1, rater="Bo"), answer(1, chosen="right"))
    assert ANSWERS.load(store) == (answer(1, 1), answer(1, rater="Bo"), answer(1, chosen="right"))
    assert [path.name for path in tmp_path.iterdir()] == ["demo.quiz.csv"]


def test_of_many_answers_at_once_none_is_lost(tmp_path):
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda unit: ANSWERS.put(tmp_path / "s.h5", answer(unit)), range(30)))
    assert {given.unit for given in ANSWERS.load(tmp_path / "s.h5")} == set(range(30))


@pytest.mark.parametrize(("rater", "side"), [("", "left"), ("a" * 61, "left"), ("Ada", "up")])
def test_what_is_no_answer_is_refused(rater, side):
    with pytest.raises(OptionError):
        Answer("a", 1, rater, "x", "y", "left", side)


def test_scores_are_told_of_each_rater_and_each_unit():
    given = [answer(1), answer(2, chosen="right"), answer(1, rater="Bo"), answer(1, 1, rater="Bo")]
    assert [(one.right, one.n) for one in scores(given, lambda each: (each.rater,)).values()] == [(1, 2), (2, 2)]
    both = score(given)
    assert (both.right, both.n) == (3, 4)
    assert both.low < 0.5 < both.high


@pytest.fixture
def begin(made, runs, show):
    """Open the quiz on a store that has questions, as a rater."""

    def run(rater="Ada <b>"):
        path = put(made("quiz", LARGE), runs)
        page = show("quiz", store="demo", layer=LAYER)
        page.app.text_input(key="who_name").set_value(rater)
        next(button for button in page.app.button if button.label == "Begin").click()
        page.app.run()
        return path, page

    return run


def pictures(page):
    return re.findall(r'src="data:image/jpeg;base64,([^"]+)" alt="([^"]*)"', page.words)


def test_the_page_does_not_give_the_answer_away(begin, monkeypatch, full_store):
    shown = {}
    for side in ("left", "right"):
        monkeypatch.setattr(trial.secrets, "choice", lambda _, side=side: side)
        monkeypatch.setattr(trial.secrets, "token_hex", lambda _: "turn")
        _, page = begin()
        shown[side] = page
    (left, right), swapped = (
        [picture for picture, alt in pictures(page) if alt.startswith("The image")] for page in shown.values()
    )
    assert swapped == [right, left]
    # But for the two pictures the pages are the same, in HTML and in their buttons.
    plain = {side: page.words.replace(left, "").replace(right, "") for side, page in shown.items()}
    assert plain["left"] == plain["right"]
    buttons = [[(button.key, button.label) for button in page.app.button] for page in shown.values()]
    assert buttons[0] == buttons[1]
    assert ".jpg" not in plain["left"]
    assert not [name for name in full_store.images.path if name in plain["left"]]


def test_nine_of_either_end_and_two_others_are_shown_and_an_answer_is_told_and_kept(begin):
    path, page = begin()
    before = path.read_bytes()
    every = pictures(page)
    assert len(every) == 20
    assert len({picture for picture, _ in every}) == 20
    side = page.app.session_state["quiz_asked"].side
    next(button for button in page.app.button if button.label == side.capitalize()).click()
    page.app.run()
    (kept,) = ANSWERS.load(path)
    assert kept.is_right
    assert (kept.rater, kept.chosen) == ("Ada <b>", side)
    assert f"Unit {kept.unit}: right." in page.words
    assert "1 of 1 question right (3 % to 100 %" in page.words
    assert "Ada &lt;b&gt;" in page.words
    assert path.read_bytes() == before


def test_after_the_last_question_there_is_none(begin):
    _, page = begin()
    while left := [button for button in page.app.button if button.label == "Left"]:
        left[0].click()
        page.app.run()
    assert "You have answered every question on this layer." in page.words


def test_a_store_with_too_few_images_says_what_would_do(made, runs, show):
    put(made("full"), runs)
    words = show("quiz", store="demo").words
    assert "This store has too few images for the quiz." in words
    assert "--top-k 10" in words


def test_a_file_of_answers_that_cannot_be_read_is_told(made, runs, show):
    ANSWERS.file_of(put(made("quiz", LARGE), runs)).write_text("nonsense")
    assert "cannot be read" in show("quiz", store="demo").words


def test_a_store_too_small_for_two_questions_is_not_said_to_have_one_for_so_many_images():
    assert "2 questions on each unit, one for every 400 images of the store." in results.how_words(2)
    assert "one question on each unit. The 10 images" in results.how_words(1)
