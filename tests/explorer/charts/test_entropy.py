"""Charts of feature entropy: noise behind the points, and the transition where it was found."""

import re

import numpy as np
import pandas as pd
import pytest

from explorer.charts import theme
from explorer.charts.entropy import COLOURS, NAMES, entropies, removal


def units(**columns):
    base = {"unit": [0, 1], "rate": [40.0, 90.0], "entropy": [0.5, 2.0], "beyond": [True, False]}
    return pd.DataFrame(base | {"low": [1.0, 1.5], "mean": [1.5, 1.8], "high": [2.0, 2.2]} | columns)


NOISE = pd.DataFrame(
    {"noise": ["independent noise", "smooth noise"], "mean": [2.0, 1.7], "low": [1.8, 1.3], "high": [2.2, 2.1]}
)


def names_of(spec):
    """Return the names beside the plot with their heights, the lowest first."""
    [axis] = [
        axis for layer in spec["layer"] if (axis := layer["encoding"]["y"]["axis"]) and axis.get("orient") == "right"
    ]
    return list(zip(re.findall('"([^"]+)"', axis["labelExpr"]), axis["values"], strict=True))


def test_noise_lies_behind_the_units():
    spec = entropies(units(), NOISE, up="feature entropy, nat").to_dict()
    kinds = [layer["mark"]["type"] for layer in spec["layer"]]
    assert kinds == ["rect", "rule", "rule", "circle"]
    held = [row["noise"] for data in spec["datasets"].values() for row in data if "noise" in row]
    assert set(held) == {"independent noise", "smooth noise"}
    points = spec["layer"][-1]["encoding"]
    assert points["color"]["condition"] == {"test": "datum.beyond", "value": theme.ACTIVATION}
    assert [param["name"] for param in spec["params"]] == ["pick"]


def test_noise_is_named_beside_the_plot_where_no_point_lies_over_its_name():
    spec = entropies(units(), NOISE, up="feature entropy, nat").to_dict()
    assert names_of(spec) == [("smooth noise", 1.7), ("independent noise", 2.0)]
    assert not [layer for layer in spec["layer"] if layer["mark"]["type"] == "text"]
    assert spec["resolve"] == {"axis": {"y": "independent"}}
    titles = [axis.get("title") for layer in spec["layer"] if (axis := layer["encoding"]["y"]["axis"])]
    assert titles == ["feature entropy, nat", None]  # the first has the grid


def test_names_of_two_kinds_of_noise_at_one_level_do_not_meet():
    (_, low), (_, high) = names_of(entropies(units(), NOISE.assign(mean=2.0), up="nat").to_dict())
    assert (low, high) == (2.0, pytest.approx(2.0 + 0.06 * 2.2))


def test_one_kind_of_noise_is_enough():
    spec = entropies(units(low=[np.nan] * 2, high=[np.nan] * 2), NOISE.iloc[:1], up="feature entropy, nat").to_dict()
    assert names_of(spec) == [("independent noise", 2.0)]


N_REMOVED = np.arange(5)
RANKING = np.array(["lowest", "highest", "random", "random"])
CURVE = 100 * np.array([[1, 0.2, 0.1, 0, 0], [1, 1, 1, 0.9, 0], [1, 0.8, 0.6, 0.4, 0], [1, 0.6, 0.4, 0.2, 0]])
FALLS = pd.DataFrame(
    {"ranking": ["lowest", "highest"], "fall": [80, 90], "start": [0, 3], "stop": [1, 4], "half": [1, np.nan]}
)


@pytest.mark.parametrize("up", ["accuracy, %", "loss, nat"])
def test_the_transition_is_marked_on_the_curve_where_it_is(up):
    spec = removal(N_REMOVED, RANKING, CURVE, FALLS, up=up).to_dict()
    marks = [layer for layer in spec["layer"] if layer["mark"]["type"] in ("line", "point")][1:]
    rows = [spec["datasets"][mark["data"]["name"]] for mark in marks]
    assert [[(row["x"], row["y"]) for row in found] for found in rows] == [
        [(0, 100), (1, 20)],
        [(1, 20)],
        [(3, 90), (4, 0)],
        [],
    ]
    assert [mark["mark"]["color"] for mark in marks] == [COLOURS["lowest"]] * 2 + [COLOURS["highest"]] * 2


def test_random_orders_are_a_band_around_their_mean():
    spec = removal(N_REMOVED, RANKING, CURVE, FALLS, up="accuracy, %").to_dict()
    rows = [row for data in spec["datasets"].values() for row in data]
    assert {(row["x"], row["low"], row["high"]) for row in rows if "low" in row} >= {(1, 60, 80), (2, 40, 60)}
    mean = {row["x"]: row["y"] for row in rows if row.get("curve") == NAMES["random"]}
    assert mean == pytest.approx({0: 100, 1: 70, 2: 50, 3: 30, 4: 0})
