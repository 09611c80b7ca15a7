"""The charts of the experiments, held to Altair's schema."""

import numpy as np
import pandas as pd

from explorer.charts.correlations import correlation_rows
from explorer.charts.cumulative import cumulative
from explorer.charts.noise import noise_levels


def rows_of(spec):
    return [row for rows in spec["datasets"].values() for row in rows]


def test_the_band_holds_the_random_orders_and_its_line_is_their_mean():
    curve = np.array([[1, 0, 0], [1, 1, 0], [1, 0.2, 0], [1, 0.6, 0]])
    ranking = np.array(["most", "least", "random", "random"])
    spec = cumulative(np.array([0, 1, 2]), ranking, curve, up="accuracy").to_dict()
    middle = [row for row in rows_of(spec) if row["x"] == 1]
    (band,) = [row for row in middle if "low" in row]
    assert (band["low"], band["high"]) == (20, 60)
    assert {row["y"] for row in middle if "curve" in row} == {0, 40, 100}


def units(n_units):
    rank = np.arange(1, n_units + 1)
    numbers = dict.fromkeys(("drop", "expected", "ceiling", "overall", "q"), 1.0)
    return pd.DataFrame({"unit": rank - 1, "rank": rank, "called": rank == 1, "title": "ball", **numbers})


def test_many_units_are_drawn_on_a_canvas_and_few_as_svg():
    assert noise_levels(units(20)).to_dict()["usermeta"]["embedOptions"]["renderer"] == "svg"
    assert noise_levels(units(2000)).to_dict()["usermeta"]["embedOptions"]["renderer"] == "canvas"


def test_correlations_have_a_panel_for_each_drop():
    frame = pd.DataFrame(
        {"row": ["a", "a"], "label": ["A", "A"], "target": ["Overall", "Largest"], "own": True, "n": 9}
    )
    numbers = {f"{way}{end}": 0.5 for way in ("spearman", "pearson") for end in ("", "_low", "_high")}
    spec = correlation_rows(frame.assign(**numbers), ["Overall", "Largest"]).to_dict()
    titles = [layer["encoding"]["x"]["axis"]["title"] for layer in spec["layer"] if layer["encoding"]["x"].get("axis")]
    assert titles == ["Overall", "Largest"]
    with_chance = frame.assign(**numbers, null_low=-0.2, null_high=0.2)
    assert len(correlation_rows(with_chance, ["Overall", "Largest"]).to_dict()["layer"]) == len(spec["layer"]) + 2
