"""A store appears whole or not at all, and what was there before survives whatever goes wrong."""

import errno
import json
import os
import resource
import stat
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

from precompute.errors import DiskError, StoreDamaged
from precompute.store import schema
from precompute.store.check import check
from precompute.store.facts import read_facts
from precompute.store.pictures import write_pictures
from precompute.store.reader import open_store
from precompute.store.writer import StoreWriter
from tests.arrays import assert_same_arrays
from tests.factory import write_store

ROOT = Path(__file__).parents[3]


def files_in(folder):
    return sorted(path.name for path in folder.iterdir())


# What a good file looks like


def test_every_dataset_carries_the_facts_of_the_schema(store_path):
    def compare(name, item):
        if isinstance(item, h5py.Dataset):
            entry = schema.entry_for(f"/{name}")
            facts = read_facts(item)
            assert tuple(facts["axes"]) == entry.axes
            assert (facts["unit"], facts["doc"]) == (entry.unit, entry.doc)

    with h5py.File(store_path) as file:
        file.visititems(compare)


def test_one_unit_is_one_chunk(tmp_path):
    with StoreWriter(tmp_path / "a.h5") as writer:
        assert writer.create("/layers/conv/activation/max", (8, 500)).chunks == (1, 500)
        assert writer.create("/layers/conv/exemplar/top/map", (8, 9, 7, 7)).chunks == (1, 9, 7, 7)


def test_all_values_carry_a_checksum_and_only_built_in_filters(store_path):
    def compare(name, item):
        if isinstance(item, h5py.Dataset) and item.shape:
            assert item.fletcher32, name
            assert item.compression in (None, "gzip")

    with h5py.File(store_path) as file:
        file.visititems(compare)


def test_blocks_never_written_are_found_missing(contents, tmp_path):
    with StoreWriter(tmp_path / "a.h5") as writer:
        for path, values in contents.datasets.items():
            if path.endswith("/activation/max"):
                writer.create(path, values.shape)[:2] = values[:2]
            else:
                writer.write(path, values)
        for path, facts in contents.facts.items():
            writer.describe(path, facts)
        write_pictures(writer, len(contents.datasets["/images/path"]), [])
        with pytest.raises(StoreDamaged, match=r"activation/max: \d+ values are missing"):
            writer.finish("{}")


def test_a_path_outside_the_format_is_refused(tmp_path):
    with StoreWriter(tmp_path / "a.h5") as writer, pytest.raises(ValueError, match="Expected a path of the store's"):
        writer.write("/layers/conv/maximum", np.zeros(3))


def test_fractions_are_not_cut_to_indices(tmp_path):
    with StoreWriter(tmp_path / "a.h5") as writer, pytest.raises(TypeError, match="Cannot cast"):
        writer.write("/images/label", [0.5, 1.0])


def test_empty_lists_can_be_written(contents, tmp_path):
    contents = type(contents)(dict(contents.datasets), contents.facts, contents.pictures, contents.provenance)
    contents.write("/images/skipped/path", [])
    contents.write("/images/skipped/reason", [])
    with open_store(write_store(tmp_path / "a.h5", contents)) as store:
        assert store.images.skipped == ()


def test_text_of_any_language_comes_back(contents, tmp_path):
    title = ["Zwölf Bälle", "球", "🦒", 'quo"ted\\']
    contents = type(contents)(dict(contents.datasets), contents.facts, contents.pictures, contents.provenance)
    contents.write("/classes/title", title)
    with open_store(write_store(tmp_path / "bälle 球.h5", contents)) as store:
        assert list(store.classes.title) == title


def test_nothing_in_a_store_varies_in_length(store_path):
    assert b"GCOL" not in store_path.read_bytes()  # how HDF5 marks the heap that holds what does


def test_pictures_are_cut_where_they_end(contents, tmp_path):
    pictures = {1: bytes(range(1, 256)) * 300, 2: b"x", 5: b"\xff" * 32768}
    with StoreWriter(tmp_path / "a.h5") as writer:
        write_pictures(writer, 7, pictures.items())
        ends, data = (writer._file[path][...] for path in ("/images/thumbnail_end", "/images/thumbnail"))
    starts = [0, *ends[:-1]]
    assert [data[start:end].tobytes() for start, end in zip(starts, ends, strict=True)] == [
        pictures.get(i, b"") for i in range(7)
    ]


# What goes wrong


class StopError(Exception):
    """Anything at all."""


def stop(writer):
    writer.write("/images/path", ["a/1.png"])
    raise StopError


def interrupt(writer):
    raise KeyboardInterrupt


def fail_the_check(writer):
    writer.write("/images/path", ["a/1.png"])
    writer.finish("{}")


def give_up(writer):
    writer.write("/images/path", ["a/1.png"])


@pytest.mark.parametrize(
    ("go_wrong", "error"), [(stop, StopError), (interrupt, KeyboardInterrupt), (fail_the_check, StoreDamaged)]
)
def test_a_failed_write_leaves_the_earlier_store_byte_for_byte(go_wrong, error, store_path):
    before = store_path.read_bytes()
    with pytest.raises(error), StoreWriter(store_path) as writer:
        go_wrong(writer)
    assert store_path.read_bytes() == before
    assert files_in(store_path.parent) == [store_path.name]


def test_a_private_store_stays_so_while_it_is_written_and_after(contents, store_path):
    store_path.chmod(0o400)
    with StoreWriter(store_path) as writer:
        assert stat.S_IMODE(writer.part.stat().st_mode) == 0o600
    write_store(store_path, contents)
    assert stat.S_IMODE(store_path.stat().st_mode) == 0o600


def test_a_disk_that_is_full_from_the_beginning_is_left_without_a_part(tmp_path, monkeypatch):
    def refuse(path, *_, **__):
        Path(path).touch()
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("precompute.store.writer.h5py.File", refuse)
    with pytest.raises(DiskError, match="cannot be written here"), StoreWriter(tmp_path / "store.h5"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_writer_left_without_finishing_leaves_nothing(tmp_path):
    with StoreWriter(tmp_path / "a.h5") as writer:
        give_up(writer)
    assert files_in(tmp_path) == []


def test_the_failed_check_is_told_with_its_problems(tmp_path):
    told = "failed its own check and was not moved into place: /model: the group is missing; /classes: "
    with StoreWriter(tmp_path / "a.h5") as writer, pytest.raises(StoreDamaged, match=told):
        writer.finish("{}")


def test_what_a_killed_writer_left_is_overwritten(contents, tmp_path):
    (tmp_path / "a.h5.part").write_bytes(b"half a store")
    path = write_store(tmp_path / "a.h5", contents)
    assert check(path) == []
    assert files_in(tmp_path) == ["a.h5"]


def test_a_good_store_replaces_the_earlier_one(contents, store_path):
    store_path.write_bytes(b"something else")
    write_store(store_path, contents)
    assert check(store_path) == []
    assert files_in(store_path.parent) == [store_path.name]


def test_the_stamp_is_set_only_after_the_check(contents, tmp_path, monkeypatch):
    stamped = []
    monkeypatch.setattr(
        "precompute.store.check.problems_of", lambda file, **_: stamped.append(bool(file.attrs["complete"])) or []
    )
    write_store(tmp_path / "a.h5", contents)
    assert stamped == [False]


def test_a_folder_that_does_not_exist_is_told(tmp_path):
    with (
        pytest.raises(
            DiskError, match=r"nowhere/a\.h5: the store cannot be written here \(No such file or directory\)"
        ),
        StoreWriter(tmp_path / "nowhere/a.h5"),
    ):
        pass


def test_a_destination_that_is_a_folder_is_told(contents, tmp_path):
    (tmp_path / "a.h5").mkdir()
    with pytest.raises(DiskError, match="cannot be moved into place"):
        write_store(tmp_path / "a.h5", contents)
    assert files_in(tmp_path) == ["a.h5"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_may_not_be_written_is_told(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(DiskError, match="Permission denied"), StoreWriter(tmp_path / "a.h5"):
        pass


# No space left

WRITE = """
import sys
from pathlib import Path
from precompute.errors import DiskError
from tests.factory import write_store, make_contents
from tests.precompute.store.conftest import SMALL
try:
    write_store(Path(sys.argv[1]), make_contents(SMALL))
except DiskError as error:
    print(error)
"""


def write_in_a_fresh_process(path, limit=None):
    """Write the small store to a path and return what was printed; the process must end quietly."""

    def restrict():
        if limit is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    return subprocess.run(
        [sys.executable, "-c", WRITE, str(path)], cwd=ROOT, preexec_fn=restrict, capture_output=True, text=True
    )


@pytest.fixture
def tiny_disk(tmp_path):
    """Return a function that makes a file system of a few bytes; skips where only root could."""
    folder, mounted = tmp_path / "disk", []
    folder.mkdir()

    def make(size):
        command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
        if os.geteuid() != 0 or subprocess.run(command, capture_output=True).returncode != 0:
            pytest.skip("a small file system can be mounted by root only")
        mounted.append(folder)
        return folder

    yield make
    for path in mounted:
        subprocess.run(["umount", str(path)], check=True)


@pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.9, 0.98])
def test_a_full_disk_leaves_the_earlier_store_and_nothing_else(share, tiny_disk, good_bytes):
    page = os.sysconf("SC_PAGE_SIZE")
    earlier = b"an earlier store"
    folder = tiny_disk(page + max(page, int(len(good_bytes) * share)))
    (folder / "a.h5").write_bytes(earlier)
    done = write_in_a_fresh_process(folder / "a.h5")
    assert "the disk refuses the store (No space left on device)" in done.stdout
    assert (done.returncode, done.stderr) == (0, "")
    assert files_in(folder) == ["a.h5"]
    assert (folder / "a.h5").read_bytes() == earlier


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE])
def test_too_many_open_files_are_no_full_disk(number, tmp_path, monkeypatch):
    error = OSError(number, os.strerror(number))
    told = r"a\.h5: it cannot be written, because too many files are open.*\(ulimit -n\)"
    with pytest.raises(DiskError, match=told), StoreWriter(tmp_path / "a.h5"):
        raise error

    def refused(*_words, **_options):
        raise error

    monkeypatch.setattr(h5py, "File", refused)
    with pytest.raises(DiskError, match=told), StoreWriter(tmp_path / "a.h5"):
        pass
    assert files_in(tmp_path) == []


@pytest.mark.parametrize("share", [0.02, 0.5, 0.98])
def test_a_file_that_may_not_grow_leaves_the_earlier_store_and_nothing_else(share, tmp_path, good_bytes):
    (tmp_path / "a.h5").write_bytes(b"an earlier store")
    done = write_in_a_fresh_process(tmp_path / "a.h5", limit=int(len(good_bytes) * share))
    assert "the disk refuses the store (File too large)" in done.stdout
    assert done.returncode == 0
    assert files_in(tmp_path) == ["a.h5"]
    assert (tmp_path / "a.h5").read_bytes() == b"an earlier store"


def test_errors_of_other_files_keep_their_own_words(tmp_path):
    with pytest.raises(FileNotFoundError), StoreWriter(tmp_path / "a.h5"):
        (tmp_path / "elsewhere").read_bytes()


def test_a_store_that_fits_is_written_on_the_small_disk(tiny_disk, good_bytes):
    folder = tiny_disk(2 * len(good_bytes))
    done = write_in_a_fresh_process(folder / "a.h5")
    assert (done.stdout, done.stderr) == ("", "")
    assert check(folder / "a.h5") == []
    with open_store(folder / "a.h5") as store:
        assert json.dumps(store.provenance)


# Beside other readers

_TAKEN_OVER_WHILE_READ = """
import sys
from pathlib import Path
import h5py
from precompute.store.writer import StoreWriter

path, read = Path(sys.argv[1]), []
keep = lambda _, item: read.append((item, item[()])) if isinstance(item, h5py.Dataset) else None
with h5py.File(path, "r", locking=False) as file:
    file.visititems(keep)
    with StoreWriter(path) as writer:
        writer.take_over(path, without=())
        writer.finish()
"""


def test_a_store_that_is_read_in_the_same_process_is_copied_whole(store_path):
    """HDF5 2.0 copied the blocks that a reader held in memory beyond the room for them, and the process ended."""
    with h5py.File(store_path) as file:
        before = contents_of(file)
    done = subprocess.run(
        [sys.executable, "-c", _TAKEN_OVER_WHILE_READ, str(store_path)], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    with h5py.File(store_path) as file:
        assert_same_arrays(contents_of(file), before)


def contents_of(file):
    found = {}
    file.visititems(lambda name, item: found.update({name: item[()]}) if isinstance(item, h5py.Dataset) else None)
    return found
