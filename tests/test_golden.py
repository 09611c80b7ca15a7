"""A store of an earlier version is read, equal to what was recorded of it, passes the check and can be added to."""

import pytest

from precompute.__main__ import main
from precompute.store import schema
from precompute.store.check import check
from precompute.store.experiments import registry
from precompute.store.reader import open_store
from tests.golden.values import STORES, SUMS, recorded, unpack, values_of


def _unpacked(packed, tmp_path_factory):
    """A golden store's path, and what was recorded of it."""
    return unpack(packed, tmp_path_factory.mktemp("golden")), recorded(packed)


@pytest.fixture(scope="module", params=STORES, ids=lambda packed: packed.name)
def golden(request, tmp_path_factory):
    """A golden store with every part."""
    return _unpacked(request.param, tmp_path_factory)


@pytest.fixture(scope="module", params=[*STORES, *SUMS], ids=lambda packed: packed.name)
def any_golden(request, tmp_path_factory):
    """A golden store, whole or of sums."""
    return _unpacked(request.param, tmp_path_factory)


def test_every_version_of_the_format_has_one():
    versions = range(1, schema.VERSION + 1)
    assert [packed.name for packed in STORES] == [f"format-{number}.h5.gz" for number in versions]
    assert [packed.name for packed in SUMS] == [f"format-{number}-sums.h5.gz" for number in versions]


def test_the_reader_says_what_it_said(any_golden):
    path, said = any_golden
    with open_store(path) as store:
        found = values_of(store)
    assert {name for name in said if found.get(name) != said[name]} == set()


def test_it_holds_every_part_of_its_time(golden):
    path, _ = golden
    with open_store(path) as store:
        assert store.train is not None
        assert {"zero", "mean"} == set(store.layers[0].ablations)
        assert set(store.experiments) <= set(registry.NAMES)


def test_it_passes_the_check(any_golden):
    assert check(any_golden[0]) == []


def test_that_of_sums_says_the_same_as_far_as_it_goes():
    for whole, sums in zip(map(recorded, STORES), map(recorded, SUMS), strict=True):
        for name in ("classes", "images", "baseline", "highest", "thumbnails", "state_dict"):
            assert sums[name] == whole[name]
        for layer in ("features.4", "signed"):
            for part in ("facts", "class_mean", "class_positive_mean", "active", "strongest", "selectivity"):
                assert sums[layer][part] == whole[layer][part]
            for ours, theirs in zip(sums[layer]["units"], whole[layer]["units"], strict=True):
                assert ours.items() <= theirs.items()


def test_it_can_be_listed_and_compared(any_golden, capsys):
    path = str(any_golden[0])
    assert main(["info", path]) == 0
    assert main(["compare", path, path]) == 0
    assert "features.4" in capsys.readouterr().out


def test_an_experiment_can_be_added_to_it(golden, tmp_path):
    path = tmp_path / "golden.h5"
    path.write_bytes(golden[0].read_bytes())
    assert main(["experiment", "statistics", str(path), "--layer", "signed"]) == 0  # checked before it is put in place
