"""The plane of roles."""

import pandas as pd
import pytest

from explorer.charts.roles import COLOURS, plane
from precompute.measures.roles import MARGIN, ROLES


def frame(training, held_out):
    columns = {"unit": range(len(training)), "role": [ROLES[1], ROLES[2]][: len(training)]}
    for name, worth in (("training", training), ("held_out", held_out)):
        columns |= {name: worth, f"{name}_low": [w - 0.1 for w in worth], f"{name}_high": [w + 0.1 for w in worth]}
    return pd.DataFrame(columns)


@pytest.fixture
def spec():
    return plane(frame([1.2, 0.8], [1.0, -0.2])).to_dict()


def test_a_point_carries_its_unit_and_a_click_gives_it(spec):
    assert any([row.get("unit") for row in rows] == [0, 1] for rows in spec["datasets"].values())
    pick = next(param for param in spec["params"] if param["name"] == "pick")
    assert pick["select"]["fields"] == ["unit"]


def test_both_axes_have_the_same_ends_so_that_the_diagonal_is_where_both_are_worth_the_same(spec):
    points = spec["layer"][-1]["encoding"]
    assert points["x"]["field"] == "held_out"
    assert points["y"]["field"] == "training"
    assert points["x"]["scale"] == points["y"]["scale"]
    low, high = points["x"]["scale"]["domain"]
    assert low < -0.2
    assert high > 1.2
    diagonal = spec["layer"][2]["encoding"]
    assert [diagonal[name]["field"] for name in ("x", "y", "x2", "y2")] == ["low", "low", "high", "high"]


def test_the_margin_is_in_sight_however_small_the_effects(spec):
    for worth in ([0.001], []):
        low, high = plane(frame(worth, worth)).to_dict()["layer"][-1]["encoding"]["x"]["scale"]["domain"]
        assert low < MARGIN < high


def test_only_roles_that_occur_have_a_colour(spec):
    scale = spec["layer"][-1]["encoding"]["color"]["scale"]
    assert scale == {"domain": [ROLES[1], ROLES[2]], "range": [COLOURS[ROLES[1]], COLOURS[ROLES[2]]]}
