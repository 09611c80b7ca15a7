"""Datasets that were renamed: stores of either time are equal through the map of names."""

import h5py
import numpy as np
import pytest

from precompute.__main__ import main
from precompute.measures.table import find
from precompute.store import schema
from precompute.store.check import check
from precompute.store.reader import open_store
from precompute.store.renamed import RENAMED, current, earlier


def known(name):
    """Whether the format has a dataset or a measure of the name today."""
    datasets = {entry.path.rpartition("/")[2] for entry in schema.entries_with(["statistics", "rotation"])}
    return name in datasets or find(name) is not None


def test_every_new_name_is_of_the_format_and_no_old_one_is():
    for before, now in RENAMED.items():
        assert known(now)
        assert not known(before)
        assert earlier(current(f"/a/{before}")) == f"/a/{before}"
    assert len(set(RENAMED.values())) == len(RENAMED)


@pytest.fixture
def stores(store_path, tmp_path):
    """A store, and the same as an earlier version would have written it."""
    assert main(["experiment", "statistics", str(store_path)]) == 0
    older = tmp_path / "older.h5"
    older.write_bytes(store_path.read_bytes())
    moved = []
    with h5py.File(older, "r+") as file:
        paths = []
        file.visititems(lambda name, item: paths.append(name) if isinstance(item, h5py.Dataset) else None)
        for path in paths:
            if earlier(path) != path:
                file.move(path, earlier(path))
                moved.append(path)
    assert {path.rpartition("/")[2] for path in moved} >= {"max_drop_ceiling", "max_class_drop_expected"}
    return store_path, older


def test_an_earlier_store_reads_as_one_of_today(stores):
    with open_store(stores[0]) as now, open_store(stores[1]) as before:
        assert dict.fromkeys(now.experiment("statistics")) == dict.fromkeys(before.experiment("statistics"))
        for path, values in now.experiment("statistics").items():
            np.testing.assert_array_equal(before.experiment("statistics")[path], values)
        for one, other in zip(now.layers, before.layers, strict=True):
            assert one.measures.keys() == other.measures.keys()
            for name, measure in one.measures.items():
                np.testing.assert_array_equal(other.measures[name].values, measure.values)
                assert other.measures[name].name == name


def test_an_earlier_store_passes_the_check_and_takes_an_experiment_anew(stores):
    assert check(stores[1]) == []
    assert main(["experiment", "statistics", str(stores[1])]) == 0
    with h5py.File(stores[1]) as file:
        names = []
        file.visit(names.append)
    assert not [name for name in names if current(name) != name]
