"""Do the intervals of the quiz hold, and what do those see who look after every answer?

usage: python -m tests.simulations.quiz_intervals [--raters 4000] [--seed 0]

A rater answers 5 to 100 questions, some easier than others; the truth is the mean over the questions asked. Then five
raters answer the same 20 questions of one unit, each of which is easy or hard for all: the truth is what further raters
would answer to these, or people to other questions. Last, people who guess look at their interval after every answer.
Prints how many intervals hold, and how many guessers ever see an interval that leaves out a half, beside
how many would with the intervals of Clopper and Pearson. Ends with status 1 where clearly fewer than 95 % of the
intervals hold (of units: for the same questions), or where clearly more than 5 % of guessers ever see such a one
(binomial, p < 0.001).
"""

import argparse
import sys
from collections.abc import Sequence

import numpy as np
from scipy.stats import binom

from precompute.measures.binomial import at_any_time, clopper_pearson

ASKED = (5, 10, 20, 50, 100)


def ends(n: int, interval=at_any_time) -> np.ndarray:
    """Return the limits for every number of right answers, (right, 2)."""
    return np.array([interval(n, right) for right in range(n + 1)])


def of_raters(rng: np.random.Generator, n: int, *, raters: int) -> int:
    """Number of raters whose interval holds; questions are right with a probability of their own."""
    easy = rng.beta(4, 2, (raters, n))
    found, truth = ends(n)[(rng.random(easy.shape) < easy).sum(axis=1)], easy.mean(axis=1)
    return int(((found[:, 0] <= truth) & (truth <= found[:, 1])).sum())


def of_units(rng: np.random.Generator, n: int, *, units: int, raters: int = 5) -> tuple[int, int]:
    """Number of units whose interval holds, several raters to the same questions; and how many hold for others."""
    hard, easy = 0.1, 0.97
    of_each = rng.choice([hard, easy], (units, n))
    right = (rng.random((raters, units, n)) < of_each).sum(axis=(0, 2))
    low, high = ends(raters * n)[right].T
    truth, of_others = of_each.mean(axis=1), (hard + easy) / 2
    return int(((low <= truth) & (truth <= high)).sum()), int(((low <= of_others) & (of_others <= high)).sum())


def of_guessers(rng: np.random.Generator, n: int, *, raters: int, interval=at_any_time) -> int:
    """Number of guessers whose interval leaves out a half after any answer."""
    right = (rng.random((raters, n)) < 0.5).cumsum(axis=1)
    ever = np.zeros(raters, dtype=bool)
    for asked in range(1, n + 1):
        low, high = ends(asked, interval)[right[:, asked - 1]].T
        ever |= (low > 0.5) | (high < 0.5)
    return int(ever.sum())


def main(words: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--raters", type=int, default=4000)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args(words)
    rng, n, bad = np.random.default_rng(asked.seed), asked.raters, False
    for questions in ASKED:
        held = of_raters(rng, questions, raters=n)
        ever, fixed = (of_guessers(rng, questions, raters=n, interval=each) for each in (at_any_time, clopper_pearson))
        print(
            f"{questions:3} questions: {held / n:.1%} of the intervals hold; told from a half after some answer", end=""
        )
        print(f" {ever / n:.1%} of people who guess, with Clopper and Pearson's {fixed / n:.1%}", flush=True)
        bad |= bool(binom.cdf(held, n, 0.95) < 0.001 or binom.sf(ever - 1, n, 0.05) < 0.001)
    held, others = of_units(rng, 20, units=n)
    print(f"five raters, the same 20 questions: {held / n:.1%} hold, for other questions {others / n:.1%}")
    bad |= bool(binom.cdf(held, n, 0.95) < 0.001)
    print("WRONG" if bad else "the intervals hold however often one looks")
    return int(bad)


if __name__ == "__main__":
    sys.exit(main())
