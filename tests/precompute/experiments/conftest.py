"""Stores to add experiments to, and how to ask for them as a person does."""

import pytest

from precompute.__main__ import main
from precompute.store.reader import open_store
from tests.factory import Recipe, make_contents, write_store


@pytest.fixture(scope="session")
def made_up_bytes(tmp_path_factory):
    """A store with flips, two kinds of ablation, a class without images and one that is never right."""
    recipe = Recipe(n_classes=6, per_class=12, layers=(("conv", 9, (3, 3)), ("deep", 5, ())), k=2, n_empty=1, seed=4)
    return write_store(tmp_path_factory.mktemp("made-up") / "store.h5", make_contents(recipe)).read_bytes()


@pytest.fixture
def store_path(made_up_bytes, tmp_path):
    path = tmp_path / "store.h5"
    path.write_bytes(made_up_bytes)
    return path


@pytest.fixture
def experiment(store_path):
    """Add an experiment by the command line and return what the store then says, as plain values."""

    def added(name, *words, path=store_path):
        assert main(["experiment", name, str(path), *map(str, words)]) == 0
        with open_store(path) as store:
            found = store.experiment(name)
            return dict(found), found.facts

    return added
