"""Whether classes were given the right outputs: against trying out every assignment, scipy and simulation.

How often simulated networks are doubted, by `rate` below, of 400 networks in each row (of 50 with 1,000 classes):

=================================================================  ======  ===========  ================
network                                                            images  right order  wrong order
=================================================================  ======  ===========  ================
10 classes, 30 % right, errors anywhere                            500     0            1 (all shifted)
10 classes, 30 % right, nine errors in ten to one class            500     0            1 (all shifted)
10 classes, 30 % right, six errors in ten of a class to one other  500     0.005        0.97 (all shifted)
10 classes, 60 % right, errors anywhere                            500     0            0.98 (two swapped)
10 classes, 70 % right, errors anywhere                            500     0            1 (two swapped)
100 classes, 30 % right, six errors in ten to one other            1,000   0            1 (as text)
1,000 classes, 30 % right, nine errors in ten to a tenth of them   2,000   0            1 (as text)
1,000 classes, 10 % right, nine errors in ten to a tenth of them   2,000   0            0.94 (as text)
=================================================================  ======  ===========  ================
"""

import itertools
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from precompute.measures.binomial import at_least
from precompute.stages.assignment import best_outputs, judge


def n_right(label, prediction, outputs):
    return sum(outputs[each] == said for each, said in zip(label, prediction, strict=True))


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 4)), max_size=25), st.permutations(range(5)))
def test_best_outputs_are_those_of_trying_out_every_assignment(answers, outputs):
    label, prediction = (np.array([answer[part] for answer in answers], dtype=int) for part in (0, 1))
    given_outputs = np.array(outputs[:4])
    found = best_outputs(label, prediction, given_outputs)
    assert len(set(found.tolist())) == 4
    tried = [
        (n_right(label, prediction, each), sum(map(int.__eq__, each, given_outputs.tolist())))
        for each in itertools.permutations(range(5), 4)
    ]
    # The most right; among equals the most classes that stay, where only outputs that were said or given matter.
    assert n_right(label, prediction, found) == max(tried)[0]
    assert (found == given_outputs).sum() == max(tried)[1]


def test_classes_without_images_take_no_memory():
    rng = np.random.default_rng(0)
    n_classes, order = 21_841, rng.permutation(21_841)
    label = rng.choice(n_classes, 300, replace=False)
    tracemalloc.start()
    found = best_outputs(label, order[label], np.arange(n_classes))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (found[label] == order[label]).all()
    assert len(np.unique(found)) == n_classes
    assert peak < 64e6  # a matrix of all classes takes 3.8 GB


@given(st.integers(0, 60), st.data(), st.floats(0, 1))
def test_the_binomial_test_is_scipys(trials, data, chance):
    successes = data.draw(st.integers(0, trials))
    expected = stats.binom.sf(successes - 1, trials, chance)
    np.testing.assert_allclose(at_least(trials, successes, chance), expected, rtol=1e-9, atol=1e-300)


def test_chance_is_what_shuffled_labels_give():
    rng = np.random.default_rng(0)
    label, prediction, outputs = rng.integers(0, 4, 300), rng.integers(0, 7, 300) // 2, np.array([3, 1, 0, 6])
    shuffled = [(outputs[rng.permutation(label)] == prediction).sum() for _ in range(4000)]
    assert judge(label, prediction, outputs).expected == pytest.approx(np.mean(shuffled), abs=0.5)


def test_a_network_that_says_one_thing_of_every_image_is_at_chance():
    label = np.repeat(np.arange(10), 30)
    verdict = judge(label, np.full(300, 4), np.arange(10))
    assert verdict.right == 30 == verdict.expected
    assert not verdict.above_chance


def test_answers_that_are_no_class_at_all_are_at_chance():
    verdict = judge(np.repeat(np.arange(10), 30), np.full(300, 999), np.arange(10))
    assert verdict.expected == 0
    assert not verdict.above_chance


def test_no_images_say_nothing():
    nothing = np.empty(0, dtype=int)
    verdict = judge(nothing, nothing, np.arange(3))
    assert not verdict.above_chance
    assert verdict.other is None


def test_the_best_outputs_of_a_perfect_network_are_found_and_counted_on_the_other_half():
    label = np.repeat(np.arange(11), 20)
    order = np.array([int(name) for name in sorted(map(str, range(11)))])
    verdict = judge(label, order[label], np.arange(11))
    assert verdict.right == 40
    assert verdict.other.far
    assert verdict.other.output_index.tolist() == order.tolist()
    assert (verdict.other.right, verdict.other.right_now, verdict.other.n_images) == (110, 20, 110)
    assert verdict.other.p == pytest.approx(stats.binomtest(0, 90).pvalue)


# Simulation


def network(rng, n_classes, accuracy, errors):
    """(class, output) probabilities of what a network says."""
    said = np.zeros((n_classes, n_classes))
    if errors == "anywhere":
        said[:] = 1
    elif errors == "few":  # nine in ten go to a tenth of the classes
        said[:] = 0.1 / n_classes
        said[:, rng.choice(n_classes, n_classes // 10, replace=False)] += 0.9 / (n_classes // 10)
    elif errors == "one":  # six in ten of a class go to one other
        said[:] = 0.4 / n_classes
        said[np.arange(n_classes), (np.arange(n_classes) + rng.integers(1, n_classes, n_classes)) % n_classes] += 0.6
    np.fill_diagonal(said, 0)
    said *= (1 - accuracy) / said.sum(axis=1, keepdims=True)
    np.fill_diagonal(said, accuracy)
    return said


def doubted(rng, label, said, outputs):
    draw = rng.random(len(label))
    prediction = np.minimum((draw[:, None] > said.cumsum(axis=1)[label]).sum(axis=1), len(said) - 1)
    verdict = judge(label, prediction, outputs)
    return not verdict.above_chance or (verdict.other is not None and verdict.other.far)


def rate(outputs, accuracy, errors, n_networks, n_images=500):
    """How often a network is doubted whose classes have some outputs, while class c really is output c."""
    rng = np.random.default_rng(0)
    n_classes = len(outputs)
    label = np.repeat(np.arange(n_classes), n_images // n_classes)
    return np.mean([doubted(rng, label, network(rng, n_classes, accuracy, errors), outputs) for _ in range(n_networks)])


def as_text(n_classes):
    return np.argsort(np.argsort([str(name) for name in range(n_classes)]))


@pytest.mark.parametrize("errors", ["anywhere", "few", "one"])
def test_a_weak_network_in_the_right_order_passes_and_in_another_does_not(errors):
    assert rate(np.arange(10), 0.3, errors, n_networks=100) <= 0.01
    assert rate(np.roll(np.arange(10), 1), 0.3, errors, n_networks=100) >= 0.95


def test_two_classes_exchanged_are_noticed_in_a_network_that_is_any_good():
    outputs = np.array([0, 1, 5, 3, 4, 2, 6, 7, 8, 9])
    assert rate(np.arange(10), 0.7, "anywhere", n_networks=100) == 0
    assert rate(outputs, 0.7, "anywhere", n_networks=100) >= 0.95


def test_a_thousand_classes_sorted_as_text_are_noticed_on_two_images_of_each():
    assert rate(np.arange(1000), 0.3, "few", n_networks=3, n_images=2000) == 0
    assert rate(as_text(1000), 0.3, "few", n_networks=3, n_images=2000) == 1
