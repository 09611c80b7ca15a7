"""One small store that has every part of the format, and copies of it to spoil."""

from pathlib import Path

import h5py
import pytest

from precompute.store.stamps import MEMBERS, VALUES
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
def change(store_path):
    """Return the copy after a function has changed it in place."""

    def changed(how) -> Path:
        with h5py.File(store_path, "r+") as file:
            how(file)
        return store_path

    return changed


@pytest.fixture
def spoil(change):
    """Return the copy as if it had been written wrong: changed in place, without the stamps that would tell so."""

    def spoiled(how) -> Path:
        change(how)
        return change(unstamp)

    return spoiled


def unstamp(file) -> None:
    """Take away what says which members and which values there were."""

    def look(_, item):
        for name in (MEMBERS, VALUES):
            item.attrs.pop(name, None)

    look("/", file)
    file.visititems(look)
