"""Units and concepts drawn: what is where, and what a click gives."""

import pandas as pd

from explorer.charts.dissection import detected, overlaps

UNITS = pd.DataFrame(
    {
        "place": [1, 2],
        "unit": [7, 3],
        "concept": ["red", "ball"],
        "category": ["colour", "shape"],
        "iou": [20.0, 3.0],
        "chance": [1.0, 1.5],
        "ceiling": [1.5, 2.0],
    }
)


def test_every_unit_is_a_point_over_what_chance_reaches():
    chance, floor, points = overlaps(UNITS, floor=4).to_dict()["layer"]
    assert (chance["mark"]["type"], chance["encoding"]["y"]["field"]) == ("area", "ceiling")
    assert floor["mark"]["type"] == "rule"
    assert (points["mark"]["type"], points["encoding"]["y"]["field"]) == ("circle", "iou")


def test_a_click_gives_the_unit():
    params = {each["name"]: each for each in overlaps(UNITS, floor=4).to_dict()["params"]}
    assert params["pick"]["select"]["fields"] == ["unit"]


def test_concepts_are_rows_in_the_order_given():
    frame = pd.DataFrame(
        {"concept": ["red", "blue", "ball"], "category": ["c", "c", "s"], "units": [1, 3, 2], "which": ["1", "2", "3"]}
    )
    chart = detected(frame).to_dict()
    bars = chart["layer"][0]["encoding"]
    assert bars["y"]["sort"] == ["red", "blue", "ball"]
    assert bars["color"]["scale"]["domain"] == ["c", "s"]
    assert chart["height"] == 3 * 27
