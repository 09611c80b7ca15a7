"""Tables as CSV, and the numbers behind charts."""

import io

import numpy as np
import pandas as pd
import pytest

from explorer.charts.butterfly import butterfly
from explorer.charts.histogram import histogram
from explorer.csv_text import csv_of
from explorer.widgets.chart import table_of
from tests.explorer.charts.test_butterfly import made_up


def read(text):
    return pd.read_csv(io.StringIO(text, newline=""), keep_default_na=False)


@pytest.mark.parametrize(
    "formula", ["=1+1", "+1", "-1+1", "@SUM(A1)", "\t=1", "\r=1", '=HYPERLINK("x","y")', " =1", "＝1", "\u3000－1"]
)
def test_no_text_is_a_formula_to_a_spreadsheet(formula):
    found = read(csv_of(pd.DataFrame({"class": [formula], formula: [1]})))
    assert found["class"].tolist() == [f"'{formula}"]
    assert list(found) == ["class", f"'{formula}"]


def test_numbers_and_other_texts_stay_as_they_are():
    frame = pd.DataFrame({"class": ["<b>", "a,b", 'say "x"', "new\nline"], "drop": [-1.5, 0, 2, 3]})
    found = read(csv_of(frame))
    assert found["class"].tolist() == frame["class"].tolist()
    assert found["drop"].tolist() == frame["drop"].tolist()


def test_the_numbers_of_a_chart_are_its_rows_named_as_on_the_screen():
    frame, _ = made_up(12)
    found = table_of(lambda: butterfly(frame, ceiling=6.0))
    bars = found[found["mark"] == "rect"]
    assert bars["drop (accuracy lost, points)"].tolist() == pytest.approx(frame["drop"].tolist())
    assert bars["lost (images lost)"].tolist() == frame["lost"].tolist()
    assert all(cell.isdigit() for cell in read(csv_of(bars))["lost (images lost)"].astype(str))
    assert found["ceiling (largest drop by chance, 95 %, points)"].dropna().tolist() == [6.0]


def test_the_numbers_hold_every_class_though_several_share_a_tick():
    frame, _ = made_up(1000)
    found = table_of(lambda: butterfly(frame))
    (names,) = (found[column].dropna() for column in found if column == "name")
    assert sorted(names) == sorted(frame["name"])


def test_tables_that_are_drawn_differently_are_told_apart():
    found = table_of(lambda: histogram(np.array([0, 1.0, 2.0, 4.0]), np.array([4.0])))
    assert set(found["mark"]) == {"rect", "tick"}
    assert found["images"].sum() == 3
