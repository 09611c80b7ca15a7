"""A chart has each of its frames once, and rows are what altair itself would make of them."""

import altair as alt
import numpy as np
import pandas as pd
import pytest
from altair.utils.schemapi import debug_mode

from explorer.charts import rows

FRAME = pd.DataFrame(
    {
        "number": [1.5, np.nan, np.inf],
        "small": np.array([0.1, 0.2, 0.3], dtype=np.float32),
        "count": [1, 2, 3],
        "text": ["a", None, "<b> $x$"],
        "mixed": ["a", 2, float("nan")],
        "so": [True, False, True],
    }
)


def two_layers(frame):
    base = alt.Chart(frame)
    other = alt.Chart(pd.DataFrame({"zero": [0]}))
    return alt.layer(
        base.mark_point().encode(x="number:Q"),
        base.mark_line().encode(x="count:Q"),
        other.mark_rule().encode(x="zero:Q"),
    )


def test_rows_are_those_that_altair_makes():
    with alt.data_transformers.enable("default"):
        (theirs,) = alt.Chart(FRAME).mark_point().encode(x="number:Q").to_dict()["datasets"].values()
    ours = rows.rows_of(FRAME)
    assert [{**row, "small": pytest.approx(row["small"])} for row in ours] == theirs
    assert ours[1]["number"] is None
    assert ours[2]["number"] is None


def test_layers_of_one_frame_share_it():
    with debug_mode(False), rows.each_frame_once() as frames:
        spec = two_layers(FRAME).to_dict(validate=False)
    names = [layer["data"]["name"] for layer in spec["layer"]]
    assert names[0] == names[1] != names[2]
    assert set(frames) == set(names)
    assert frames[names[2]]["zero"].tolist() == [0]
    assert np.isnan(frames[names[0]]["number"]).tolist() == [False, True, True]


def test_charts_that_are_made_at_the_same_time_keep_their_frames_apart():
    with rows.each_frame_once() as outer:
        two_layers(FRAME).to_dict(validate=False)
        with rows.each_frame_once() as inner:
            two_layers(FRAME[:1]).to_dict(validate=False)
    assert [len(held) for held in outer.values()] == [3, 1]
    assert [len(held) for held in inner.values()] == [1, 1]


def test_a_chart_by_itself_carries_its_rows():
    spec = two_layers(FRAME).to_dict()
    assert sorted(map(len, spec["datasets"].values())) == [1, 3]


def test_what_a_chart_cannot_show_is_refused():
    with pytest.raises(TypeError, match="when: a chart shows numbers, texts and truth values, not datetime64"):
        rows.rows_of(pd.DataFrame({"when": pd.to_datetime(["2026-01-01"])}))
