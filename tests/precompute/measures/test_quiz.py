"""The quiz: which images a question takes, against a loop over the ranking; and the interval of its scores."""

import math

import numpy as np
import pytest
from scipy import special, stats

from precompute.measures.binomial import at_any_time, clopper_pearson
from precompute.measures.quiz import SHOWN, n_questions, question
from tests.simulations import quiz_intervals


def drawn(n, seed=0, values=None):
    rng = np.random.default_rng(seed)
    largest = rng.random(n) if values is None else rng.integers(0, values, n).astype(float)
    return largest, largest / 2 + (0 if values is None else rng.random(n)), rng.integers(0, 99, n)


def ranked(largest, mean, checksum, *, strongest):
    """Images in the order of exemplars, by comparing each with each."""
    sign = -1 if strongest else 1
    return sorted(range(len(largest)), key=lambda i: (sign * largest[i], sign * mean[i], checksum[i], i))


@pytest.mark.parametrize(("seed", "of"), [(0, 1), (1, 2), (2, 5), (3, 20)])
def test_a_question_takes_one_image_of_each_of_ten_bins_at_either_end(seed, of):
    largest, mean, checksum = drawn(400, seed)
    ends = [ranked(largest, mean, checksum, strongest=True), ranked(largest, mean, checksum, strongest=False)]
    asked = [question(largest, mean, checksum, number=number, of=of, seed=7) for number in range(of)]
    for each in asked:
        for end, (about, shown) in zip(ends, ((each.higher, each.highest), (each.lower, each.lowest)), strict=True):
            assert about in end[:of]
            assert [end.index(image) // of for image in shown] == list(range(1, SHOWN + 1))
    for end, taken in (
        (ends[0], [[q.higher, *q.highest] for q in asked]),
        (ends[1], [[q.lower, *q.lowest] for q in asked]),
    ):
        assert sorted(image for images in taken for image in images) == sorted(end[: 10 * of])  # each once


def test_the_image_that_is_asked_for_makes_the_unit_fire_more_than_the_other_and_neither_is_shown():
    largest, mean, checksum = drawn(60, 4, values=6)
    found = question(largest, mean, checksum, number=0, of=1, seed=1)
    assert largest[found.higher] > largest[found.lower]
    assert not {found.higher, found.lower} & {*found.highest.tolist(), *found.lowest.tolist()}


def test_a_unit_whose_ends_do_not_differ_has_no_question():
    _, mean, checksum = drawn(40)
    assert question(np.zeros(40), mean, checksum, number=0, of=1, seed=1) is None
    few = np.where(np.arange(40) < 9, 1.0, 0.0)  # nine images fire, ten would have to
    assert question(few, mean, checksum, number=0, of=1, seed=1) is None
    few[9] = 1.0
    assert question(few, mean, checksum, number=0, of=1, seed=1) is not None


def test_the_draw_follows_from_the_seed():
    parts = drawn(400)
    same = [question(*parts, number=1, of=5, seed=3) for _ in range(2)]
    assert same[0].higher == same[1].higher
    others = {question(*parts, number=1, of=5, seed=seed).highest.tobytes() for seed in range(5)}
    assert len(others) > 1


@pytest.mark.parametrize(
    ("images", "pictures", "n"),
    [(19, 19, 0), (20, 20, 1), (20, 9, 0), (799, 799, 1), (800, 800, 2), (50_000, 50_000, 20), (50_000, 25, 2)],
)
def test_there_is_a_question_for_every_400_images_as_far_as_there_are_pictures(images, pictures, n):
    assert n_questions(images, pictures) == n


@pytest.mark.parametrize(("n", "k"), [(1, 0), (1, 1), (2, 2), (5, 1), (20, 13), (300, 150), (1000, 3)])
def test_the_interval_is_that_of_clopper_and_pearson(n, k):
    low, high = clopper_pearson(n, k)
    given = stats.binomtest(k, n).proportion_ci(0.95, "exact")
    assert (low, high) == pytest.approx((given.low, given.high), abs=1e-8)
    for end, outcomes in ((low, range(k, n + 1)), (high, range(k + 1))):
        if 0 < end < 1:  # by its definition: so many or more, or so many or fewer, come with 2.5 %
            assert sum(math.comb(n, i) * end**i * (1 - end) ** (n - i) for i in outcomes) == pytest.approx(0.025)


@pytest.mark.parametrize("p", [0.03, 0.5, 0.9])
def test_the_interval_holds_the_truth_at_least_as_often_as_it_says_even_at_few(p):
    for n in (1, 3, 8):
        ends = [clopper_pearson(n, k) for k in range(n + 1)]
        held = sum(stats.binom.pmf(k, n, p) for k, (low, high) in enumerate(ends) if low <= p <= high)
        assert held >= 0.95


def test_without_trials_there_is_no_interval():
    assert np.isnan(clopper_pearson(0, 0)).all()
    assert np.isnan(at_any_time(0, 0)).all()


@pytest.mark.parametrize(("n", "k"), [(1, 0), (2, 2), (5, 1), (20, 13), (300, 150)])
def test_the_interval_for_whoever_looks_often_ends_where_the_answers_are_unlikely_beside_their_mean(n, k):
    """The mean of p^k (1 - p)^(n - k) over all p is the beta function of k + 1 and n - k + 1."""
    mean = special.beta(k + 1, n - k + 1)
    for end in at_any_time(n, k):
        if 0 < end < 1:
            assert end**k * (1 - end) ** (n - k) == pytest.approx(0.05 * mean, rel=1e-5)
    low, high = at_any_time(n, k)
    assert low <= k / n <= high


def test_people_who_guess_and_look_after_every_answer_are_seldom_told_from_a_half():
    """Intervals for a fixed number of questions show it to one in ten within 20 questions."""
    rng = np.random.default_rng(0)
    assert quiz_intervals.of_guessers(rng, 20, raters=1000) <= 65  # of 1,000 at 5 %: 50, two standard deviations
    assert quiz_intervals.of_guessers(rng, 20, raters=1000, interval=clopper_pearson) > 75
