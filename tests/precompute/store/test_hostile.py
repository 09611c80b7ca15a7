"""A stranger's store leads nowhere else, keeps nobody waiting, takes no memory for nothing, and ends in a sentence."""

import lzma
import os
import resource
import struct
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import h5py
import numpy as np
import pytest

from precompute.__main__ import main
from precompute.errors import StoreDamaged, StoreError, StoreMissing, TooLittleMemory
from precompute.store import probe
from precompute.store.check import check
from precompute.store.damage import reading
from precompute.store.probe import comes_to_an_end
from precompute.store.reader import open_store
from precompute.store.writer import StoreWriter
from tests.precompute.store.conftest import LAYER

HERE = Path(__file__).parent


def read_frame(path):
    """Read what every page needs."""
    with open_store(path) as store:
        _ = store.provenance, store.classes, store.images, store.baseline, store.baseline_correct, store.thumbnail(0)
        for layer in store.layers:
            _ = layer.class_mean, layer.measures, layer.flips("zero", 0), layer.exemplars("top", 0)


# Other files


def external_link(file, path, outside):
    del file[path]
    file[path] = h5py.ExternalLink(str(outside), path)


def soft_link(file, path, outside):
    file.move(path, "/elsewhere")
    file[path] = h5py.SoftLink("/elsewhere")


def external_storage(file, path, outside):
    shape = file[path].shape
    del file[path]
    file.create_dataset(path, shape=shape, dtype="S8", external=[(str(outside), 0, h5py.h5f.UNLIMITED)])


def virtual(file, path, outside):
    layout = h5py.VirtualLayout(shape=file[path].shape, dtype=file[path].dtype)
    layout[...] = h5py.VirtualSource(str(outside), "x", shape=file[path].shape)
    del file[path]
    file.create_virtual_dataset(path, layout)


WAYS_OUT = (external_link, soft_link, external_storage, virtual)


@pytest.mark.parametrize("way_out", WAYS_OUT)
@pytest.mark.parametrize("to", ["a file", "a pipe"])
def test_what_lies_elsewhere_is_listed_and_not_read(way_out, to, spoil, tmp_path):
    outside = tmp_path / "outside"
    os.mkfifo(outside) if to == "a pipe" else outside.write_text("secret")  # who opens the pipe waits for ever
    path = spoil(lambda file: way_out(file, "/classes/title", outside))
    (problem,) = check(path)
    assert problem.path == "/classes/title"
    with open_store(path) as store, pytest.raises(StoreDamaged, match="/classes/title"):
        _ = store.classes


@pytest.mark.parametrize("at", ["/layers", f"{LAYER}/measure", "/classes/title"])
def test_an_experiment_goes_no_way_out_of_a_store(at, change, tmp_path, capsys):
    os.mkfifo(tmp_path / "pipe")
    assert main(["experiment", "statistics", str(change(lambda file: external_link(file, at, tmp_path / "pipe")))]) == 1
    assert f"{at}: it is a link to another place" in capsys.readouterr().err


def test_a_type_that_lies_in_a_store_is_listed_and_takes_no_experiment(change, capsys):
    path = change(lambda file: file.__setitem__("/experiments/kind", np.dtype("f4")))
    (problem,) = check(path)
    assert problem.path == "/experiments/kind"
    assert main(["experiment", "statistics", str(path)]) == 1
    assert "/experiments/kind: it is neither a group nor a dataset" in capsys.readouterr().err


def test_a_group_that_leads_back_to_the_root_is_listed(spoil):
    (problem,) = check(spoil(lambda file: file["/layers"].__setitem__("loop", file["/"])))
    assert problem.path == "/layers/loop"


# Files at which a reader would wait


@pytest.mark.parametrize(("name", "why"), [("x" * 300, "File name too long"), ("loop", "Too many levels of symbolic")])
def test_a_path_by_which_no_file_can_be_reached_is_a_sentence(name, why, tmp_path, capsys):
    (tmp_path / "loop").symlink_to("loop")
    for command in (["check"], ["info"], ["experiment", "statistics"]):
        assert main([*command, str(tmp_path / name)]) == 1
        assert f"no file can be reached by this path ({why}" in capsys.readouterr().err


def test_a_pipe_is_no_store(tmp_path):
    os.mkfifo(tmp_path / "a.h5")
    with pytest.raises(StoreMissing, match="pipe"):
        open_store(tmp_path / "a.h5")
    with pytest.raises(StoreMissing, match="pipe"):
        check(tmp_path / "a.h5")


@pytest.fixture
def endless(tmp_path):
    """The older store with a heap of which the library never finds the end."""
    data = bytearray(lzma.decompress((HERE / "older.h5.xz").read_bytes()))
    at = -1
    while (at := data.find(b"GCOL", at + 1)) >= 0:
        data[at + 32 : at + 544] = bytes(512)
    path = tmp_path / "endless.h5"
    path.write_bytes(data)
    return path


def test_a_store_whose_reading_does_not_end_is_refused_in_the_end(endless, monkeypatch):
    monkeypatch.setattr(probe, "LIMIT_S", 3)
    assert not comes_to_an_end(endless)
    (problem,) = check(endless)
    assert "does not come to an end" in problem.message
    with pytest.raises(StoreDamaged, match="does not come to an end"):
        read_frame(endless)


def test_the_answer_of_the_probe_is_kept_until_the_file_is_another(store_path, monkeypatch):
    tried = []
    monkeypatch.setattr(probe, "_try", lambda path: tried.append(path) or True)
    assert comes_to_an_end(store_path)
    assert comes_to_an_end(store_path)
    assert len(tried) == 1
    os.utime(store_path, ns=(1, 1))
    assert comes_to_an_end(store_path)
    assert len(tried) == 2


def test_a_busy_machine_makes_no_store_damaged_and_is_asked_again(store_path, monkeypatch):
    monkeypatch.setattr(probe, "PATIENCE_S", 0.001)
    with pytest.raises(StoreError, match="too busy") as raised:
        comes_to_an_end(store_path)
    assert not isinstance(raised.value, StoreDamaged)
    monkeypatch.undo()
    assert comes_to_an_end(store_path)


def test_a_probe_that_stands_still_is_no_probe_that_does_not_end(endless, monkeypatch):
    monkeypatch.setattr(probe, "LIMIT_S", 1000)
    monkeypatch.setattr(probe, "PATIENCE_S", 1)
    with pytest.raises(StoreError, match="Try again"):
        comes_to_an_end(endless)


def test_many_who_ask_of_one_file_wait_for_one_probe(store_path, monkeypatch):
    tried, go_on = [], Event()
    monkeypatch.setattr(probe, "_try", lambda path: tried.append(path) or go_on.wait(60))
    with ThreadPoolExecutor(8) as threads:
        answers = [threads.submit(comes_to_an_end, store_path) for _ in range(8)]
        go_on.set()
        assert all(answer.result() for answer in answers)
    assert len(tried) == 1


def test_a_new_store_needs_no_probe(store_path, monkeypatch):
    monkeypatch.setattr(probe, "_try", lambda path: pytest.fail("it was probed"))
    assert check(store_path) == []
    read_frame(store_path)


def test_the_probe_imports_no_torch():
    words = "import sys, precompute.store.probe; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", words], cwd=HERE.parents[2]).returncode == 0


# More than there is


@pytest.mark.parametrize("path", ["/classes/title", "/images/label", "/baseline/log_prob", f"{LAYER}/class_mean"])
def test_what_is_declared_and_not_there_is_not_read(path, spoil):
    def declare(file):
        held = file[path]
        shape, dtype, facts = (2**33, *held.shape[1:]), held.dtype, dict(held.attrs)
        del file[path]
        file.create_dataset(path, shape=shape, dtype=dtype, chunks=(1024, *shape[1:]), compression="gzip")
        file[path].attrs.update(facts)

    changed = spoil(declare)
    assert path in {problem.path for problem in check(changed)}
    with pytest.raises(StoreDamaged, match=path):
        read_frame(changed)


# Values that index something


def put(path, at, value):
    return lambda file: file[path].__setitem__(at, value)


INDICES = {
    "/images/label": (0, 99),
    "/classes/output_index": (0, -1),
    "/baseline/prediction": (0, 10**9),
    f"{LAYER}/exemplar/top/image": ((0, 0), 10**6),
    f"{LAYER}/ablation/zero/flip/indptr": (1, 2**40),
    "/images/thumbnail_end": (0, -5),
}


@pytest.mark.parametrize(("kind", "held"), [([("a", "i4"), ("b", "f4")], "records"), ("c8", "complex numbers")])
@pytest.mark.parametrize("part", ["computed", "error", "map"])
def test_values_of_a_kind_that_no_store_has_are_a_sentence(kind, held, part, spoil):
    def put(file):
        at = f"{LAYER}/attribution/gradient/{part}"
        shape = file[at].shape
        del file[at]
        file.create_dataset(at, shape=shape, dtype=kind)

    with open_store(spoil(put)) as store, pytest.raises(StoreDamaged, match=f"{part} cannot be read.*it holds {held}"):
        store.layers[0].attribution("gradient", 0)


@pytest.mark.parametrize("path", INDICES)
def test_an_index_of_nothing_is_said_where_it_is_read(path, spoil):
    changed = spoil(put(path, *INDICES[path]))
    with pytest.raises(StoreDamaged, match=path):
        read_frame(changed)
    assert path.replace("_end", "") in {problem.path.replace("_end", "") for problem in check(changed)}


@pytest.mark.parametrize("text", ["[" * 100_000 + "]" * 100_000, '{"a":' * 100_000 + "1" + "}" * 100_000, b"\xff\xfe"])
def test_json_that_cannot_be_read_is_a_sentence(text, spoil):
    def change(file):
        del file.attrs["provenance"]
        kind = h5py.string_dtype() if isinstance(text, str) else None
        file.attrs.create("provenance", text if isinstance(text, str) else np.bytes_(text), dtype=kind)

    changed = spoil(change)
    assert "/" in {problem.path for problem in check(changed)}
    with open_store(changed) as store, pytest.raises(StoreDamaged):
        _ = store.provenance


@pytest.mark.parametrize("value", [["all", "sums"], [1, 2], 1.5])
def test_what_a_store_keeps_is_read_as_text_whatever_stands_there(value, spoil):
    def put(file):
        file.attrs["keep"] = value

    changed = spoil(put)
    assert "/" in {problem.path for problem in check(changed)}
    read_frame(changed)
    with open_store(changed) as store:
        assert store.layers[0].log_prob_change("zero", 0) is not None


def test_a_picture_that_is_too_large_is_not_read(spoil):
    path = spoil(put("/images/thumbnail_end", slice(None), 2**20))
    with h5py.File(path, "r+") as file:
        facts = dict(file["/images/thumbnail"].attrs)
        del file["/images/thumbnail"]
        file.create_dataset("/images/thumbnail", data=np.zeros(2**20, "u1")).attrs.update(facts)
    with open_store(path) as store, pytest.raises(StoreDamaged, match="expected at most"):
        store.thumbnail(0)


# The net


def test_what_a_damaged_store_makes_go_wrong_is_said_to_be_damage(spoil):
    path = spoil(put("/images/label", 0, 99))
    with pytest.raises(StoreDamaged, match="damaged at /images/label"), reading(path):
        raise IndexError("index 99 is out of bounds")


def test_a_fault_of_ours_stays_one(store_path):
    with pytest.raises(ZeroDivisionError), reading(store_path):
        _ = 1 / 0


NOT_THE_FILE = [AssertionError, ImportError, MemoryError, NameError, NotImplementedError]
NEVER_OF_SOUND_TYPES = [AttributeError, TypeError]


def failing(error):
    """Return a function that fails in this way, whatever it is given."""

    def fail(*_, **__):
        raise error("planted")

    return fail


@pytest.mark.parametrize("error", NOT_THE_FILE)
def test_no_fault_of_ours_is_said_to_be_damage_not_even_of_a_damaged_store(error, spoil):
    path = spoil(put("/images/label", 0, 99))
    expected = TooLittleMemory if error is MemoryError else error
    with pytest.raises(expected), reading(path):
        raise error("planted")


@pytest.mark.parametrize("error", NOT_THE_FILE + NEVER_OF_SOUND_TYPES)
@pytest.mark.parametrize(
    "where", ["checks.form.problems", "checks.effects._counts", "checks.values._span", "stamps.has_facts_as_stamped"]
)
def test_the_check_takes_no_fault_of_ours_for_damage(where, error, store_path, monkeypatch):
    monkeypatch.setattr(f"precompute.store.{where}", failing(error))
    with pytest.raises(error):
        check(store_path)


@pytest.mark.parametrize("error", [OSError, RuntimeError, KeyError, ValueError, IndexError, UnicodeError])
def test_what_values_make_go_wrong_in_a_rule_is_listed(error, store_path, monkeypatch):
    monkeypatch.setattr("precompute.store.checks.effects._counts", failing(error))
    assert [problem.path for problem in check(store_path)] == [LAYER]


@pytest.mark.parametrize("error", NOT_THE_FILE)
def test_the_reader_takes_no_fault_of_ours_for_damage(error, store_path, monkeypatch):
    monkeypatch.setattr("precompute.store.storefile.read_fact", failing(error))
    with pytest.raises(error):
        read_frame(store_path)


def test_hdf5_lacking_memory_is_no_damage(store_path, monkeypatch):
    words = "Can't synchronously read data (memory allocation failed for raw data chunk)"
    monkeypatch.setattr("precompute.store.checks.effects._counts", failing(lambda _: OSError(words)))
    with pytest.raises(OSError, match="memory allocation failed"):
        check(store_path)


def test_a_lack_of_memory_is_told_in_a_sentence(store_path, monkeypatch, capsys):
    monkeypatch.setattr("precompute.store.checks.effects._counts", failing(MemoryError))
    assert main(["check", str(store_path)]) == 1
    assert "too little free memory" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("path", "size", "address"),
    [
        (f"{LAYER}/attribution/gradient/map", 0, None),
        (f"{LAYER}/attribution/gradient/map", 3, None),
        (f"{LAYER}/attribution/gradient/map", None, 10**9),
        ("/images/label", 8, None),
    ],
)
def test_a_block_of_an_impossible_size_is_listed_and_not_read(store_path, capsys, path, size, address):
    """HDF5 2.0 would end the process, and with it the app of everybody."""
    with h5py.File(store_path) as file:
        block, n_axes = file[path].id.get_chunk_info(0), file[path].ndim
    entry = struct.pack(f"<II{n_axes + 1}QQ", block.size, 0, *[0] * (n_axes + 1), block.byte_offset)
    changed = (size if size is not None else block.size, 0, *[0] * (n_axes + 1), address or block.byte_offset)
    before = store_path.read_bytes()
    assert before.count(entry) == 1
    store_path.write_bytes(before.replace(entry, struct.pack(f"<II{n_axes + 1}QQ", *changed)))
    assert [str(problem) for problem in check(store_path)] == [
        f"{path}: 1 block of it has an impossible size or place in the file"
    ]
    with pytest.raises(StoreDamaged, match="an impossible size or place"), open_store(store_path) as store:
        _ = store.layer("features.2").attribution("gradient", 0), store.images
    assert main(["experiment", "statistics", str(store_path)]) == 1
    assert "not as it was written" in capsys.readouterr().err


def test_too_many_open_files_are_told_and_make_no_store_damaged(store_path, capsys):
    most = resource.getrlimit(resource.RLIMIT_NOFILE)
    free = os.open(os.devnull, os.O_RDONLY)
    os.close(free)
    probe.comes_to_an_end(store_path)
    resource.setrlimit(resource.RLIMIT_NOFILE, (free, most[1]))
    try:
        with pytest.raises(StoreError, match="too many files are open") as told, reading(store_path):
            open_store(store_path)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, most)
    assert not isinstance(told.value, StoreDamaged)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no limit of memory to lower")
def test_a_machine_that_allows_less_memory_than_the_probe_can_probe(store_path):
    command = f"ulimit -v 3000000; {sys.executable} -P {probe.__file__} {store_path} {probe.LIMIT_S}"
    assert subprocess.run(["bash", "-c", command], check=False).returncode == 0


def test_a_probe_that_cannot_be_started_says_nothing_of_the_file(store_path, monkeypatch):
    monkeypatch.setattr(probe.sys, "executable", "/bin/false")
    with pytest.raises(subprocess.CalledProcessError):
        probe._try(store_path)


# Names


@pytest.mark.parametrize("group", [b"/layers", b"/experiments", f"{LAYER}/measure".encode(), b"/images"])
def test_a_name_that_is_no_text_is_found(spoil, group):
    name = group + b"/n\xff\x1b[31m"

    def change(file):
        file.require_group("/experiments")
        h5py.h5g.create(file.id, name)

    assert [(p.path.encode("utf-8", "surrogateescape"), p.message) for p in check(spoil(change))] == [
        (name, "its name is not UTF-8")
    ]


def test_a_layer_whose_name_is_no_text_is_damage(spoil):
    path = spoil(lambda file: file.id.links.move(LAYER.encode(), file.id, b"/layers/n\xff"))
    with pytest.raises(StoreDamaged, match="/layers cannot be read"):
        read_frame(path)


def test_a_name_of_a_file_that_is_no_text_makes_no_store_that_is_damaged(store_path):
    with StoreWriter(store_path) as writer:
        writer.take_over(store_path, without=())
        writer.describe("/images", {"root": os.fsdecode(b"/photos/\xff")})
        writer.finish()
    with open_store(store_path) as store:
        assert store.images.root == r"/photos/\udcff"


# What is printed


def test_nothing_that_is_printed_steers_the_terminal(spoil, capsys):
    def change(file):
        file["/classes/title"][0] = "\x1b[31m"
        del file["/model"].attrs["spec"]
        file["/model"].attrs["spec"] = "\x1b]0;owned\x07 \u202egnp.exe"

    changed = spoil(change)
    main(["info", str(changed)])
    main(["check", str(changed)])
    said = capsys.readouterr()
    assert not set("\x1b\x07\u202e") & set(said.out + said.err)
    assert "\\x1b" in said.out


def test_nothing_that_was_typed_steers_the_terminal_either(capsys):
    with pytest.raises(SystemExit):
        main(["info", "store.h5", "\x1b[31m"])
    assert r"\x1b[31m" in capsys.readouterr().err
