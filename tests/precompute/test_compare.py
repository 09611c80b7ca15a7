"""Stores beside each other, as the command line prints them and as their own measures have it."""

import shutil

import h5py
import numpy as np
import pytest

from precompute.__main__ import main
from precompute.compare import caveats, sides
from precompute.store.reader import open_store
from tests.factory import Recipe, make_contents, write_store

LAYERS = (("conv", 9, (3, 3)), ("deep", 5, ()))


@pytest.fixture(scope="module")
def stores(tmp_path_factory):
    """Two stores of the same images, and one of others."""
    folder = tmp_path_factory.mktemp("stores")
    recipes = {
        "plain": Recipe(n_classes=6, per_class=12, layers=LAYERS, seed=4),
        "other": Recipe(n_classes=6, per_class=12, layers=LAYERS, seed=5),
        "small": Recipe(n_classes=4, per_class=7, layers=LAYERS[:1], seed=6),
    }
    return {name: write_store(folder / f"{name}.h5", make_contents(recipe)) for name, recipe in recipes.items()}


def printed(capsys, *words):
    assert main(["compare", *map(str, words)]) == 0
    return capsys.readouterr().out


def test_a_side_is_what_the_store_itself_says(stores):
    with open_store(stores["plain"]) as store:
        found = sides(store, "mine")
        assert [(side.store, side.layer, side.kind) for side in found] == [
            ("mine", layer.name, "zero") for layer in store.layers
        ]
        for side, layer in zip(found, store.layers, strict=True):
            assert side.accuracy == store.baseline_correct.mean()
            alive = layer.measures["dead"].values == 0
            assert side.n_dead == (~alive).sum()
            for name, measure in (("overall_drop", "overall_drop"), ("selectivity", "class_selectivity")):
                values = np.where(alive, layer.measures[measure].values, np.nan)
                np.testing.assert_allclose(getattr(side.units, name), values, rtol=1e-6)


def test_the_noise_level_is_that_of_the_statistics(stores, tmp_path):
    path = tmp_path / "store.h5"
    shutil.copy(stores["plain"], path)
    assert main(["experiment", "statistics", str(path)]) == 0
    with open_store(path) as store:
        statistics = store.experiment("statistics")
        for side in sides(store, "mine"):
            alive = ~np.isnan(side.units.max_drop)
            for name in ("max_drop", "max_drop_expected", "max_drop_q"):
                held = statistics[f"layers/{side.layer}/ablation/zero/{name}"]
                np.testing.assert_allclose(getattr(side.units, name)[alive], held[alive], rtol=1e-6)


def test_every_layer_of_every_store_is_a_row_of_both_tables(stores, capsys):
    said = printed(capsys, stores["plain"], stores["small"])
    for name, layers in (("plain", ("conv", "deep")), ("small", ("conv",))):
        for layer in layers:
            assert sum(line.startswith(f"{name} ") and f" {layer} " in line for line in said.splitlines()) == 2
    assert "not of the same images" in said


def test_one_layer_can_be_asked_for(stores, capsys):
    said = printed(capsys, stores["plain"], stores["small"], "--layer", "conv")
    assert " deep " not in said
    assert main(["compare", str(stores["plain"]), "--layer", "conv", "--layer", "shallow"]) == 1
    assert "None of these stores holds the layer shallow" in capsys.readouterr().err


def test_stores_of_one_file_name_are_told_apart(stores, tmp_path, capsys):
    twin = tmp_path / "plain.h5"
    shutil.copy(stores["other"], twin)
    said = printed(capsys, stores["plain"], twin)
    assert str(twin) in said
    assert str(stores["plain"]) in said


def test_what_cannot_be_compared_number_by_number_is_said(stores, tmp_path):
    path = tmp_path / "mean.h5"
    shutil.copy(stores["plain"], path)
    with h5py.File(path, "r+") as file:
        for layer in file["/layers"].values():
            del layer["ablation/zero"]
    with open_store(stores["plain"]) as plain, open_store(stores["other"]) as other, open_store(path) as mean:
        same = sides(plain, "a") + sides(other, "b")
        assert caveats(same) == []
        assert "Some were ablated to the mean" in " ".join(caveats(same + sides(mean, "c")))


def test_a_layer_without_selectivity_has_a_row(stores, tmp_path, capsys):
    path = tmp_path / "bare.h5"
    shutil.copy(stores["plain"], path)
    with h5py.File(path, "r+") as file:
        for layer in file["/layers"].values():
            del layer["measure"]
    said = printed(capsys, path)
    assert "nan" not in said
    assert all(line.split()[-1] == "-" for line in said.splitlines() if line.startswith("bare "))
