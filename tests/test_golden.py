"""A store of an earlier version is read, equal to what was recorded of it, passes the check and can be added to."""

import pytest

from precompute.__main__ import main
from precompute.store import schema
from precompute.store.check import check
from precompute.store.experiments import registry
from precompute.store.reader import open_store
from tests.golden.values import STORES, recorded, unpack, values_of


@pytest.fixture(scope="module", params=STORES, ids=lambda packed: packed.name)
def golden(request, tmp_path_factory):
    """A golden store's path, and what was recorded of it."""
    return unpack(request.param, tmp_path_factory.mktemp("golden")), recorded(request.param)


def test_every_version_of_the_format_has_one():
    assert [packed.name for packed in STORES] == [f"format-{number}.h5.gz" for number in range(1, schema.VERSION + 1)]


def test_the_reader_says_what_it_said(golden):
    path, said = golden
    with open_store(path) as store:
        found = values_of(store)
    assert {name for name in said if found.get(name) != said[name]} == set()


def test_it_holds_every_part_of_its_time(golden):
    path, _ = golden
    with open_store(path) as store:
        assert store.train is not None
        assert {"zero", "mean"} == set(store.layers[0].ablations)
        assert set(store.experiments) <= set(registry.NAMES)


def test_it_passes_the_check(golden):
    assert check(golden[0]) == []


def test_it_can_be_listed_and_compared(golden, capsys):
    assert main(["info", str(golden[0])]) == 0
    assert main(["compare", str(golden[0]), str(golden[0])]) == 0
    assert "features.4" in capsys.readouterr().out


def test_an_experiment_can_be_added_to_it(golden, tmp_path):
    path = tmp_path / "golden.h5"
    path.write_bytes(golden[0].read_bytes())
    assert main(["experiment", "statistics", str(path), "--layer", "signed"]) == 0  # checked before it is put in place
