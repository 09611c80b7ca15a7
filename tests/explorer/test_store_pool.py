"""Open stores and files that change."""

import gc
import os
import shutil
from dataclasses import replace

import pytest

from explorer import store_pool
from explorer.store_files import StoreFile
from explorer.store_pool import StorePool
from precompute.errors import StoreChanged, StoreMissing
from tests.explorer.conftest import FULL, THOUSAND, put


@pytest.fixture
def path(made, runs):
    return put(made("full"), runs)


def now(path):
    """The source as a rerun that begins now has it."""
    return StoreFile("demo", path)


def test_a_store_is_opened_once(path):
    handles = StorePool()
    assert handles.store_of(now(path)) is handles.store_of(now(path))


def test_a_replaced_file_is_opened_anew_and_the_old_handle_goes_on_reading(path, made, runs):
    handles = StorePool()
    before = handles.store_of(now(path))
    put(made("thousand", THOUSAND), runs, "new").replace(path)
    assert len(handles.store_of(now(path)).classes) == 1000
    assert len(before.classes) == 12


def test_a_rerun_that_began_with_a_store_goes_on_with_it_and_then_lets_go_of_it(path, made, runs):
    handles, earlier = StorePool(), now(path)
    before = handles.store_of(earlier)
    put(made("thousand", THOUSAND), runs, "new").replace(path)
    assert handles.store_of(earlier) is before  # nobody has asked for the new one yet
    later = handles.store_of(now(path))
    assert handles.store_of(earlier) is before
    assert handles.store_of(now(path)) is later
    del before
    gc.collect()
    with pytest.raises(StoreChanged):
        handles.store_of(earlier)


def test_what_is_opened_is_the_file_that_the_rerun_began_with(path, made, runs, monkeypatch):
    other, handles = put(made("thousand", THOUSAND), runs, "new"), StorePool()

    def at_the_last_moment(asked):
        other.replace(path)
        return open_store(asked)

    open_store = store_pool.open_store
    monkeypatch.setattr(store_pool, "open_store", at_the_last_moment)
    with pytest.raises(StoreChanged, match="took its place"):
        handles.store_of(now(path))
    monkeypatch.undo()
    assert len(handles.store_of(now(path)).classes) == 1000


def test_a_page_whose_store_is_replaced_meanwhile_is_made_again_of_the_new_one(path, made, runs, show, monkeypatch):
    other, store_of, runs_made = put(made("thousand", THOUSAND), runs, "new"), StorePool.store_of, []

    def replaced_at_first(pool, source):
        runs_made.append(source.signature)
        if len(runs_made) == 1:
            other.replace(path)
        return store_of(pool, source)

    monkeypatch.setattr(StorePool, "store_of", replaced_at_first)
    shown = show("overview", store="demo")
    assert "1,000 classes" in shown.words
    assert "This cannot be shown" not in shown.words
    assert len(set(runs_made)) == 2


def test_a_page_whose_store_is_replaced_again_and_again_says_so_in_the_end(path, show, monkeypatch):
    tried = []

    def replaced(_pool, source):
        tried.append(source)
        raise StoreChanged("another store took its place just now")

    monkeypatch.setattr(StorePool, "store_of", replaced)
    assert "another store took its place just now" in show("overview", store="demo").words
    assert len(tried) == 4


def test_a_file_overwritten_in_place_is_read_by_its_new_layout(path, made):
    handles = StorePool()
    handles.store_of(now(path)).layer("features.10").activation(0)
    shutil.copyfile(made("thousand", THOUSAND), path)
    assert len(handles.store_of(now(path)).layer("layer4").activation(0).max) == 1000


def test_a_file_overwritten_in_place_by_another_of_the_same_size_and_time_is_read_anew(path, made, tmp_path):
    other = tmp_path / "other.h5"
    shutil.copyfile(made("varied", replace(FULL, seed=3)), other)
    most = max(path.stat().st_size, other.stat().st_size)
    for file in (path, other):
        with file.open("ab") as opened:
            opened.write(bytes(most - file.stat().st_size))
        os.utime(file, (10**9, 10**9))
    handles = StorePool()
    before = handles.store_of(now(path)).fingerprint
    shutil.copy2(other, path)
    assert (path.stat().st_size, path.stat().st_mtime) == (most, 10**9)
    assert handles.store_of(now(path)).fingerprint != before


def test_a_page_that_reads_a_file_whose_rights_change_is_told_so_and_of_no_damage(path):
    handles = StorePool()
    before = handles.store_of(now(path))
    path.chmod(0o600 if path.stat().st_mode & 0o077 else 0o644)
    handles.store_of(now(path))  # of another visitor
    with pytest.raises(StoreChanged, match=r"changed while it was read\. Show the page again"):
        before.layer("features.10").activation(0)


def test_a_file_that_went_away_is_missing(path):
    handles = StorePool()
    handles.store_of(now(path))
    path.unlink()
    with pytest.raises(StoreMissing):
        handles.store_of(now(path))
