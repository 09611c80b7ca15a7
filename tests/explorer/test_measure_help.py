"""What a measure is, said where it stands."""

from types import SimpleNamespace

import h5py
import pytest

from explorer.measure_help import help_markdown, help_of
from explorer.widgets.help_mark import help_mark
from precompute.measures.table import ROWS, in_points, measure_row
from tests.explorer.conftest import FULL, put

LAYER = "features.10"


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_the_help_of_a_measure_is_its_row(row):
    told = dict(help_of(row))
    assert told["Formula"] == row.formula
    assert told["Range"].startswith(row.range)
    assert ("percentage points" in told["Range"]) == in_points(row.name)
    assert told.get("Source", "") == row.source
    assert ("By chance" in told) == (row.chance is not None)
    if row.chance is not None:
        assert told["By chance"].startswith(row.chance.reason)
        assert row.chance.experiment in told["By chance"]


def test_a_level_that_is_a_measure_is_called_by_its_label():
    assert measure_row("max_class_drop_ceiling").label in dict(help_of(measure_row("max_class_drop")))["By chance"]


def test_what_a_store_says_of_a_measure_of_its_own_is_literal():
    strange = SimpleNamespace(name="mine", formula="<b>$x$", range="[a](b)", source="")
    assert [word for word, _ in help_of(strange)] == ["Formula", "Range"]
    assert help_markdown(strange).replace("\u2060", "") == "**Formula** \\<b\\>\\$x\\$\n\n**Range** \\[a\\]\\(b\\)"
    assert "&lt;b&gt;$x$" in help_mark(strange)
    assert help_mark(SimpleNamespace(name="mine", formula="", range="", source="")) == ""


def test_it_stands_on_the_page_of_a_unit_at_its_key_measures_and_in_the_list_of_all(made, runs, show):
    path = put(made("full", FULL), runs)
    with h5py.File(path, "r+") as file:
        file[f"/layers/{LAYER}/measure/l1_norm"].attrs["source"] = "<i>Anybody</i> 1999"
    words = show("unit", store="demo", layer=LAYER, unit="2").words
    assert words.count("&lt;i&gt;Anybody&lt;/i&gt; 1999") == 2
    assert words.count("<b>Range</b> 0 to 1</span>") >= 2


def test_it_stands_at_columns_choices_and_conditions_of_the_page_of_a_layer(made, runs, show):
    put(made("full", FULL), runs)
    page = show("layer", store="demo", layer=LAYER, find="class_selectivity=0.1..", y="class_selectivity")
    (table,) = page.app.dataframe
    assert "Morcos et al" in table.proto.columns
    (axis,) = [box for box in page.app.selectbox if box.key == "measure_y"]
    assert "Morcos et al" in axis.help
    told = [field.help for field in page.app.number_input if field.key == "find_class_selectivity_least"]
    assert [text for text in told if "Morcos et al" in text]


def test_a_measure_that_an_earlier_version_computed_otherwise_says_so():
    """Intervals of overall drops in older stores hold for one unit that was not picked, not for all at once."""
    row = measure_row("overall_drop_low")
    facts = {"name": row.name, "range": row.range, "source": row.source}
    told = dict(help_of(SimpleNamespace(formula="lower limit of its 95 % interval", **facts)))
    assert "hold at once" in told["Made by an earlier version"]
    assert "Made by an earlier version" not in dict(help_of(SimpleNamespace(formula=row.formula, **facts)))
