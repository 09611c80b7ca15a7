"""The charts of the experiments, held to Altair's schema."""

import numpy as np
import pandas as pd

from explorer.charts.correlations import correlation_rows
from explorer.charts.cumulative import COLOURS, cumulative
from explorer.charts.noise import noise_levels
from explorer.charts.spans import spans


def rows_of(spec):
    return [row for rows in spec["datasets"].values() for row in rows]


CURVE = np.array([[1, 0, 0], [1, 1, 0], [1, 0.2, 0], [1, 0.6, 0]])
RANKING = np.array(["most", "least", "random", "random"])
FALLS = pd.DataFrame({"ranking": ["most", "least"], "fall": [100, 100], "start": [0, 1], "stop": [1, 2]})


def test_the_band_holds_the_random_orders_and_its_line_is_their_mean():
    spec = cumulative(np.array([0, 1, 2]), RANKING, CURVE, FALLS, up="accuracy").to_dict()
    middle = [row for row in rows_of(spec) if row["x"] == 1]
    (band,) = [row for row in middle if "low" in row]
    assert (band["low"], band["high"]) == (20, 60)
    assert {row["y"] for row in middle if "curve" in row} == {0, 40, 100}


def test_a_curve_is_thick_where_it_falls_most_steeply():
    spec = cumulative(np.array([0, 1, 2]), RANKING, CURVE, FALLS, up="accuracy").to_dict()
    thick = [layer for layer in spec["layer"] if layer["mark"].get("strokeWidth", 0) > 5]
    assert [layer["mark"]["color"] for layer in thick] == [COLOURS["most"], COLOURS["least"]]
    rows = [spec["datasets"][layer["data"]["name"]] for layer in thick]
    assert [[(row["x"], row["y"]) for row in part] for part in rows] == [[(0, 100), (1, 0)], [(1, 100), (2, 0)]]
    assert {row["fall"] for part in rows for row in part} == {100}
    # Drawn last, or the points that carry the values would take the pointer away from it.
    assert spec["layer"][-1] == thick[-1]


def units(n_units):
    rank = np.arange(1, n_units + 1)
    numbers = dict.fromkeys(("drop", "expected", "ceiling", "overall", "q"), 1.0)
    return pd.DataFrame({"unit": rank - 1, "rank": rank, "called": rank == 1, "title": "ball", **numbers})


def test_many_units_are_drawn_on_a_canvas_and_few_as_svg():
    assert noise_levels(units(20)).to_dict()["usermeta"]["embedOptions"]["renderer"] == "svg"
    assert noise_levels(units(2000)).to_dict()["usermeta"]["embedOptions"]["renderer"] == "canvas"


def correlated(panel, **more):
    numbers = dict.fromkeys(("r", "low", "high", "other", "null_low", "null_high"), np.nan)
    return pd.DataFrame(
        {"row": [0], "label": ["A"], "panel": [panel], "n": 9, "strong": True, "said": "", **numbers, **more}
    )


def test_correlations_have_a_panel_for_each_way():
    frame = pd.concat(
        [correlated("Largest", r=0.5, low=0.1, high=0.8, null_low=-0.2, null_high=0.2), correlated("Alone", r=0.1)]
    )
    spec = correlation_rows(frame, ["Largest", "Alone"]).to_dict()
    titles = [layer["encoding"]["x"]["axis"]["title"] for layer in spec["layer"] if layer["encoding"]["x"].get("axis")]
    assert titles == [["Largest"], ["Alone"]]
    drawn = [len(spec["datasets"][layer["data"]["name"]]) for layer in spec["layer"]]
    # Names; zero, chance, interval, Pearson's and dot of the first panel; of the second only zero and dot.
    assert drawn == [1, 1, 1, 1, 0, 1, 1, 0, 0, 0, 1]


def test_spans_are_bars_where_units_stand_side_by_side_and_an_area_elsewhere():
    def marks(n_units):
        rank = np.arange(1, n_units + 1)
        frame = pd.DataFrame(
            {"unit": rank - 1, "rank": rank, "value": 0.5, "low": 0.1, "high": 0.2, "called": True, "title": ""}
        )
        spec = spans(frame, up="value", across="units", ends=("low", "high")).to_dict()
        return [layer["mark"]["type"] for layer in spec["layer"]]

    assert marks(20) == ["rule", "tick", "point"]
    assert marks(2000) == ["area", "line", "point"]
