"""The chart of shares before and after."""

import numpy as np

from explorer.charts.before_after import before_after, before_after_frame


def frame(before, after, low=None, high=None, **order):
    nothing = np.full(len(before), np.nan)
    titles = [f"class {at}" for at in range(len(before))]
    low, high = (nothing if limit is None else np.array(limit) for limit in (low, high))
    return before_after_frame(titles, np.array(before), np.array(after), low=low, high=high, tallies=titles, **order)


def test_what_falls_most_comes_first_and_what_was_never_there_is_left_out():
    found = frame([0.5, 1.0, np.nan, 0.25], [0.5, 0.25, np.nan, 0.5])
    assert found["title"].tolist() == ["class 1", "class 0", "class 3"]
    assert found["change"].tolist() == [-75, 0, 25]
    assert found["row"].tolist() == ["0", "1", "2"]


def test_outputs_are_listed_from_the_highest_down_however_little_they_change():
    found = frame([0.1, 0.9, 0.5], [0.10001, 0.89999, 0.95], highest_first=True)
    assert found["title"].tolist() == ["class 2", "class 1", "class 0"]
    assert found["row"].tolist() == ["0", "1", "2"]


def test_of_many_rows_those_that_change_most_either_way_are_drawn():
    rng = np.random.default_rng(0)
    before, after = rng.random(100), rng.random(100)
    spec = before_after(frame(before, after), "right, %", most=10).to_dict()
    drawn = next(iter(spec["datasets"].values()))
    expected = set(np.argsort(-np.abs(after - before))[:10].tolist())
    assert {row["title"] for row in drawn} == {f"class {at}" for at in expected}
    assert [row["change"] for row in drawn] == sorted(row["change"] for row in drawn)


def test_all_layers_have_one_scale_that_holds_every_share():
    for low in (0.1, 0.3, 0.55, 0.97, 1.0):
        spec = before_after(frame([1.0, 1.0], [1.0, low + 0.0], low=[1.0, low], high=[1.0, 1.0]), "right, %").to_dict()
        scales = {str(layer["encoding"]["x"]["scale"]) for layer in spec["layer"] if "scale" in layer["encoding"]["x"]}
        assert len(scales) == 1
        start = spec["layer"][0]["encoding"]["x"]["scale"]["domain"][0]
        assert 100 * low - 25 <= start <= 100 * low
