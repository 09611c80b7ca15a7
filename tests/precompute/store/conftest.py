"""One small store that has every part of the format, and copies of it to spoil."""

from pathlib import Path

import h5py
import pytest

from tests.factory import Contents, Recipe, make_contents, write_store

LAYER = "/layers/features.2"
SMALL = Recipe(
    n_classes=4,
    per_class=4,
    layers=(("features.2", 4, (5, 3)),),
    k=3,
    seed=20,  # one with flips
    without=frozenset({"mean ablation"}),
    signed=frozenset({"features.2"}),
    tokens=(("features.2", 2),),
    spare=2,
    n_empty=1,
)


@pytest.fixture(scope="session")
def contents() -> Contents:
    """What the small store holds; its provenance is too long for an attribute."""
    made = make_contents(SMALL)
    made.provenance["notes"] = [f"note {number}" for number in range(2000)]
    return made


@pytest.fixture(scope="session")
def good_bytes(contents, tmp_path_factory) -> bytes:
    """The small store as a file's bytes."""
    return write_store(tmp_path_factory.mktemp("good") / "good.h5", contents).read_bytes()


@pytest.fixture
def store_path(good_bytes, tmp_path) -> Path:
    """A copy of the small store to read or to spoil."""
    path = tmp_path / "store.h5"
    path.write_bytes(good_bytes)
    return path


@pytest.fixture
def spoil(store_path):
    """Return the copy after a function has changed it in place."""

    def spoiled(change) -> Path:
        with h5py.File(store_path, "r+") as file:
            change(file)
        return store_path

    return spoiled
