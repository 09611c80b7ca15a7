"""What the reader says of files that are no good, and what it does while a good one is replaced."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest

from precompute.errors import StoreDamaged, StoreError, StoreIncomplete, StoreMissing, StoreVersion
from precompute.store.reader import open_store
from precompute.store.storefile import StoreFile
from tests.factory import Recipe, make_contents, write_store
from tests.precompute.store.conftest import SMALL

ROOT = Path(__file__).parents[3]
LAYER = "/layers/features.2"


def read_everything(store):
    """Read all that a page could ask for."""
    _ = store.created, store.provenance, store.model, store.classes, store.images, store.baseline
    _ = store.state_dict(), [store.thumbnail(image) for image in range(len(store.images))]
    for layer in store.layers:
        _ = layer.n_units, layer.kind, layer.spatial_shape, layer.class_mean, layer.measures
        _ = [layer.ablation(kind) for kind in layer.ablations]
        shown = [method.method for method in layer.attributions if not method.left_out]
        for unit in range(layer.n_units):
            layer.activation(unit)
            _ = [(layer.flips(kind, unit), layer.log_prob_change(kind, unit)) for kind in layer.ablations]
            _ = [layer.exemplars(kind, unit) for kind in layer.exemplar_kinds]
            _ = [layer.attribution(method, unit) for method in shown]


# Files that are no good


def test_a_missing_store_is_told(tmp_path):
    with pytest.raises(StoreMissing, match=r"a\.h5: there is no such file"):
        open_store(tmp_path / "a.h5")


def test_a_path_through_a_file_is_told(store_path):
    with pytest.raises(StoreMissing, match="there is no such file"):
        open_store(store_path / "a.h5")


def test_a_folder_is_told(tmp_path):
    with pytest.raises(StoreMissing, match="this is a folder"):
        open_store(tmp_path)


def test_an_empty_file_is_told(tmp_path):
    (tmp_path / "a.h5").touch()
    with pytest.raises(StoreDamaged, match="the file is empty"):
        open_store(tmp_path / "a.h5")


@pytest.mark.parametrize("content", [b"PK\x03\x04" + bytes(4000), b"x", "path,label\n".encode("utf-16")])
def test_a_file_that_is_not_hdf5_is_told(content, tmp_path):
    (tmp_path / "a.h5").write_bytes(content)
    with pytest.raises(StoreDamaged, match="this is not an HDF5 file"):
        open_store(tmp_path / "a.h5")


@pytest.mark.parametrize("keep", [-1, -7, 0.99, 0.5, 0.1, 2048, 97])
def test_a_truncated_store_is_told(keep, store_path):
    data = store_path.read_bytes()
    store_path.write_bytes(data[: int(len(data) * keep) if isinstance(keep, float) else keep])
    with pytest.raises(StoreDamaged, match=r"the file is truncated, part of it is missing\. Copy it again"):
        open_store(store_path)


@pytest.mark.parametrize("keep", [1, 7, 8, 9, 40, 80])
def test_a_store_cut_in_its_first_bytes_is_told(keep, store_path):
    store_path.write_bytes(store_path.read_bytes()[:keep])
    with pytest.raises(StoreDamaged, match=r"not an HDF5 file|beginning is damaged|truncated"):
        open_store(store_path)


@pytest.mark.parametrize("format_fact", [None, "pictures", 7, [1, 2]])
def test_a_foreign_hdf5_file_is_told(format_fact, tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["pictures"] = np.zeros((2, 3))
        if format_fact is not None:
            file.attrs["format"] = format_fact
    with pytest.raises(StoreDamaged, match="this HDF5 file is not a store"):
        open_store(tmp_path / "a.h5")


@pytest.mark.parametrize("version", [2, "2.1", "10"])
def test_a_newer_version_is_told_with_what_to_do(version, spoil):
    path = spoil(lambda file: file.attrs.update({"version": version, "complete": False}))
    with pytest.raises(StoreVersion, match=rf"has version {version}, this program reads version 1\. Update Unitscope"):
        open_store(path)


@pytest.mark.parametrize("version", [0, "0.9", "draft"])
def test_an_older_version_is_told_with_what_to_do(version, spoil):
    with pytest.raises(StoreVersion, match=r"reads version 1\. Build the store again"):
        open_store(spoil(lambda file: file.attrs.__setitem__("version", version)))


def test_a_minor_version_is_read(spoil):
    with open_store(spoil(lambda file: file.attrs.__setitem__("version", "1.4"))) as store:
        read_everything(store)


def test_an_incomplete_store_is_told(spoil):
    with pytest.raises(StoreIncomplete, match=r"is not complete; .* `--resume`"):
        open_store(spoil(lambda file: file.attrs.__setitem__("complete", False)))


def test_a_store_without_the_stamp_counts_as_incomplete(spoil):
    with pytest.raises(StoreIncomplete):
        open_store(spoil(lambda file: file.attrs.__delitem__("complete")))


@pytest.mark.parametrize("text", ["", "{", "[1, 2]", '[["a", 1]]', "null"])
def test_provenance_that_is_no_json_object_is_told(text, spoil):
    path = spoil(lambda file: file.attrs.__setitem__("provenance", text))
    with open_store(path) as store, pytest.raises(StoreDamaged, match="the provenance is not a JSON object"):
        _ = store.provenance


def test_a_missing_dataset_is_told_by_its_path(spoil):
    path = spoil(lambda file: file.__delitem__(f"{LAYER}/class_mean"))
    with open_store(path) as store, pytest.raises(StoreDamaged, match=f"{LAYER}/class_mean is missing") as told:
        _ = store.layers[0].class_mean
    assert f"`python -m precompute check {path}`" in str(told.value)


def test_a_missing_fact_is_told_by_its_name(spoil):
    path = spoil(lambda file: file["/model"].attrs.__delitem__("n_outputs"))
    with open_store(path) as store, pytest.raises(StoreDamaged, match=r"/model \(n_outputs\) is missing"):
        _ = store.model


def test_a_damaged_block_is_told_and_other_units_can_be_read(store_path):
    with h5py.File(store_path) as file:
        chunk = file[f"{LAYER}/activation/max"].id.get_chunk_info(2)
    data = bytearray(store_path.read_bytes())
    data[chunk.byte_offset + chunk.size // 2] ^= 1
    store_path.write_bytes(data)
    with open_store(store_path) as store:
        store.layers[0].activation(1)
        with pytest.raises(StoreDamaged, match=f"{LAYER}/activation/max cannot be read, a part of the file is damaged"):
            store.layers[0].activation(2)
        store.layers[0].activation(3)


def test_no_damage_escapes_as_anything_but_a_store_error(good_bytes, store_path):
    rng, told = np.random.default_rng(0), 0
    for _ in range(60):
        data = bytearray(good_bytes)
        for place in rng.integers(len(data), size=20):
            data[place] ^= 1 << rng.integers(8)
        store_path.write_bytes(data)
        try:
            with open_store(store_path) as store:
                read_everything(store)
        except StoreError:
            told += 1
    assert told > 40


# Good files


def test_an_unknown_layer_is_told_with_those_there_are(store_path):
    with open_store(store_path) as store, pytest.raises(StoreError, match=r"no layer 'conv9' .* it holds features\.2"):
        store.layer("conv9")


def test_a_layer_is_found_by_its_name(store_path):
    with open_store(store_path) as store:
        assert store.layer("features.2") is store.layers[0]


def test_layers_come_in_the_order_of_the_network(tmp_path):
    names = ["features.10", "features.2", "a"]
    recipe = Recipe(n_classes=2, per_class=2, layers=tuple((name, 1, (1, 1)) for name in names), k=1)
    with open_store(write_store(tmp_path / "a.h5", make_contents(recipe))) as store:
        assert [layer.name for layer in store.layers] == names


def test_a_unit_past_the_end_is_an_index_error(store_path):
    with open_store(store_path) as store:
        for read in (store.layers[0].activation, lambda unit: store.layers[0].flips("zero", unit)):
            with pytest.raises(IndexError):
                read(4)


def test_classes_know_which_of_them_an_output_is(store_path):
    with open_store(store_path) as store:
        assert store.classes.of_output == {2: 0, 3: 1, 4: 2, 5: 3}
        assert len(store.classes) == 4
        assert store.images.per_class(4).tolist() == [4, 4, 4, 0]


def test_an_open_store_goes_on_reading_the_file_it_opened(store_path, tmp_path):
    other = make_contents(replace(SMALL, seed=9))
    with open_store(store_path) as store:
        old = store.layers[0].activation(0).max
        write_store(store_path, other)
        np.testing.assert_array_equal(store.layers[0].activation(0).max, old)
        read_everything(store)
        with open_store(store_path) as new:
            assert not np.array_equal(new.layers[0].activation(0).max, old)


def test_an_open_store_outlives_its_file(store_path):
    with open_store(store_path) as store:
        store_path.unlink()
        read_everything(store)


def test_a_store_that_may_only_be_read_can_be_read(store_path):
    store_path.chmod(0o400)
    store_path.parent.chmod(0o500)
    try:
        with open_store(store_path) as store:
            read_everything(store)
    finally:
        store_path.parent.chmod(0o700)


WATCH = """
import sys
from precompute.store.reader import open_store
from precompute.store.storefile import StoreFile
from tests.precompute.store.test_reader import read_everything

seen = []
running = ("exec", "compile", "pickle.", "marshal.", "subprocess.", "os.", "socket.", "ctypes.")
with open_store(sys.argv[2]) as store:
    read_everything(store)  # what the libraries load on first use is theirs
sys.addaudithook(lambda event, _: seen.append(event) if event.startswith(running) else None)
with open_store(sys.argv[1]) as store:
    read_everything(store)
print(sorted(set(seen)), "torch" in sys.modules)
"""


def test_opening_a_store_runs_nothing_and_loads_no_torch(store_path, good_bytes, tmp_path):
    (tmp_path / "first.h5").write_bytes(good_bytes)
    done = subprocess.run(
        [sys.executable, "-c", WATCH, str(store_path), str(tmp_path / "first.h5")],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.stdout == "[] False\n", done.stderr


# Whole layers


def test_all_flips_are_those_of_the_units_below_one_another(store_path):
    with open_store(store_path) as store:
        (layer,) = store.layers
        table = layer.flip_table("zero")
        assert len(table.image)
        for unit in range(layer.n_units):
            one, here = layer.flips("zero", unit), table.unit == unit
            np.testing.assert_array_equal(table.image[here], one.image)
            np.testing.assert_array_equal(table.prediction[here], one.prediction)
        assert table.n_units == layer.n_units


def test_a_whole_layer_takes_a_few_large_reads(store_path, monkeypatch):
    reads, read = [], StoreFile.read
    with open_store(store_path) as store:
        (layer,) = store.layers
        shape = layer.n_units, len(store.images)
        monkeypatch.setattr(StoreFile, "read", lambda *given: reads.append(given[1]) or read(*given))
        layer.flip_table("zero")
        assert len(reads) == 3
        reads.clear()
        (change,) = layer.log_prob_changes("zero")
        assert len(reads) == 1
    assert change.shape == shape


@pytest.mark.parametrize("edges", [[0, 3, 2], [1], [0, 1]])
def test_flips_that_belong_to_no_unit_are_told(store_path, edges):
    with h5py.File(store_path, "r+") as file:
        held = file[f"{LAYER}/ablation/zero/flip/indptr"]
        wrong = held[...]
        wrong[: len(edges)] = edges
        if edges == [0, 1]:
            wrong[-1] = 0
        held[...] = wrong
    with open_store(store_path) as store, pytest.raises(StoreDamaged, match="indptr"):
        store.layers[0].flip_table("zero")


def test_what_is_most_on_an_image_is_a_row_of_the_store(store_path, contents):
    with open_store(store_path) as store:
        outputs, units = store.highest_outputs(5), store.layer("features.2").strongest_units(5)
    for found, path in (
        (outputs.output, "/baseline/top_output"),
        (outputs.log_prob, "/baseline/top_log_prob"),
        (units.unit, f"{LAYER}/image_top/unit"),
        (units.value, f"{LAYER}/image_top/value"),
    ):
        np.testing.assert_allclose(found, contents.datasets[path][5], rtol=1e-6)


def test_an_older_store_does_not_say_what_is_most_on_an_image(spoil):
    def remove(file):
        del file["/baseline/top_output"], file["/baseline/top_log_prob"], file[f"{LAYER}/image_top"]

    with open_store(spoil(remove)) as store:
        assert store.highest_outputs(0) is None
        assert store.layer("features.2").strongest_units(0) is None


def test_a_strongest_unit_that_is_none_is_refused(spoil):
    with (
        open_store(spoil(lambda file: file[f"{LAYER}/image_top/unit"].__setitem__((1, 2), 99))) as store,
        pytest.raises(StoreDamaged, match="image_top/unit"),
    ):
        store.layer("features.2").strongest_units(1)


def test_a_units_activations_are_read_once_however_often_they_are_asked_for_in_a_row(tmp_path, monkeypatch):
    asked, read = [], StoreFile.read
    monkeypatch.setattr(StoreFile, "read", lambda self, path, *given: asked.append(path) or read(self, path, *given))
    with open_store(write_store(tmp_path / "store.h5", make_contents(SMALL))) as store:
        layer = store.layers[0]
        first = layer.activation(1)
        kept = first.max.copy()
        first.max[:] = -1
        again = layer.activation(np.int64(1))
        np.testing.assert_array_equal(again.max, kept)
        assert asked.count(f"{LAYER}/activation/max") == 1
        other = layer.activation(0)
        assert not np.array_equal(other.mean, again.mean)
        np.testing.assert_array_equal(layer.activation(slice(0, 2)).mean, [other.mean, again.mean])
