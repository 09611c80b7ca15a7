"""A chart of a form says what it would say if it were built anew, and no chart changes another one of its form."""

import altair as alt
import numpy as np
import pandas as pd
import pytest

from explorer.charts import theme
from explorer.charts.form import FormedChart, between, named
from explorer.charts.histogram import histogram
from tests.explorer.charts.test_butterfly import butterfly, made_up


@pytest.mark.parametrize("n_classes", [2, 12, 1000])
@pytest.mark.parametrize("ceiling", [None, 6.0])
@pytest.mark.parametrize("below", [False, True])
def test_every_form_of_the_butterfly_is_a_chart_and_names_only_frames_that_it_has(n_classes, ceiling, below):
    frame, _ = made_up(n_classes)
    frame = frame.assign(activation=frame["activation"] - 0.5 * below)
    is_a_whole_chart(butterfly(frame, ceiling=ceiling).to_dict())


@pytest.mark.parametrize("of_class", [None, np.array([1.0, 2.0]), np.array([])])
def test_every_form_of_the_histogram_is_a_chart_and_names_only_frames_that_it_has(of_class):
    is_a_whole_chart(histogram(np.array([0, 1.0, 2.0, 4.0]), np.array([4.0]), of_class).to_dict())


def is_a_whole_chart(spec):
    alt.LayerChart.from_dict(spec)  # raises where it is none
    assert {layer["data"]["name"] for layer in spec["layer"]} == set(spec["datasets"])
    params = {param["name"] for param in spec["params"]}
    ends = [
        end["expr"]
        for layer in spec["layer"]
        for channel in layer["encoding"].values()
        if isinstance(channel, dict)
        for end in channel.get("scale", {}).get("domain", [])
        if isinstance(end, dict)
    ]
    assert ends
    assert set(ends) <= params


def test_charts_of_one_form_have_each_their_own_data_and_numbers():
    x = alt.X("at:Q", scale=alt.Scale(domain=between(("least", "most"))))
    form = theme.layered([named("dots").mark_point().encode(x=x)], height=10).to_dict()
    first, second = (FormedChart(form, {"dots": pd.DataFrame({"at": [n]})}, {"least": 0, "most": n}) for n in (1, 2))
    for chart, n in ((first, 1), (second, 2), (first, 1)):
        spec = chart.to_dict()
        assert spec["datasets"] == {"dots": [{"at": n}]}
        assert spec["params"] == [{"name": "least", "value": 0}, {"name": "most", "value": n}]
    assert "params" not in form
