"""What the pages say of maps beside those with random weights."""

import numpy as np
import pytest

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
        ("gradient", "Gradient changes with random weights: rank correlation 0.10 over 9 maps"),
        (
            "integrated_gradients",
            "Integrated gradients looks alike with random weights: rank correlation 0.70 over 8 maps",
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
        "Integrated gradients :small[:gray[0.70, looks alike with random weights]]",
    ]


def test_before_that_the_page_says_how_to_compare(made, runs, show):
    path = put(made("full"), runs)
    said = show("unit", store="demo", layer="features.10", unit="0").words
    assert f"python -m precompute experiment random_weights {path}" in said


def test_the_page_has_one_number_a_method(compared, show):
    said = show("experiments", store="demo", experiment="random_weights", layer="features.10").words
    assert '<td class="us-number">0.70</td><td class="us-number">8</td><td>looks alike with random weights</td>' in said
