"""Where units and positions lie, on the pages."""

import numpy as np
import pytest

from explorer.positions import apart_words, shape_words, where_words
from precompute.store.reader import open_store
from tests.explorer.conftest import put
from tests.factory import Recipe, as_if_written

TOKENS = Recipe(
    per_class=6,
    layers=(("conv", 4, (5, 5)), ("flat", 3, ()), ("mlp", 4, (4, 4)), ("block", 4, (4, 4)), ("registers", 4, (4, 4))),
    tokens=(("mlp", 0), ("block", 1), ("registers", 3)),
    signed=frozenset({"block"}),
)


@pytest.fixture(scope="module")
def store(made):
    with open_store(made("tokens", TOKENS)) as opened:
        yield opened


@pytest.mark.parametrize(
    ("layer", "shape", "where"),
    [
        ("conv", "5 × 5", ""),
        ("flat", "no space", ""),
        ("mlp", "4 × 4 picture tokens", "the channels of its output's last dimension, each silenced on every token"),
        ("block", "4 × 4 picture tokens and 1 token apart from them", None),
        ("registers", "4 × 4 picture tokens and 3 tokens apart from them", None),
    ],
)
def test_a_layer_says_where_its_units_and_positions_are(store, layer, shape, where):
    assert shape_words(store.layer(layer)) == shape
    if where is not None:
        assert where_words(store.layer(layer)) == where


def test_a_unit_says_what_it_does_apart_from_the_picture(store):
    assert apart_words(store.layer("conv"), 0) == ""
    assert apart_words(store.layer("mlp"), 0) == ""
    values = store.layer("block").other_tokens(2)
    said = apart_words(store.layer("block"), 2)
    assert said.startswith("On the token apart from the picture, class or register token: ")
    assert f"{np.abs(values.mean()):.3g}" in said
    assert "token 3 " in apart_words(store.layer("registers"), 0)


def test_the_pages_say_both(made, runs, show):
    put(made("tokens", TOKENS), runs)
    assert "4 × 4 picture tokens and 1 token apart from them" in show().words
    assert "each silenced on every token" in show("layer", store="demo", layer="block").words
    assert "On the token apart from the picture" in show("unit", store="demo", layer="block", unit="0").words
    assert "apart from the picture" not in show("unit", store="demo", layer="conv", unit="0").words


def test_the_page_says_that_maps_show_a_part_of_the_picture(made, runs, show):
    with as_if_written(put(made("tokens", TOKENS), runs)) as file:
        file["/layers/conv"].attrs["part"] = np.array([200_000, 0, 1_000_000, 1_000_000])
    sentence = "Maps of this layer show only a part of the picture; nothing is outlined outside it."
    assert sentence in show("unit", store="demo", layer="conv", unit="0").words
    assert sentence not in show("unit", store="demo", layer="mlp", unit="0").words
