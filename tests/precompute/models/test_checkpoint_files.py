import argparse
import collections
import datetime
import gzip
import io
import os
import pickle
import struct
import tarfile
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from torch import nn

from precompute.errors import ModelError
from precompute.models.checkpoint_files import read_tensors, refuse_inflated

MARK = "UNITSCOPE_TEST_CODE_RAN"


class Callback:
    """Runs code when it is unpickled."""

    def __reduce__(self):
        return os.putenv, (MARK, "1")


class Printing:
    def __reduce__(self):
        return print, ("this must never be printed",)


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(4, 2))


def read(path):
    return {name: named.tensor for name, named in read_tensors(path).items()}


def equal(first, second):
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


@pytest.mark.parametrize("zipped", [True, False])
def test_a_name_is_the_way_to_the_tensor(tmp_path, zipped):
    content = {"epoch": 3, "model": {"net": {"fc.weight": torch.ones(2)}}, "bias": torch.zeros(1)}
    torch.save(content, tmp_path / "saved.pt", _use_new_zipfile_serialization=zipped)
    found = read_tensors(tmp_path / "saved.pt")
    assert {name: named.home for name, named in found.items()} == {"model.net.fc.weight": "model.net", "bias": ""}
    assert torch.equal(found["model.net.fc.weight"].tensor, torch.ones(2))


@pytest.mark.parametrize("wrapper", ["_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module"])
def test_what_stood_around_modules_while_they_trained_leaves_no_name(tmp_path, wrapper):
    torch.save({f"layer1.{wrapper}.conv.weight": torch.ones(2)}, tmp_path / "saved.pt")
    assert list(read(tmp_path / "saved.pt")) == ["layer1.conv.weight"]


HARMLESS = {
    "argparse": argparse.Namespace(lr=0.1, out=Path("runs")),
    "defaultdict": collections.defaultdict(list, {"loss": [1.0, 2.0]}),
    "deque": collections.deque([1.0]),
    "counter": collections.Counter("aab"),
    "path": Path("runs/best.pt"),
    "date": datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC),
    "numpy scalar": np.float64(0.9),
    "numpy integer": np.int64(3),
    "numpy truth": np.bool_(True),
    "numpy array": np.arange(3.0),
    "numpy texts": np.array(["a", "b"]),
    "numpy type": np.dtype("float32"),
}


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("name", HARMLESS)
def test_what_training_programs_leave_beside_the_parameters_does_no_harm(tmp_path, name, zipped):
    content = {"state_dict": network().state_dict(), "beside": HARMLESS[name], "more": [{"deep": HARMLESS[name]}]}
    torch.save(content, tmp_path / "saved.pt", _use_new_zipfile_serialization=zipped)
    expected = {f"state_dict.{name}": tensor for name, tensor in network().state_dict().items()}
    assert equal(read(tmp_path / "saved.pt"), expected)


@pytest.mark.parametrize("module", [b"numpy.core.multiarray", b"numpy._core.multiarray"])
def test_numpys_scalars_are_read_as_any_of_its_versions_writes_them(tmp_path, module):
    buffer = io.BytesIO()
    torch.save({"w": torch.ones(2), "best": np.float64(0.9)}, buffer, _use_new_zipfile_serialization=False)
    written = buffer.getvalue()
    assert b"numpy._core.multiarray" in written
    (tmp_path / "saved.pt").write_bytes(written.replace(b"numpy._core.multiarray", module))
    assert list(read(tmp_path / "saved.pt")) == ["w"]


def test_parameters_in_a_defaultdict_are_found(tmp_path):
    torch.save(collections.defaultdict(list, {"net": {"w": torch.ones(1)}}), tmp_path / "saved.pt")
    assert list(read(tmp_path / "saved.pt")) == ["net.w"]


def test_nothing_stays_allowed_for_other_readers(tmp_path):
    torch.save({"w": torch.ones(1), "args": argparse.Namespace()}, tmp_path / "saved.pt")
    before = set(torch.serialization.get_safe_globals())  # a list made of a set: its order means nothing
    read_tensors(tmp_path / "saved.pt")
    assert set(torch.serialization.get_safe_globals()) == before


def test_things_beside_are_not_made(tmp_path):
    """Even an allowed name is not called: its own class would refuse these arguments."""

    class Odd:
        def __reduce__(self):
            return datetime.datetime, ("no such date",)

    torch.save({"w": torch.ones(1), "odd": Odd()}, tmp_path / "saved.pt")
    assert list(read(tmp_path / "saved.pt")) == ["w"]


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize(
    "content",
    [
        network(),
        {"w": torch.ones(1), "x": Callback()},
        {"w": torch.ones(1), "x": Printing()},
        {"w": torch.ones(1), "x": argparse.Namespace(x=Printing())},
        {"w": torch.ones(1), "x": collections.defaultdict(list, {"x": [Callback()]})},
    ],
    ids=["a whole module", "a call", "a print", "a call in a namespace", "a call in a defaultdict"],
)
def test_a_file_that_would_run_code_is_refused(tmp_path, content, zipped, capsys):
    torch.save(content, tmp_path / "saved.pt", _use_new_zipfile_serialization=zipped)
    with pytest.raises(ModelError, match=r"saved\.pt is more than tensors.*torch\.save\(network\.state_dict"):
        read_tensors(tmp_path / "saved.pt")
    assert "never" not in capsys.readouterr().out


def truncated(path):
    torch.save(network().state_dict(), path)
    return path.read_bytes()[:-200]


def pickled(_):
    return pickle.dumps({"w": torch.ones(2)})


@pytest.mark.parametrize("content", [lambda _: b"", lambda _: b"hello, this is text", truncated, pickled])
def test_a_file_that_is_no_checkpoint_is_refused(tmp_path, content):
    path = tmp_path / "saved.pt"
    path.write_bytes(content(path))
    with pytest.raises(ModelError, match=r"saved\.pt is not a checkpoint"):
        read_tensors(path)


@pytest.mark.parametrize(
    ("write", "words"),
    [
        (lambda path: path.mkdir(), "is a folder"),
        (lambda path: path.write_text("version https://git-lfs.github.com/spec/v1\noid 3\n"), "pointer .* Git LFS"),
        (lambda path: torch.jit.script(nn.Linear(2, 2)).save(str(path)), "TorchScript"),
        (lambda path: path.write_bytes(truncated(path)), "breaks off"),
        (lambda path: path.write_bytes(b""), "it is empty"),
        (lambda path: path.write_text("\n<!DOCTYPE html><title>Sign in</title>"), "web page"),
        (
            lambda path: path.write_text('{"metadata": {}, "weight_map": {"w": "a-00001-of-00002.bin"}}'),
            "list of files",
        ),
        (lambda path: path.write_bytes(gzip.compress(b"anything")), "gzip"),
        (lambda path: h5py.File(path, "w").close(), "HDF5"),
        (lambda path: np.savez(path.open("wb"), w=np.ones(2)), "numpy"),
        (lambda path: np.save(path.open("wb"), np.ones(2)), "numpy"),
        (lambda path: zipfile.ZipFile(path, "w").writestr("w.pth", "anything"), "zip archive of other files"),
        (lambda path: tarfile.open(path, "w").close(), "tar archive"),
        (os.mkfifo, "pipe or a device"),
    ],
)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_reason_is_told_where_it_is_known(tmp_path, write, words):
    write(tmp_path / "saved.pt")
    with pytest.raises(ModelError, match=rf"saved\.pt.*{words}"):
        read_tensors(tmp_path / "saved.pt")


@pytest.mark.parametrize(
    ("ending", "words"), [("onnx", "an ONNX network"), ("msgpack", ".*Flax"), ("distcp", "one part")]
)
def test_where_the_beginning_tells_nothing_the_ending_does(tmp_path, ending, words):
    (tmp_path / f"saved.{ending}").write_bytes(b"\x08\x07\x12\x07" + bytes(300))
    with pytest.raises(ModelError, match=rf"saved\.{ending} is {words}"):
        read_tensors(tmp_path / f"saved.{ending}")


def test_a_file_that_may_not_be_read_is_told(tmp_path, monkeypatch):
    torch.save({"w": torch.ones(1)}, tmp_path / "saved.pt")

    def forbidden(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", forbidden)
    with pytest.raises(ModelError, match=r"saved\.pt cannot be read \(Permission denied\)"):
        read_tensors(tmp_path / "saved.pt")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ModelError, match=r"no checkpoint file .*nowhere\.pt"):
        read_tensors(tmp_path / "nowhere.pt")


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ({}, "nothing"),
        ([torch.ones(1)], "list"),
        (torch.ones(1), "Tensor"),
        ({"state_dict": {"w": 3}}, "entries state_dict"),
        (argparse.Namespace(), "Blank"),
    ],
)
def test_a_file_without_parameters_is_refused(tmp_path, content, found):
    torch.save(content, tmp_path / "saved.pt")
    with pytest.raises(ModelError, match=f"holds no parameters.*{found}"):
        read_tensors(tmp_path / "saved.pt")


def test_a_dictionary_that_holds_itself_comes_to_an_end(tmp_path):
    content = {"w": torch.ones(1)}
    content["again"] = content
    torch.save(content, tmp_path / "saved.pt")
    assert "w" in read(tmp_path / "saved.pt")


def test_two_tensors_of_one_name_are_refused(tmp_path):
    torch.save({"_orig_mod.w": torch.ones(1), "w": torch.zeros(1)}, tmp_path / "saved.pt")
    with pytest.raises(ModelError, match="two tensors that are called w"):
        read_tensors(tmp_path / "saved.pt")


def test_altered_numbers_are_refused(tmp_path):
    path = tmp_path / "saved.pt"
    torch.save({"w": torch.ones(1000)}, path)
    written = path.read_bytes()
    path.write_bytes(written.replace(bytes(torch.ones(1).numpy()) * 9, bytes(torch.zeros(1).numpy()) * 9, 1))
    with pytest.raises(ModelError, match=r"saved\.pt is damaged: saved/data/0 .* checksum"):
        read_tensors(path)


def test_files_without_checksums_are_read(tmp_path):
    torch.serialization.set_crc32_options(False)
    try:
        torch.save({"w": torch.ones(3)}, tmp_path / "saved.pt")
    finally:
        torch.serialization.set_crc32_options(True)
    assert torch.equal(read(tmp_path / "saved.pt")["w"], torch.ones(3))


# Files that unpack to far more than their size


def repacked(path, **options):
    """Write a checkpoint's zip archive again, compressed."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path, monkeypatch):
    path = tmp_path / "bomb.pt"
    torch.save({"w": torch.zeros(5_000_000)}, path)
    repacked(path)
    assert path.stat().st_size < 1_000_000
    monkeypatch.setattr(torch, "load", None)
    with pytest.raises(ModelError, match=r"bomb\.pt has 0\.0 MB and would unpack to 20\.0 MB.*10 times"):
        read_tensors(path)


def test_what_zip_makes_of_ordinary_numbers_is_read(tmp_path):
    path = tmp_path / "small.pt"
    torch.save({"w": torch.rand(1000, generator=torch.Generator().manual_seed(0))}, path)
    before = read(path)
    repacked(path)
    refuse_inflated(path)
    assert equal(read(path), before)


def test_more_than_the_free_memory_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "large.pt"
    torch.save({"w": torch.ones(1000)}, path)
    monkeypatch.setattr("precompute.models.checkpoint_files.free_memory", lambda _: 2000)
    with pytest.raises(ModelError, match=r"large\.pt holds .* and .* of memory are free"):
        read_tensors(path)


def test_an_old_file_that_claims_more_than_it_holds_is_refused(tmp_path):
    path = tmp_path / "old.pt"
    torch.save({"w": torch.zeros(1024, dtype=torch.float32)}, path, _use_new_zipfile_serialization=False)
    written = path.read_bytes()
    few, many = b"M" + struct.pack("<H", 1024), b"J" + struct.pack("<i", 2**31 - 1)
    assert few in written
    path.write_bytes(written.replace(few, many))
    with pytest.raises(ModelError, match=r"old\.pt"):
        read_tensors(path)


# safetensors


@pytest.fixture
def save_file():
    return pytest.importorskip("safetensors.torch", reason="safetensors is not installed; it is optional").save_file


@pytest.mark.parametrize("name", ["model.safetensors", "model.bin"])
def test_safetensors_are_read_whatever_the_file_is_called(tmp_path, save_file, name):
    state = network().state_dict()
    save_file(state, tmp_path / name)
    assert equal(read(tmp_path / name), dict(state))


def test_damaged_safetensors_are_refused(tmp_path, save_file):
    path = tmp_path / "model.safetensors"
    save_file(network().state_dict(), path)
    path.write_bytes(path.read_bytes()[:-7])
    with pytest.raises(ModelError, match=r"model\.safetensors is not a safetensors file that can be read"):
        read_tensors(path)


def test_without_safetensors_the_message_says_how_to_get_it(tmp_path, monkeypatch):
    header = b'{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'
    (tmp_path / "model.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + bytes(4))
    monkeypatch.setitem(__import__("sys").modules, "safetensors", None)
    with pytest.raises(ModelError, match="pip install safetensors"):
        read_tensors(tmp_path / "model.safetensors")
