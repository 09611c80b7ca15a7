"""What the pages say of maps beside those with random weights."""

import re

import numpy as np
import pytest

from explorer.likeness import Likeness, likeness_of, likeness_of_maps, not_told_apart
from precompute.store.reader import open_store
from tests.explorer.conftest import add_experiment, put

BASE = "layers/features.10"


@pytest.fixture
def compared(made, runs):
    arrays = {
        "method": ["gradient", "integrated_gradients"],
        "likeness": np.array([0.1, 0.7]),
        "n_maps": np.array([9, 8]),
    }
    add_experiment(put(made("full"), runs), "random_weights", {f"{BASE}/{name}": each for name, each in arrays.items()})


@pytest.mark.parametrize(
    ("method", "said"),
    [
        ("gradient", "Gradient changes with random weights, not known how surely: rank correlation 0.10 over 9 maps"),
        (
            "integrated_gradients",
            "Integrated gradients looks alike with random weights, not known how surely: rank correlation 0.70 over 8",
        ),
    ],
)
def test_a_method_that_looks_alike_with_random_weights_is_said_to(compared, show, method, said):
    words = show("unit", store="demo", layer="features.10", unit="0", map=method).words
    assert said in words


def test_the_number_stands_beside_each_method(compared, show):
    control = show("unit", store="demo", layer="features.10", unit="0").app.segmented_control(key="method")
    assert control.options[:2] == [
        "Gradient :small[:gray[0.10]]",
        "Integrated gradients :small[:gray[0.70, looks alike with random weights, not known how surely]]",
    ]


def test_before_that_the_page_says_how_to_compare(made, runs, show):
    path = put(made("full"), runs)
    said = show("unit", store="demo", layer="features.10", unit="0").words
    assert f"python -m precompute experiment random_weights {path}" in said


def test_the_page_has_one_number_a_method(compared, show):
    said = show("experiments", store="demo", experiment="random_weights", layer="features.10").words
    assert '<td class="us-number">0.70</td><td class="us-number">8</td><td>looks alike with random weights, ' in said


def test_methods_are_told_apart_by_the_same_maps_and_no_more_often_than_chance_allows():
    rng, told = np.random.default_rng(0), 0
    for _ in range(300):
        picture = rng.normal(0.4, 0.1, 16)  # what all methods share
        found = {name: picture + rng.normal(0, 0.05, 16) for name in "abcd"}
        told += len(not_told_apart(found)) < 6
        found["a"] = found["a"] + 0.2
        assert not {pair for pair in not_told_apart(found) if "a" in pair}
    assert told <= 300 * 0.05 + 3 * (300 * 0.05 * 0.95) ** 0.5
    assert not_told_apart({"a": np.array([0.1, np.nan]), "b": np.array([0.2, 0.3])}) == [("a", "b")]


def test_the_page_shows_the_spread_over_the_maps_and_which_methods_may_be_alike(made, runs, show, full_store):
    layer, rng = full_store.layer("features.10"), np.random.default_rng(1)
    methods = ["gradient", "integrated_gradients"]
    units = np.arange(3)
    stored = [np.stack([layer.attribution(method, unit).map[0] for unit in units]) for method in methods]
    maps = np.stack([each + 0.3 * rng.normal(size=each.shape) * np.abs(each).max() for each in stored])
    arrays = {"method": methods, "likeness": np.array([0.1, 0.7]), "n_maps": np.array([3, 3]), "unit": units}
    arrays["map"] = maps.astype(np.float16)
    add_experiment(put(made("full"), runs), "random_weights", {f"{BASE}/{name}": each for name, each in arrays.items()})
    said = show("experiments", store="demo", experiment="random_weights", layer="features.10").words
    assert said.count(" to ") >= 2
    assert "Not told apart by these maps: Gradient and Integrated gradients." in said
    said = show("unit", store="demo", layer="features.10", unit="0", map="gradient").words
    assert re.search(r"rank correlation 0.10 \(95 % interval: \S+ to \S+\) over 3 maps of this layer", said)


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (0.55, 0.7, "looks alike with random weights"),
        (0.25, 0.45, "looks partly alike with random weights"),
        (-0.1, 0.1, "changes with random weights"),
        (0.42, 0.54, "looks alike with random weights or partly alike, not settled which"),
        (0.1, 0.3, "looks partly alike with random weights or changes, not settled which"),
        (0.1, 0.6, "not settled whether it looks alike with random weights or changes"),
    ],
)
def test_the_verdict_is_that_of_the_whole_interval(low, high, said):
    found = Likeness((low + high) / 2, 16, low, high)
    assert found.verdict == said
    assert found.alike == (low >= 0.5)


def test_the_mean_over_maps_of_which_some_are_copies_lies_in_its_interval(made, runs):
    path = put(made("full"), runs)
    rng = np.random.default_rng(0)
    with open_store(path) as store:
        gradient = store.layer("features.10").attribution("gradient", 0).map[0]
    # Unit 0 is looked at three times, beside maps of which two are the same.
    others = np.stack([gradient, gradient, gradient[::-1] * (1 + 0.1 * rng.random(gradient.shape))])
    arrays = {"method": ["gradient"], "likeness": np.array([0.9]), "n_maps": np.array([3]), "unit": np.zeros(3, int)}
    arrays["map"] = others[None].astype(np.float16)
    add_experiment(path, "random_weights", {f"{BASE}/{name}": each for name, each in arrays.items()})
    with open_store(path) as store:
        found = likeness_of(store, store.layer("features.10"))["gradient"]
        known = np.unique(likeness_of_maps(store, store.layer("features.10"))["gradient"].round(6))
    assert (len(known), found.n_maps) == (2, 2)
    assert found.value == pytest.approx(known.mean(), abs=1e-4)
    assert -1 <= found.low <= found.value <= found.high <= 1


def test_copies_of_a_unit_have_one_map_and_what_was_not_compared_is_in_no_pair():
    copies, others = np.full(6, 0.13), np.full(6, 0.4)
    assert not_told_apart({"a": copies, "b": others, "c": np.full(6, np.nan)}) == [("a", "b")]
