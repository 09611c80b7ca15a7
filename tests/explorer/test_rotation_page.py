"""The presentation of random rotations: its numbers, its null, and what it says where there is nothing to show."""

import json

import numpy as np
import pytest
from scipy import stats

from tests.explorer.conftest import add_experiment, put

N_UNITS = 6


def found(n_directions=N_UNITS):
    """Drops of units that fall as the basis turns, towards those by chance."""
    rng = np.random.default_rng(0)
    shape = (4, 5, n_directions)
    fall = np.linspace(0.75, 0, 4)[:, None, None]
    rotated = {
        "max_drop": 0.02 + 0.04 * fall + rng.normal(0, 0.002, shape),
        "max_drop_expected": np.full(shape, 0.02),
        "max_drop_q": np.where(np.arange(n_directions) < 2, 0.01, 0.5) * np.ones(shape),
        "overall_drop": rng.normal(0, 0.01, shape),
        "flip_rate": np.full(shape, 0.03),
        "energy": np.full(shape, 1 / n_directions),
    }
    natural = {name: values[0, 0][np.arange(N_UNITS) % n_directions] for name, values in rotated.items()}
    natural["max_drop"] = np.linspace(0, 0.12, N_UNITS)
    axes = {"fraction": np.array([0.25, 0.5, 0.75, 1]), "seed": np.arange(5), "direction": np.arange(n_directions)}
    parts = {"natural": natural, "rotated": rotated | axes}
    return {f"{part}/{name}": values for part, held in parts.items() for name, values in held.items()}


def add(path, arrays, layer="features.10"):
    used = {"used": np.array([1, 1, 0, 1])}
    add_experiment(path, "rotation", used | {f"layers/{layer}/{name}": values for name, values in arrays.items()})


@pytest.fixture
def shown(made, runs, show):
    add(put(made("full"), runs), found())
    return show("experiments", store="demo", experiment="rotation")


def test_the_largest_drop_is_drawn_beside_its_noise_level(shown):
    means, spread = (json.loads(chart.proto.spec) for chart in shown.charts())
    assert "largest class drop, points" in json.dumps(means)
    assert '"by chance"' in json.dumps(means)
    assert "turned 75 %" in json.dumps(spread)


@pytest.mark.parametrize("choice", ["overall_drop", "flip_rate"])
def test_what_has_no_noise_level_is_drawn_alone(choice, made, runs, show):
    add(put(made("full"), runs), found())
    shown = show("experiments", store="demo", experiment="rotation", choice=choice)
    assert '"by chance"' not in shown.charts()[0].proto.spec


def test_numbers_are_means_over_directions_with_an_interval_over_rotations(shown):
    each = found()["rotated/max_drop"][1].mean(axis=1) * 100
    low, high = stats.t.interval(0.95, 4, each.mean(), stats.sem(each))
    expected = f'<td class="us-number">{each.mean():.2f}<br><small>{low:.2f} to {high:.2f}</small></td>'
    assert expected in shown.words
    assert '<tr><td>units</td><td class="us-number">6.00</td><td class="us-number">2.00</td>' in shown.words


def test_it_says_how_many_directions_lose_more_than_chance(shown):
    assert '<td class="us-number">2.0<br><small>2.0 to 2.0</small></td>' in shown.words
    assert "Measured on 3 images; 6 units." in shown.words


def test_directions_that_were_drawn_at_random_are_said_to_be_some(made, runs, show):
    add(put(made("full"), runs), found(n_directions=4))
    said = show("experiments", store="demo", experiment="rotation").words
    assert "6 units, 4 of each rotated basis drawn at random." in said


def test_where_no_class_can_lose_anything_it_says_so(made, runs, show):
    arrays = found()
    for name in ("natural/max_drop", "rotated/max_drop"):
        arrays[name] = np.full_like(arrays[name], np.nan)
    add(put(made("full"), runs), arrays)
    shown = show("experiments", store="demo", experiment="rotation")
    assert "No class is right often enough to lose anything" in shown.words
    assert shown.charts() == []
