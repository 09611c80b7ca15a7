"""Every page shows a store of an earlier version."""

import pytest

from precompute.store.reader import open_store
from tests.golden.values import STORES, SUMS, unpack


@pytest.fixture(params=[*STORES, *SUMS], ids=lambda packed: packed.name)
def golden(request, runs):
    return unpack(request.param, runs).rename(runs / "golden.h5")


@pytest.mark.parametrize("page", ["layer", "unit", "compare"])
def test_a_page_shows_it(page, golden, show):
    words = show(page, store="golden", layer="features.4", unit="3").words
    assert "us-error" not in words
    assert "us-warning" not in words


def test_the_page_of_every_experiment_shows_it(golden, show):
    shown = show("experiments", store="golden", layer="features.4")
    with open_store(golden) as store:
        held = store.experiments
    for name in held:
        shown.app.query_params["experiment"] = name
        shown.app.run()
        assert not shown.app.exception, name
        assert "us-error" not in shown.words, name
        assert "How to read it" in shown.words, name
