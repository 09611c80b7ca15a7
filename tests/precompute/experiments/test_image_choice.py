"""Which images an experiment uses."""

import numpy as np
import pytest

from precompute.errors import OptionError
from precompute.experiments.image_choice import choose_halves, choose_images, choose_nonempty_halves


def test_some_images_of_each_class_lie_evenly_over_it():
    label = np.array([0] * 9 + [1] * 2 + [0])
    # Of the ten of class 0 every 2.5th, rounded down; of class 1 all that there are.
    assert choose_images(label, 4).tolist() == [0, 2, 5, 7, 9, 10]
    assert choose_images(label, None).tolist() == list(range(12))


def test_half_of_the_images_of_each_class_are_measured_on():
    label = np.repeat([0, 1, 2], [9, 2, 5])
    half = choose_halves(label, 4, seed=0)
    assert [(half[label == c] >= 0).sum() for c in range(3)] == [4, 2, 4]
    assert [(half[label == c] == 1).sum() for c in range(3)] == [2, 1, 2]


def test_a_half_without_images_is_refused():
    assert (choose_nonempty_halves(np.array([0, 0]), None, seed=0) >= 0).all()
    with pytest.raises(OptionError, match="one half is empty"):
        choose_nonempty_halves(np.array([0]), None, seed=0)
