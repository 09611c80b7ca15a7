"""What pages say of a difference between units and random directions: shown, or how large it had to be."""

import numpy as np

from explorer.experiments import dissection, rotation


def said_of_rotation(units, rotated):
    """Of largest drops of three units, and of three directions of each of some rotations, chance being nothing."""
    drop = rotation._Bases(np.array([100.0]), np.full(3, units), np.repeat(np.array(rotated)[None, :, None], 3, axis=2))
    nothing = rotation._Bases(np.array([100.0]), np.zeros(3), np.zeros((1, len(rotated), 3)))
    return rotation._difference(drop, nothing)


def test_rotation_tells_a_difference_and_how_far_one_more_rotation_may_lie():
    said = said_of_rotation(0.05, [0.01, 0.011, 0.009])
    assert "units lose 4.00 points more" in said
    assert "within 0.50 points" in said
    assert "No difference" not in said


def test_rotation_without_a_difference_says_what_would_have_been_shown():
    said = said_of_rotation(0.02, [0.01, 0.03, 0.02])
    # Student's 95 % of one more rotation beside three that are a point apart: 4.303 * sqrt(1 + 1/3).
    assert "No difference is shown; a difference of 4.97 points would have been" in said
    assert "No difference is shown" in said_of_rotation(0.1, [0.1, 0.1, 0.1])
    assert said_of_rotation(0.02, [0.01]) == "One rotation cannot tell units from random directions."


class Found:
    """Just what the sentence needs of a dissection."""

    def __init__(self, n_unique, of_rotations):
        self.found = type("Found", (), {"n_unique": n_unique})
        self.unique_of_rotations = lambda: np.array(of_rotations, dtype=float)


def test_dissection_says_the_same_of_concepts():
    assert "No difference" not in dissection._difference(Found(12, [8, 8, 9]))
    said = dissection._difference(Found(9, [8, 9, 10]))
    assert "No difference is shown; a difference of 5.5 concepts would have been" in said
    assert dissection._difference(Found(9, [8])) == "One rotation cannot tell units from random directions."


def test_units_that_are_one_more_random_basis_are_seldom_said_to_differ():
    rng, told = np.random.default_rng(0), [0, 0]
    for _ in range(1000):
        drops, concepts = rng.normal(0.03, 0.004, 6), rng.binomial(30, 0.3, 6)
        told[0] += "No difference" not in said_of_rotation(drops[0], drops[1:])
        told[1] += "No difference" not in dissection._difference(Found(concepts[0], concepts[1:]))
    # 5 % of 1,000 are 50; the interval of the mean of five rotations leaves out about 320.
    assert 20 < told[0] < 80
    assert told[1] < 70
