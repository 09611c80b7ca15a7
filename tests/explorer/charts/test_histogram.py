"""The histogram of a unit's activation."""

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from explorer.charts.histogram import bins, histogram


@example(np.array([np.finfo(np.float32).smallest_subnormal]))
@given(arrays(np.float32, st.integers(0, 200), elements=st.floats(-100, 100, width=32)))
def test_every_image_that_is_not_at_zero_is_counted_once(values):
    assert bins(values)["images"].sum() == (values != 0).sum()


def test_zeros_are_not_drawn():
    frame = bins(np.array([0.0] * 90 + [1.0] * 5 + [2.0] * 5), n_bins=2)
    assert frame["images"].tolist() == [0, 10]
    assert frame["start"].tolist() == [0.0, 1.0]


def test_each_picture_shown_has_its_tick_on_the_same_axis():
    chart = histogram(np.array([0.0, 0.5, 1.0, 4.0]), np.array([4.0, 1.0])).to_dict()
    ticks = chart["layer"][-1]
    rows = chart["datasets"][ticks["data"]["name"]]
    assert [row["start"] for row in rows] == [4.0, 1.0]
    assert ticks["encoding"]["x"]["scale"] == chart["layer"][1]["encoding"]["x"]["scale"]


def test_a_class_is_counted_between_the_same_edges():
    values = np.array([0.5, 1.5, 2.5, 3.5])
    chart = histogram(values, np.array([]), values[:2]).to_dict()
    back, front = (chart["datasets"][layer["data"]["name"]] for layer in chart["layer"][1:3])
    assert [row["start"] for row in front] == [row["start"] for row in back]
    assert sum(row["images"] for row in front) == 2
