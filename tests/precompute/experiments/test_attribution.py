"""Attribution maps that are computed on demand: those that a run would have made."""

import shutil

import numpy as np
import pytest

from precompute.__main__ import main
from precompute.experiments import attribution
from precompute.store.check import check
from precompute.store.reader import open_store
from tests.small import write_images, write_network

METHOD = "integrated_gradients"
LAYERS = ("features.4", "signed")


@pytest.fixture(scope="module")
def stores(tmp_path_factory):
    """The store of a run with all maps of two methods, and that of the same run with one of them alone."""
    folder = tmp_path_factory.mktemp("maps")
    model, images = write_network(folder), write_images(folder / "images")
    words = ["run", model, "--images", str(images), "--workers", "0", "--top-k", "5"]
    words += [word for layer in LAYERS for word in ("--layer", layer)] + ["--attribution", "gradient"]
    assert main([*words, "--out", str(folder / "less.h5")]) == 0
    assert main([*words, "--attribution", METHOD, "--out", str(folder / "all.h5")]) == 0
    return folder / "all.h5", folder / "less.h5"


@pytest.fixture
def store(stores, tmp_path):
    return shutil.copy(stores[1], tmp_path / "store.h5")


def maps(path, layer, method=METHOD):
    with open_store(path) as store:
        held = store.layer(layer)
        return [held.attribution(method, unit) for unit in range(held.n_units)]


def assert_same(found, expected):
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_array_equal(ours.computed, theirs.computed)
        np.testing.assert_allclose(ours.map, theirs.map, rtol=2e-3, atol=2e-4)
        np.testing.assert_allclose(ours.error, theirs.error, rtol=1e-2, atol=1e-3)


def test_all_maps_on_demand_are_those_of_a_run_that_made_them(stores, store):
    assert main(["experiment", "attribution", str(store), "--method", METHOD]) == 0
    for layer in LAYERS:
        assert_same(maps(store, layer), maps(stores[0], layer))
    assert check(store) == []


def test_one_units_maps_leave_the_others_for_later(stores, store):
    words = ["experiment", "attribution", str(store), "--method", "integrated-gradients", "--layer", "signed"]
    assert main([*words, "--unit", "3"]) == 0
    found = maps(store, "signed")
    assert [bool(of.computed.all()) for of in found] == [unit == 3 for unit in range(5)]
    assert all(np.isnan(of.map[~of.computed]).all() for of in found)
    assert check(store) == []
    assert main([*words, "--unit", "1"]) == 0
    assert [bool(of.computed.all()) for of in maps(store, "signed")] == [unit in (1, 3) for unit in range(5)]
    with open_store(store) as held:
        assert all(facts.method != METHOD for facts in held.layer("features.4").attributions)


def test_what_is_there_is_not_computed_again(store, capsys):
    before = store.read_bytes()
    assert main(["experiment", "attribution", str(store), "--method", "gradient"]) == 0
    assert "already" in capsys.readouterr().out
    assert store.read_bytes() == before


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--method", "magic"], "no such method"),
        (["--layer", "signed", "--unit", "5"], "no unit 5; its units are 0 to 4"),
        (["--layer", "nowhere"], "nowhere"),
        (["--by", "l1_norm"], "takes no --by"),
    ],
)
def test_what_cannot_be_is_refused_and_the_store_stays(words, said, store, capsys):
    before = store.read_bytes()
    assert main(["experiment", "attribution", str(store), *words]) == 1
    assert said in capsys.readouterr().err
    assert store.read_bytes() == before


def test_the_networks_file_may_change_the_current_folder(store, tmp_path, monkeypatch):
    restored = attribution.restore_run

    def elsewhere(*words):
        (tmp_path / "elsewhere").mkdir()
        monkeypatch.chdir(tmp_path / "elsewhere")
        return restored(*words)

    monkeypatch.setattr(attribution, "restore_run", elsewhere)
    monkeypatch.chdir(tmp_path)
    assert main(["experiment", "attribution", "store.h5", "--method", METHOD, "--layer", "signed", "--unit", "3"]) == 0
    assert maps(store, "signed")[3].computed.all()
