"""Work is cut down until it fits into the time allowed, and what was given up is said."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from precompute.experiments.budget import fewer_per_class, fit_into_time


def halved(work, _share):
    return work // 2, f"{work // 2} steps"


def shared(work, share):
    return int(work * share), f"{int(work * share)} images"


def test_work_that_fits_is_left_alone():
    assert fit_into_time(60, float, 1, [halved]) == (60, None)


def test_cuts_are_made_in_order_until_the_work_fits():
    assert fit_into_time(100, float, 1, [halved, shared])[0] == 50
    work, said = fit_into_time(600, float, 1, [halved, shared])
    assert work == 60
    assert said == (
        "The whole work would take 10 min. To stay within 1 min, 300 steps, 60 images; --max-minutes allows more."
    )


def test_the_last_cut_may_leave_more_than_fits():
    assert fit_into_time(600, float, 1, [halved])[0] == 300


@given(st.lists(st.integers(0, 4), min_size=1, max_size=60), st.floats(0, 1))
def test_no_class_keeps_fewer_than_two_images_or_more_than_its_share(label, share):
    n = fewer_per_class(np.array(label), share)
    assert n >= 2
    assert n == 2 or n <= share * max(label.count(c) for c in label)
