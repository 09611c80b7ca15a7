"""The tests of a unit's drops, read from stores of this version and of earlier ones."""

import pytest

from explorer import drop_test
from precompute.store.reader import open_store
from tests.golden.values import STORES, unpack


@pytest.mark.parametrize("packed", STORES, ids=lambda packed: packed.name)
def test_intervals_of_an_earlier_store_hold_for_all_units_at_once(packed, tmp_path):
    """It was made by a version whose intervals hold for one unit each; there the page says the same as of a new one."""
    with open_store(unpack(packed, tmp_path)) as store:
        layer, base = store.layers[0], drop_test.base_of(store.layers[0].name, "zero")
        held = drop_test.statistics_of(store, layer.name, "zero")
        for unit in range(layer.n_units):
            found = drop_test.of_unit(store, layer.name, "zero", unit)
            assert found.overall_low < held.read(f"{base}/overall_low", unit)
            assert found.overall_high > held.read(f"{base}/overall_high", unit)
