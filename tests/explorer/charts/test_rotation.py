"""Charts of rotated bases: what is drawn is what was counted."""

import numpy as np
import pandas as pd

from explorer.charts.rotation import circles, means, shares


def test_shares_of_few_values_are_those_of_each_value():
    frame = shares([("units", np.array([0.0, 2.0, 2.0, np.nan])), ("turned 50 %", np.array([4.0]))])
    rows = [(row.basis, row.value, round(row.share, 3)) for row in frame.itertuples()]
    assert rows == [("units", 0, 33.333), ("units", 2, 66.667), ("turned 50 %", 4, 100)]


def test_shares_of_many_values_are_gathered_in_bins():
    values = np.random.default_rng(0).normal(0, 1, 5000)
    frame = shares([("units", values), ("turned 100 %", values / 2)])
    assert len(frame) <= 80
    for _, rows in frame.groupby("basis"):
        np.testing.assert_allclose(rows["share"].sum(), 100)
    width = np.diff(np.unique(frame["value"])).min()
    mean = (frame["value"] * frame["share"] / 100).groupby(frame["basis"]).sum()
    np.testing.assert_allclose(mean["units"], values.mean(), atol=width)


def test_the_charts_are_valid():
    turned = [0.0, 50.0, 100.0]
    chance = pd.DataFrame({"turned": turned, "mean": 1.0, "low": np.nan, "high": np.nan, "what": "chance"})
    frame = pd.concat(
        [chance.assign(what="measured", mean=[3, 2, 1.5], low=[np.nan, 1, 1], high=[np.nan, 3, 2]), chance]
    )
    each = pd.DataFrame({"turned": [50.0, 100.0], "mean": [2.0, 1.5]})
    spec = means(frame, each, "largest class drop, points").to_dict()
    assert spec["layer"][1]["encoding"]["color"]["scale"]["domain"] == ["measured", "by chance"]
    rows = shares([("units", np.array([1.0])), ("turned 100 %", np.array([2.0]))])
    assert circles(rows, "overall drop, points").to_dict()["height"] == 92
