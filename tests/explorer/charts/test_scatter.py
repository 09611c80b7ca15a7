"""The plot of a layer's units."""

import pandas as pd
import pytest

from explorer.charts.scatter import scatter

FRAME = pd.DataFrame({"unit": [0, 7], "x": [0.1, 0.2], "y": [3.0, 4.0], "sees": ["a", "b"], "chosen": [False, True]})


def test_a_point_carries_its_unit_and_a_click_gives_it():
    spec = scatter(FRAME, "Selectivity", "Drop, points").to_dict()
    rows = next(iter(spec["datasets"].values()))
    assert [(row["unit"], row["x"], row["y"]) for row in rows] == [(0, 0.1, 3.0), (7, 0.2, 4.0)]
    pick = next(param for param in spec["params"] if param["name"] == "pick")
    assert pick["select"]["fields"] == ["unit"]


def test_the_axes_have_the_measures_names():
    encoding = scatter(FRAME, "Selectivity", "Drop, points").to_dict()["layer"][0]["encoding"]
    assert encoding["x"]["axis"]["title"] == "Selectivity"
    assert encoding["y"]["axis"]["title"] == "Drop, points"


def test_an_axis_of_one_single_value_reaches_around_it():
    encoding = scatter(FRAME.assign(y=0.0, x=[4.0, 4.0]), "Selectivity", "Drop, points").to_dict()["layer"][0][
        "encoding"
    ]
    assert encoding["x"]["scale"]["domain"] == [2, 6]
    assert encoding["y"]["scale"]["domain"] == [-1, 1]
    assert "domain" not in scatter(FRAME, "Selectivity", "Drop, points").to_dict()["layer"][0]["encoding"]["y"]["scale"]


@pytest.mark.parametrize(("n_units", "all_drawn"), [(60, True), (61, False)])
def test_of_many_units_only_the_one_pointed_at_has_its_dash(n_units, all_drawn):
    frame = pd.DataFrame({"unit": range(n_units), "x": 0.5, "y": 1.0, "sees": "", "chosen": False, "y_chance": 2.0})
    layers = scatter(frame, "across", "up", y_chance="by chance").to_dict()["layer"]
    (dashes,) = [layer for layer in layers if layer["mark"]["type"] == "tick"]
    assert ("transform" not in dashes) == all_drawn
    assert all_drawn or dashes["transform"][0]["filter"] == {"param": "hover", "empty": False}


def test_points_can_be_coloured_by_a_third_measure():
    spec = scatter(FRAME.assign(shade=[0.5, 2.0]), "first", "second", shade="Largest drop").to_dict()
    colour = spec["layer"][0]["encoding"]["color"]
    assert colour["field"] == "shade"
    assert colour["legend"]["title"] == "Largest drop"
    assert [row["shade"] for row in next(iter(spec["datasets"].values()))] == [0.5, 2.0]
