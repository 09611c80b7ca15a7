"""What is looked at, to the URL and back."""

from urllib.parse import parse_qsl, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from explorer.measure_choices import axes_of, column_sets
from explorer.selection import FINGERPRINT, Selection, choose_store, misfit, parse
from precompute.store.experiments import registry
from precompute.store.reader import open_store
from tests.explorer.conftest import FULL


@pytest.fixture(scope="module")
def store(made):
    with open_store(made("full", FULL)) as store:
        yield store


@given(data=st.data())
def test_every_selection_survives_its_url(data, store):
    layer = data.draw(st.sampled_from(store.layers))
    axes = axes_of(layer)
    selection = Selection(
        store="demo",
        layer=layer.name,
        unit=data.draw(st.none() | st.integers(0, layer.n_units - 1)),
        label=data.draw(st.none() | st.sampled_from(store.classes.name)),
        show=data.draw(st.sampled_from(layer.exemplar_kinds)),
        method=data.draw(st.none() | st.sampled_from([facts.method for facts in layer.attributions])),
        ablation=data.draw(st.sampled_from(layer.ablations)),
        x=data.draw(st.none() | st.sampled_from(axes)),
        y=data.draw(st.none() | st.sampled_from(axes)),
        sort=data.draw(st.none() | st.sampled_from([*axes, "unit"])),
        columns=data.draw(st.none() | st.sampled_from(list(column_sets(layer)))),
        page=data.draw(st.integers(1, 50)),
        experiment=data.draw(st.none() | st.sampled_from(registry.NAMES)),
        choice=data.draw(st.none() | st.text(min_size=1)),
    )
    query = dict(parse_qsl(urlencode(selection.query()), keep_blank_values=True))
    assert choose_store(query, ["other", "demo"]) == ("demo", [])
    assert parse(query, "demo", store) == (selection, [])


@given(query=st.dictionaries(st.sampled_from(["layer", "unit", "class", "show", "map", "x", "page"]), st.text()))
def test_no_url_breaks_and_whatever_is_replaced_is_named(query, store):
    selection, problems = parse(query, "demo", store)
    assert selection.layer in [layer.name for layer in store.layers]
    assert selection.unit is None or 0 <= selection.unit < store.layer(selection.layer).n_units
    again, none = parse(selection.query(), "demo", store)
    assert (again, none) == (selection, [])
    assert len(problems) <= len(query)


@pytest.mark.parametrize("unit", ["-1", "5.0", "٣", "1e2", "99999999999999999999", "6", "", " 1"])
def test_a_unit_that_is_not_there_is_replaced_by_the_first_and_named(unit, store):
    selection, problems = parse({"layer": "features.10", "unit": unit}, "demo", store)
    assert selection.unit == 0
    assert len(problems) == 1
    assert f"“{unit}”" in problems[0]
    assert "0 to 5" in problems[0]


def test_an_unknown_store_is_answered_with_the_first(store):
    name, problems = choose_store({"store": "../../etc/passwd"}, ["demo", "other"])
    assert name == "demo"
    assert "“../../etc/passwd”" in problems[0]
    assert "demo is shown instead" in problems[0]


def test_a_long_question_is_quoted_in_part(store):
    _, problems = parse({"class": "x" * 5000}, "demo", store)
    assert len(problems[0]) < 200


def test_a_link_with_the_fingerprint_of_its_store_fits(full_store):
    assert misfit({}, full_store) == []
    assert misfit({FINGERPRINT: full_store.fingerprint}, full_store) == []


def test_a_link_with_another_fingerprint_is_told_in_one_sentence(full_store):
    (said,) = misfit({FINGERPRINT: "0" * 300}, full_store)
    assert "another store of this name" in said
    assert full_store.fingerprint in said
    assert len(said) < 300
