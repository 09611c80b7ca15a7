"""A run replaces stores and nothing else."""

import h5py
import pytest

from precompute.errors import DiskError
from precompute.store.foreign import refuse_foreign
from tests.factory import make_store

FOREIGN = {
    "a text": lambda file: file.write_text("my thesis"),
    "another HDF5 file": lambda file: h5py.File(file, "w").create_dataset("x", data=[1]).file.close(),
    "a short file": lambda file: file.write_bytes(b"\x89HDF"),
}


@pytest.mark.parametrize("make", FOREIGN.values(), ids=FOREIGN)
def test_a_file_that_is_no_store_is_refused_and_left_alone(make, tmp_path):
    file = tmp_path / "a.h5"
    make(file)
    before = file.read_bytes()
    with pytest.raises(DiskError, match=r"a\.h5 is a file that is not a store.*--out"):
        refuse_foreign(file)
    assert file.read_bytes() == before


def test_a_link_to_such_a_file_is_refused(tmp_path):
    (tmp_path / "notes").write_text("my thesis")
    (tmp_path / "a.h5").symlink_to("notes")
    with pytest.raises(DiskError, match="not a store"):
        refuse_foreign(tmp_path / "a.h5")


def test_stores_whole_and_damaged_empty_files_and_free_places_are_taken(tmp_path):
    store = tmp_path / "a.h5"
    make_store(store)
    refuse_foreign(store)
    store.write_bytes(store.read_bytes()[:1000])
    refuse_foreign(store)
    store.write_bytes(b"")
    refuse_foreign(store)
    refuse_foreign(tmp_path / "free.h5")
