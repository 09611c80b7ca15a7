"""The chart of the accuracy of each class."""

import numpy as np

from explorer.charts.accuracy import MOST_ROWS, accuracy_bars, accuracy_frame


def test_the_lowest_class_comes_first_and_empty_classes_are_left_out():
    frame = accuracy_frame(["a", "b", "c"], np.array([9, 2, 0]), np.array([10, 4, 0]))
    assert frame["title"].tolist() == ["b", "a"]
    assert frame["accuracy"].tolist() == [50.0, 90.0]


def test_many_classes_share_one_line_after_the_lowest():
    rng = np.random.default_rng(0)
    frame = accuracy_frame([str(c) for c in range(1000)], rng.integers(0, 50, 1000), np.full(1000, 50))
    spec = accuracy_bars(frame).to_dict()
    sizes = sorted(len(rows) for rows in spec["datasets"].values())
    assert sizes == [1, MOST_ROWS, 1000 - MOST_ROWS]
