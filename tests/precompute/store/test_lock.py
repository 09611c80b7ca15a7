"""A lock keeps others out, ends with its process, and is never held on a file that is no longer there."""

import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from precompute.store import lock as locks
from precompute.store.lock import alone, taken

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no such locks on Windows")


def test_one_holds_it_and_nothing_is_left(tmp_path):
    with alone(tmp_path / "lock"):
        with pytest.raises(BlockingIOError, match="held by another"), alone(tmp_path / "lock"):
            pass
        with pytest.raises(BlockingIOError):
            taken(tmp_path / "lock")
    assert list(tmp_path.iterdir()) == []
    taken(tmp_path / "lock").close()


def test_who_has_patience_gets_it_when_the_other_lets_go(tmp_path):
    order, held = [], threading.Event()

    def hold():
        with alone(tmp_path / "lock"):
            held.set()
            time.sleep(0.1)
            order.append("first")

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait()
    with alone(tmp_path / "lock", patience_s=60):
        order.append("second")
    thread.join()
    assert order == ["first", "second"]


def test_the_lock_of_a_process_that_died_binds_nobody(tmp_path):
    dies = "import os, sys; from pathlib import Path; from precompute.store.lock import taken\n"
    dies += "held = taken(Path(sys.argv[1])); os._exit(0)"
    subprocess.run([sys.executable, "-c", dies, tmp_path / "lock"], cwd=Path(__file__).parents[3], check=True)
    assert (tmp_path / "lock").exists()
    with alone(tmp_path / "lock"):
        pass
    assert not (tmp_path / "lock").exists()


def test_a_lock_that_was_removed_between_being_opened_and_being_held_is_no_lock(tmp_path, monkeypatch):
    place, tried = tmp_path / "lock", []

    def after_its_owner_has_let_go(file):
        if not tried:
            place.unlink()
        tried.append(file)
        return can_be_locked(file)

    can_be_locked = locks.can_be_locked
    monkeypatch.setattr(locks, "can_be_locked", after_its_owner_has_let_go)
    with taken(place):
        assert len(tried) == 2
        monkeypatch.undo()
        with pytest.raises(BlockingIOError):
            taken(place)
