"""Side files: whole or absent, and of one run only."""

import os
import shutil
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest

from precompute.errors import DiskError, OptionError
from precompute.run import shards
from precompute.run.shards import open_side_files, refuse_other, start_over
from precompute.store.lock import taken

RUN = {"MODEL": "alexnet", "--top-k": 25}


def test_arrays_come_back_as_they_were(tmp_path):
    arrays = {"map": np.arange(6.0).reshape(2, 3), "text": np.array(["a", "été"]), "none": np.empty((0, 4), np.float16)}
    with open_side_files(tmp_path / "side", RUN, resume=False) as folder:
        folder.write("one", arrays)
        assert folder.names("one") == arrays.keys()
        for name, array in arrays.items():
            np.testing.assert_array_equal(folder.read("one", name), array)


def test_a_shard_that_fails_half_way_is_not_there(tmp_path):
    class Broken:
        def __array__(self, dtype=None, copy=None):
            raise RuntimeError("half-way")

    with open_side_files(tmp_path / "side", RUN, resume=False) as folder:
        with pytest.raises(RuntimeError):
            folder.write("one", {"good": np.ones(3), "bad": Broken()})
        assert not folder.has("one")
        folder.write("one", {"good": np.ones(3)})
        assert folder.has("one")


def test_what_a_stopped_run_left_is_kept_for_those_who_resume(tmp_path):
    with open_side_files(tmp_path / "side", RUN, resume=False) as folder:
        folder.write("one", {"x": np.ones(1)})
    with pytest.raises(OptionError, match="--resume"), open_side_files(tmp_path / "side", RUN, resume=False):
        pass
    with open_side_files(tmp_path / "side", RUN, resume=True) as folder:
        assert folder.has("one")


def test_a_run_that_left_nothing_can_start_with_other_options(tmp_path):
    with open_side_files(tmp_path / "side", RUN, resume=False):
        pass
    with open_side_files(tmp_path / "side", RUN | {"--top-k": 9}, resume=False):
        pass


def test_every_changed_option_is_named(tmp_path):
    with open_side_files(tmp_path / "side", RUN, resume=False) as folder:
        folder.write("one", {"x": np.ones(1)})
    changed = {"MODEL": "vgg11", "--top-k": 9}
    with (
        pytest.raises(OptionError, match="MODEL was alexnet, now vgg11; --top-k was 25, now 9"),
        open_side_files(tmp_path / "side", changed, {"MODEL": "", "--top-k": "25"}, resume=True),
    ):
        pass


@pytest.mark.parametrize(
    ("before", "now", "said"),
    [
        (None, [], r"--attribution was the default \(all four\), now none"),
        (False, True, "--attribution was not given, now given"),
        (100.0, 2.5, r"--attribution was 100, now 2\.5"),
        (["gradient"], None, r"--attribution was gradient, now the default \(all four\)"),
        (["gradient", "deconvolution"], [], "--attribution was gradient, deconvolution, now none"),
    ],
)
def test_a_changed_option_is_told_by_what_it_means(tmp_path, before, now, said):
    with open_side_files(tmp_path / "side", {"--attribution": before}, resume=False) as folder:
        folder.write("one", {"x": np.ones(1)})
    with pytest.raises(OptionError, match=said):
        refuse_other(tmp_path / "side", {"--attribution": now}, {"--attribution": "all four"}, resume=True)


def test_what_was_found_and_is_another_is_named_without_its_checksum(tmp_path):
    with open_side_files(tmp_path / "side", {"the list of images": "0" * 64}, resume=False) as folder:
        folder.write("one", {"x": np.ones(1)})
    with pytest.raises(OptionError, match="the list of images changed"):
        refuse_other(tmp_path / "side", {"the list of images": "1" * 64}, {}, resume=True)


def test_what_was_settled_at_the_start_stays(tmp_path):
    with open_side_files(tmp_path / "side", RUN, resume=False) as folder:
        assert folder.settled("choice", {"methods": ["gradient"]}) == {"methods": ["gradient"]}
        folder.write("one", {"x": np.ones(1)})
    with open_side_files(tmp_path / "side", RUN, resume=True) as folder:
        assert folder.settled("choice", {"methods": []}) == {"methods": ["gradient"]}


def test_two_runs_never_share_side_files(tmp_path):
    with (
        open_side_files(tmp_path / "side", RUN, resume=False),
        pytest.raises(DiskError, match="another run"),
        open_side_files(tmp_path / "side", RUN, resume=True),
    ):
        pass


def test_a_place_that_cannot_hold_a_folder_gets_a_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DiskError, match="--out"), open_side_files(tmp_path / "file" / "side", RUN, resume=False):
        pass


# What a power cut leaves


SPOILS = {
    "an array is empty": lambda shard: (shard / "x.npy").write_bytes(b""),
    "an array is cut": lambda shard: os.truncate(shard / "x.npy", 100),
    "an array is gone": lambda shard: (shard / "x.npy").unlink(),
    "one bit of an array is another": lambda shard: flip(shard / "x.npy"),
    "an array is zeros": lambda shard: (shard / "x.npy").write_bytes(bytes(500)),
    "the record is gone": lambda shard: (shard / "shard.json").unlink(),
    "the record is empty": lambda shard: (shard / "shard.json").write_bytes(b""),
    "the record is another value": lambda shard: (shard / "shard.json").write_text("[1]"),
    "the record is nested deep": lambda shard: (shard / "shard.json").write_text("[" * 100_000 + "]" * 100_000),
    "the shard is a file": lambda shard: (shutil.rmtree(shard), shard.write_text("x")),
}


def flip(path):
    data = bytearray(path.read_bytes())
    data[-2] ^= 0x40
    path.write_bytes(data)


@pytest.mark.parametrize("spoil", SPOILS.values(), ids=SPOILS)
def test_a_shard_that_is_not_as_it_was_written_is_not_there_and_that_is_said(tmp_path, spoil):
    said = []
    with open_side_files(tmp_path / "side", RUN, resume=False) as folder:
        folder.write("one", {"x": np.arange(50.0), "y": np.ones(3)})
        folder.write("two", {"x": np.arange(50.0)})
    spoil(tmp_path / "side" / "one")
    with open_side_files(tmp_path / "side", RUN, resume=True, say=said.append) as folder:
        assert not folder.has("one")
        assert folder.has("two")
        folder.write("one", {"x": np.ones(2)})
        assert folder.has("one")
        np.testing.assert_array_equal(folder.read("one", "x"), np.ones(2))
    (line,) = said
    assert "one" in line
    assert "computed again" in line


@pytest.mark.parametrize("junk", [b"", b"{", b"[]", b"null", b"{}", b'{"value": 1}', b"\xff\xfe", None])
def test_whose_shards_they_are_is_known_without_the_record_of_the_run(tmp_path, junk):
    with open_side_files(tmp_path / "side", RUN, resume=False) as folder:
        folder.write("one", {"x": np.ones(1)})
    for identity, kept in ((RUN, True), (RUN | {"--top-k": 9}, False)):
        record = tmp_path / "side" / "run.json"
        record.unlink() if junk is None else record.write_bytes(junk)
        said = []
        with open_side_files(tmp_path / "side", identity, resume=True, say=said.append) as folder:
            assert folder.has("one") == kept
        assert "run.json" in said[0]


@pytest.mark.parametrize("junk", [b"", b"{}", b'{"methods": []}'])
def test_what_was_settled_and_cannot_be_read_is_settled_anew(tmp_path, junk):
    with open_side_files(tmp_path / "side", RUN, resume=False) as folder:
        folder.settled("choice", ["gradient"])
        folder.write("one", {"x": np.ones(1)})
    for value, kept in ((["gradient"], True), (["other"], False)):
        (tmp_path / "side" / "choice.json").write_bytes(junk)
        with open_side_files(tmp_path / "side", RUN, resume=True, say=str) as folder:
            assert folder.settled("choice", value) == value
            assert folder.has("one") == kept  # what was computed by another choice is computed again


def test_an_array_that_goes_bad_while_it_is_read_gets_a_sentence(tmp_path):
    with open_side_files(tmp_path / "side", RUN, resume=False) as folder:
        folder.write("one", {"x": np.ones(3)})
        (tmp_path / "side" / "one" / "x.npy").write_bytes(b"")
        with pytest.raises(DiskError, match="--resume"):
            folder.read("one", "x")


def test_when_a_run_was_begun_is_kept_over_a_stop(tmp_path):
    with open_side_files(tmp_path / "side", RUN, resume=False) as folder:
        begun = folder.started
        assert folder.new
        folder.write("one", {"x": np.ones(3)})
    with open_side_files(tmp_path / "side", RUN, resume=True) as folder:
        assert (folder.started, folder.new) == (begun, False)
        folder.remove()
    assert not (tmp_path / "side").exists()


def test_side_files_are_on_the_disk_before_their_folder_has_its_name(tmp_path, monkeypatch):
    """The order of what the system is asked for; a power cut itself cannot be tried here."""
    asked = []
    sync, replace = os.fsync, Path.replace
    monkeypatch.setattr(
        os, "fsync", lambda file: (asked.append(str(Path(f"/proc/self/fd/{file}").readlink())), sync(file))[1]
    )
    monkeypatch.setattr(Path, "replace", lambda *paths: (asked.append("rename"), replace(*paths))[1])
    with open_side_files(tmp_path / "side", RUN, resume=False) as folder:
        asked.clear()
        folder.write("one", {"x": np.ones(3), "y": np.ones(2)})
    half = f"{tmp_path}/side/one.part"
    assert set(asked[:3]) == {f"{half}/x.npy", f"{half}/y.npy", f"{half}/shard.json"}
    assert asked[3:] == [half, "rename", f"{tmp_path}/side"]


def test_a_run_that_begins_while_an_ended_one_clears_away_keeps_its_files(tmp_path, monkeypatch):
    begun, remove = ExitStack(), shards._remove

    def removed(path):
        remove(path)
        if path.name == "lock":
            begun.enter_context(open_side_files(tmp_path / "side", RUN, resume=False))

    with begun:
        with open_side_files(tmp_path / "side", RUN, resume=False) as folder:
            folder.write("one", {"x": np.ones(1)})
            monkeypatch.setattr(shards, "_remove", removed)
            folder.remove()
        assert sorted(path.name for path in (tmp_path / "side").iterdir()) == ["lock", "run.json"]
        with pytest.raises(DiskError, match="another run"), open_side_files(tmp_path / "side", RUN, resume=True):
            pass


def test_a_run_whose_folder_goes_away_before_it_holds_the_lock_makes_it_again(tmp_path, monkeypatch):
    tried = []

    def gone_at_first(lock):
        if not tried:
            shutil.rmtree(lock.parent)
        tried.append(lock)
        return taken(lock)

    monkeypatch.setattr(shards, "taken", gone_at_first)
    with open_side_files(tmp_path / "side", RUN, resume=False) as folder:
        assert len(tried) == 2
        folder.write("one", {"x": np.ones(1)})
        assert folder.has("one")


def test_only_what_nobody_uses_is_removed_to_start_over(tmp_path):
    with open_side_files(tmp_path / "side", RUN, resume=False) as folder:
        folder.write("one", {"x": np.ones(1)})
        with pytest.raises(DiskError, match="another run is writing"):
            start_over(tmp_path / "side")
        assert folder.has("one")
    start_over(tmp_path / "side")
    start_over(tmp_path / "side")
    assert list(tmp_path.iterdir()) == []


def test_what_earlier_versions_did_not_record_is_said_and_their_shards_are_kept(tmp_path):
    with open_side_files(tmp_path / "side", RUN, resume=False) as folder:
        folder.write("one", {"numbers": np.arange(3)})
    said = []
    later = RUN | {"the imported files": {"blocks.py": "1" * 64}, "the libraries": {"timm": "1.0"}}
    lately = ["the libraries", "the imported files"]
    with open_side_files(tmp_path / "side", later, lately=lately, resume=True, say=said.append) as folder:
        assert folder.has("one")
    assert said == [
        "The record of the stopped run does not say the imported files, the libraries: what changed there is not known."
    ]
    with (
        pytest.raises(OptionError, match="its record does not say the libraries"),
        open_side_files(tmp_path / "side", later, lately=lately[1:], resume=True, say=said.append),
    ):
        pass


@pytest.mark.parametrize("now", [{}, {"helpers.py": "1"}, {"blocks.py": "2"}, {"blocks.py": "1", "helpers.py": "1"}])
def test_a_file_that_came_went_or_changed_is_refused_by_name(now, tmp_path):
    lately = ["the imported files"]
    with open_side_files(
        tmp_path / "side", RUN | {lately[0]: {"blocks.py": "1"}}, lately=lately, resume=False
    ) as folder:
        folder.write("one", {"numbers": np.arange(3)})
    with (
        pytest.raises(OptionError, match=r"the imported files changed \((blocks|helpers)\.py"),
        open_side_files(tmp_path / "side", RUN | {lately[0]: now}, lately=lately, resume=True),
    ):
        pass
