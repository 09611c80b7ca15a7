"""A chart of a form says what it would say if it were built anew, and no chart changes another one of its form."""

import json
import re

import altair as alt
import numpy as np
import pandas as pd
import pytest
import vl_convert

from explorer.charts.form import FormedChart, between, chart_of, form
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
        for end in (channel.get("scale") or {}).get("domain", [])
        if isinstance(end, dict)
    ]
    assert ends
    assert set(ends) <= params


@pytest.mark.parametrize("n_classes", [12, 1000])
def test_two_charts_of_a_form_differ_in_data_alone(n_classes):
    """Or the browser would embed each of them anew."""
    specs = [butterfly(made_up(n_classes, seed)[0], ceiling=seed + 0.5).made()[0] for seed in (0, 1)]
    assert json.dumps(specs[0]) == json.dumps(specs[1])
    values = [np.array([0, 1.0, last]) for last in (2.0, 3.0)]
    specs = [histogram(each, each[:1]).made()[0] for each in values]
    assert json.dumps(specs[0]) == json.dumps(specs[1])


def dots(most):
    x = alt.X("at:Q", scale=alt.Scale(domain=between(("least", "most")), nice=False))
    drawn = [chart_of("dots").mark_point().encode(x=x)]
    return FormedChart(
        form(drawn, ("least", "most"), height=10), {"dots": pd.DataFrame({"at": [most]})}, {"least": 0, "most": most}
    )


def test_the_ends_of_an_axis_are_read_from_the_data():
    for most in (1, 40):
        svg = vl_convert.vegalite_to_svg(dots(most).to_dict())
        assert max(map(float, re.findall(r">([\d.]+)</text>", svg))) == most


def test_charts_of_one_form_have_each_their_own_data_and_numbers():
    first, second = (dots(n) for n in (1, 2))
    for chart, n in ((first, 1), (second, 2), (first, 1)):
        tables = chart.to_dict()["datasets"]
        assert tables == {"dots": [{"at": n}], "numbers": [{"least": 0, "most": n}]}
