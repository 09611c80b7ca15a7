"""The chart of what a unit sees and what breaks without it."""

import numpy as np
import pandas as pd
import pytest

from explorer.charts.butterfly import MOST_ROWS, butterfly, class_frame, split, ticks
from explorer.class_effects import ClassEffects
from precompute.measures.paired import drop_interval


def made_up(n_classes, seed=0, n=50):
    rng = np.random.default_rng(seed)
    lost, gained = rng.poisson(0.4, n_classes), rng.poisson(0.2, n_classes)
    images = np.full(n_classes, n)
    low, high = drop_interval(lost, gained, images)
    effect = ClassEffects(images, lost, gained, (lost - gained) / n, low, high)
    names = [f"n{c:04d}" for c in range(n_classes)]
    return class_frame([f"class {c}" for c in range(n_classes)], names, rng.random(n_classes), effect), effect


def rows_of(chart):
    """All rows that a chart draws, by their place among the classes."""
    return [row for rows in chart.to_dict()["datasets"].values() for row in rows if "name" in row]


def test_both_sides_carry_the_numbers_of_the_same_classes():
    frame, effect = made_up(12)
    rows = rows_of(butterfly(frame))
    assert {row["name"] for row in rows} == set(frame["name"])
    for row in rows:
        c = int(row["name"][1:])
        assert row["drop"] == pytest.approx(100 * (effect.lost[c] - effect.gained[c]) / 50)
        assert (row["lost"], row["gained"]) == (effect.lost[c], effect.gained[c])
        assert row["low"] == pytest.approx(100 * effect.low[c])


def test_classes_are_in_the_order_of_their_activation():
    frame, _ = made_up(12)
    assert frame["activation"].is_monotonic_decreasing


def test_classes_without_a_mean_come_last_and_those_without_images_are_left_out():
    images = np.array([5, 5, 0, 5])
    none = np.zeros(4, dtype=int)
    low, high = drop_interval(none, none, np.full(4, 5))
    effect = ClassEffects(images, none, none, np.array([0.0, 0.0, np.nan, 0.0]), low, high)
    frame = class_frame(list("ABCD"), list("abcd"), np.array([np.nan, 1.0, np.nan, 2.0]), effect)
    assert list(frame["name"]) == ["d", "b", "a"]
    assert list(frame["title"]) == ["D", "B", "A"]
    shown, others = split(frame, None, most=2)
    assert (list(shown["name"]), list(others["name"])) == (["d", "b"], ["a"])


def test_a_few_classes_are_all_shown():
    frame, _ = made_up(MOST_ROWS)
    shown, others = split(frame, None)
    assert len(shown) == MOST_ROWS
    assert others.empty


def test_of_a_thousand_classes_those_that_matter_on_either_side_are_shown_and_none_is_lost():
    frame, _ = made_up(1000)
    shown, others = split(frame, None)
    assert len(shown) == MOST_ROWS
    assert len(others) == 1000 - MOST_ROWS
    assert set(frame.nlargest(5, "activation")["name"]) <= set(shown["name"])
    assert set(frame.loc[frame["drop"].abs().nlargest(5).index, "name"]) <= set(shown["name"])


def test_the_chosen_class_is_always_shown():
    frame, _ = made_up(1000)
    _, others = split(frame, None)
    name = others["name"].iloc[500]
    shown, _ = split(frame, name)
    assert name in set(shown["name"])
    assert len(shown) == MOST_ROWS + 1


def test_the_strip_says_how_many_classes_it_holds():
    frame, _ = made_up(1000)
    assert f"{1000 - MOST_ROWS} other classes" in str(butterfly(frame).to_dict())


def test_classes_without_images_are_left_out():
    frame, _ = made_up(3)
    images = np.array([50, 0, 50])
    low, high = drop_interval(np.zeros(3, int), np.zeros(3, int), images)
    effect = ClassEffects(images, np.zeros(3, int), np.zeros(3, int), np.array([0.0, np.nan, 0.0]), low, high)
    frame = class_frame(["a", "b", "c"], ["a", "b", "c"], np.array([1.0, np.nan, 2.0]), effect)
    assert frame["name"].tolist() == ["c", "a"]


def test_a_click_gives_the_class_and_one_row_a_class():
    frame, _ = made_up(12)
    spec = butterfly(frame).to_dict()
    pick = next(param for param in spec["params"] if param["name"] == "pick")
    assert pick["select"]["fields"] == ["name", "n_picked"]


def test_classes_that_share_a_tick_lie_within_a_pixel_and_are_as_opaque_as_their_ticks_over_each_other():
    others, _ = made_up(1000)
    span = others["activation"].max()
    found = ticks(others, "activation", span)
    opacities = []
    for _, tick in found.iterrows():
        near = others[np.round(300 * others["activation"] / span) == np.round(300 * tick["activation"] / span)]
        assert tick["activation"] == pytest.approx(near["activation"].mean())
        through = 1.0
        for _ in range(len(near)):
            through *= 1 - 0.35
        assert tick["opacity"] == pytest.approx(1 - through)
        opacities.append(len(near))
    assert sum(opacities) == 1000
    assert len(found) <= 301


def test_a_loss_and_a_gain_never_share_a_tick_and_a_tick_says_what_it_stands_for():
    others = pd.DataFrame({"title": ["a", "b", "c", "d"], "drop": [0.001, -0.001, -0.001, np.nan]})
    found = ticks(others, "drop", 100.0)
    assert found["title"].tolist() == ["a", "2 classes, such as b"]
    assert found["drop"].tolist() == pytest.approx([0.001, -0.001])
    assert found["place"].is_unique


def test_names_with_dots_and_brackets_are_data_and_never_fields():
    frame, _ = made_up(3)
    frame = frame.assign(title=["a.b", "c[0]", "d'e"])
    chart = butterfly(frame)
    assert {row["title"] for row in rows_of(chart)} == {"a.b", "c[0]", "d'e"}
    assert "c[0]" not in str([layer["encoding"] for layer in chart.to_dict()["layer"]])


def test_what_chance_gives_is_a_line_where_it_is_known():
    frame, _ = made_up(12)
    assert "strokeDash" not in str(butterfly(frame).to_dict())
    with_line = butterfly(frame, ceiling=7.5).to_dict()
    (line,) = [layer for layer in with_line["layer"] if "strokeDash" in layer["mark"]]
    assert with_line["datasets"][line["data"]["name"]] == [{"ceiling": 7.5}]
    drops = next(layer for layer in with_line["layer"] if layer["encoding"].get("x", {}).get("field") == "drop")
    assert line["encoding"]["x"]["scale"] == drops["encoding"]["x"]["scale"]
