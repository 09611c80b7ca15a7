"""What is changed in a finished store is found: what is gone, other values, other facts. Older stores stay good."""

import struct
import zlib

import h5py
import numpy as np
import pytest

from precompute.errors import StoreDamaged
from precompute.store import stamps
from precompute.store.check import check
from precompute.store.reader import open_store
from precompute.store.writer import StoreWriter
from tests.precompute.store.conftest import LAYER, unstamp

OPTIONAL = [
    "/baseline/log_prob",
    "/provenance",
    "/model/state_dict/features.0.weight",
    f"{LAYER}/activation/positive_mean",
    f"{LAYER}/activation/other_tokens",
    f"{LAYER}/ablation/zero/log_prob_change",
    f"{LAYER}/attribution/gradient/map",
    f"{LAYER}/measure/class_selectivity",
]
REQUIRED = ["/images/label", f"{LAYER}/class_mean", f"{LAYER}/ablation/zero/flip/image"]
GROUPS = ["/model/state_dict", f"{LAYER}/exemplar/bottom", f"{LAYER}/attribution", f"{LAYER}/ablation/zero/flip"]


def without(path):
    def remove(file):
        assert path in file
        del file[path]

    return remove


def told(path):
    return [problem.path for problem in check(path)]


@pytest.mark.parametrize("path", OPTIONAL + REQUIRED)
def test_a_dataset_that_is_gone_is_told_once(path, change):
    assert told(change(without(path))) == [path]


@pytest.mark.parametrize("path", GROUPS)
def test_a_group_that_is_gone_is_told(path, change):
    found = told(change(without(path)))
    assert found
    assert all(problem == path or problem.startswith(f"{path}/") for problem in found)


@pytest.mark.parametrize("path", [LAYER, f"{LAYER}/class_mean", f"{LAYER}/ablation/zero/flip"])
@pytest.mark.parametrize("stamp", ["members", "values", "checksum"])
def test_a_stamp_that_is_gone_is_told(path, stamp, change):
    def remove(file):
        held = stamp in file[path].attrs
        file[path].attrs.pop(stamp, None)
        return held

    removed = []
    assert told(change(lambda file: removed.append(remove(file)))) == [path] * removed[0]


@pytest.mark.parametrize("members", [-1, "-1", "7 kind", "0 kind"])
def test_a_list_of_members_that_no_writer_makes_is_told(members, change):
    def put(file):
        del file[LAYER].attrs["members"]
        file[LAYER].attrs["members"] = members

    assert LAYER in told(change(put))


def test_what_a_writer_leaves_out_is_not_missed(store_path):
    with StoreWriter(store_path) as writer:
        writer.take_over(store_path, without={f"{LAYER}/ablation/zero/log_prob_change"})
        writer.finish()
    assert check(store_path) == []


def test_what_others_add_is_left_alone(change):
    assert check(change(lambda file: file.create_dataset(f"{LAYER}/measure_of_ours/x", data=[1.0]))) == []


def numbers(file):
    found = []
    file.visititems(
        lambda name, item: found.append(f"/{name}") if isinstance(item, h5py.Dataset) and item.size else None
    )
    return [path for path in found if file[path].dtype.kind in "fiu"]


def test_any_value_that_changes_is_found(good_bytes, store_path):
    """Also NaN where NaN may stand, and numbers that could be right."""
    with h5py.File(store_path) as file:
        paths = numbers(file)
    assert len(paths) > 20
    for path in paths:
        store_path.write_bytes(good_bytes)
        with h5py.File(store_path, "r+") as file:
            values = file[path][...]
            before = values.flat[-1]
            values.flat[-1] = before ^ 1 if values.dtype.kind in "iu" else np.nan if before == before else 0.25
            file[path][...] = values
        assert path in told(store_path)


def test_texts_that_change_are_found(change):
    def shout(file):
        file["/classes/title"][0] = b"other"

    assert [str(problem) for problem in check(change(shout))] == [
        "/classes/title: its values are not those that were written"
    ]


@pytest.mark.parametrize(
    ("kind", "code"), [("<f4", "f"), (">f4", "f"), ("<i8", "q"), (">i4", "i"), ("u1", "B"), ("<f2", "e")]
)
def test_the_checksum_of_values_is_of_little_endian_bytes(kind, code):
    values = np.arange(12).reshape(3, 4).astype(kind)
    slow = zlib.crc32(b"".join(struct.pack(f"<{code}", value) for value in values.ravel().tolist()))
    for parts in ([values], [values[:1], values[1:]], [values[:, ::1][:2], values[2:]]):
        assert stamps.checksum_of_values(iter(parts)) == f"{slow:08x}"


def test_an_older_store_without_stamps_is_good_and_misses_nothing_optional(change):
    assert check(change(unstamp)) == []
    assert check(change(without(f"{LAYER}/ablation/zero/log_prob_change"))) == []


def test_a_group_with_very_many_names_keeps_their_number(tmp_path):
    with h5py.File(tmp_path / "many.h5", "w") as file:
        many = file.create_group("many")
        for number in range(900):
            many.create_dataset(f"{'x' * 60}{number}", data=number)
        stamps.stamp(file)
        assert list(stamps.gone(many, "/many")) == []
        del many[f"{'x' * 60}7"]
        assert [str(problem) for problem in stamps.gone(many, "/many")] == ["/many: 1 of its 900 members are gone"]


CHANGES = [
    without(f"{LAYER}/activation/other_tokens"),
    lambda file: file[LAYER].attrs.__setitem__("kind", "Other"),
    lambda file: file[f"{LAYER}/class_mean"].__setitem__((0, 0), 0.123),
]


def write_again(path):
    with StoreWriter(path) as writer:
        writer.take_over(path, without=())
        writer.finish()


@pytest.mark.parametrize("how", CHANGES)
def test_a_changed_store_is_not_stamped_anew(how, change):
    path = change(how)
    before = path.read_bytes()
    with pytest.raises(StoreDamaged):
        write_again(path)
    assert path.read_bytes() == before
    with open_store(path) as store:
        assert store.layers


def test_facts_of_any_type_are_told_and_end_in_no_fault_of_ours(good_bytes, store_path):
    """Also of a type that no fact has: a record."""
    record = np.array([(1, 2.0)], dtype=[("a", "i4"), ("b", "f8")])
    for path in ("/", "/model", "/images", "/baseline", LAYER, f"{LAYER}/class_mean", f"{LAYER}/measure/dead"):
        store_path.write_bytes(good_bytes)
        with h5py.File(store_path, "r+") as file:
            for name in file[path].attrs:
                file[path].attrs[name] = record
        assert path in told(store_path)
