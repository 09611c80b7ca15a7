"""Experiments beside the rest of a store: taken over as it stands, read back, and their faults found."""

import json

import h5py
import numpy as np
import pytest

from precompute.errors import StoreDamaged, StoreError
from precompute.measures.drop_evidence import evidence
from precompute.measures.halves import halves
from precompute.measures.log_prob_tests import wilcoxon
from precompute.measures.maxdrop import takes_part
from precompute.measures.selectivity import class_means
from precompute.store import schema
from precompute.store.answers import answers
from precompute.store.check import Problem, check
from precompute.store.experiments import registry
from precompute.store.reader import open_store
from precompute.store.stamps import MEMBERS
from precompute.store.writer import StoreWriter
from tests.precompute.store.conftest import unstamp

LAYER = "features.2"
FACTS = {
    "title": "Made up",
    "source": "nobody",
    "created": "2026-01-01T00:00:00+00:00",
    "command": "none",
    "options": json.dumps({"layers": [LAYER]}),
    "seed": 3,
    "versions": json.dumps({"numpy": "2"}),
}
CURVES = f"/experiments/cumulative/layers/{LAYER}"
ABLATED = f"/experiments/statistics/layers/{LAYER}/ablation/zero"
DISSECTED = f"/experiments/dissection/layers/{LAYER}"
ENTROPY = f"/experiments/entropy/layers/{LAYER}"
COMPRESSED = f"/experiments/compression/layers/{LAYER}"
CORRELATED = f"/experiments/correlations/layers/{LAYER}/ablation/zero"


def sizes(store):
    layer = store.layer(LAYER)
    shared = {"image": len(store.images), "class": len(store.classes), "unit": layer.n_units}
    shared |= {
        "concept": 3,
        "folder": 2,
        "shuffle": 5,
        "rank": 2,
        "rotation": 2,
        "shown exemplar": 2,
        "row": 4,
        "column": 4,
    }
    shared |= {"method": 2, "compared unit": 2, "noise": 2, "half": 2, "share": 4}
    shared |= {"drop": 3, "round": 2, "place": 3, "ranked class": 2, "end": 2}
    return shared | {"measure": 3, "target": 2, "order": 4, "step": 3, "fraction": 2, "seed": 3, "direction": 2}


def made_up(store):
    """Every dataset of every experiment, with values that keep the rules."""
    size = sizes(store)
    arrays = {}
    for entry in registry.entries():
        shape = tuple(size[axis] for axis in entry.axes)
        path = entry.path.replace("<layer>", LAYER).replace("<kind>", "zero")
        if entry.dtype == schema.STRING:
            arrays[path] = np.array([f"name {i}" for i in range(shape[0])])
        else:
            arrays[path] = np.zeros(shape, entry.dtype)
    arrays |= statistics_of(store)
    arrays[f"{CURVES}/unit"] = np.tile(np.arange(size["unit"]), (size["order"], 1))
    arrays[f"{ENTROPY}/unit"] = np.tile(np.arange(size["unit"]), (size["class"], 1))
    for base in (CURVES, ENTROPY):
        arrays[f"{base}/n_removed"] = np.array([0, 1, size["unit"]])
    arrays[f"{CURVES}/class_ranked/unit"] = np.tile(np.arange(size["unit"]), (size["ranked class"], 1))
    arrays[f"{CURVES}/class_ranked/n_removed"] = arrays[f"{CURVES}/n_removed"]
    arrays[f"{COMPRESSED}/unit"] = arrays[f"{CURVES}/unit"]
    return arrays


def statistics_of(store):
    """Return what the check computes anew."""
    before, layer = answers(store), store.layer(LAYER)
    half, taking = halves(before.label), takes_part(before.correct, before.count)
    found = dict(evidence(layer.flip_table("zero"), before, half, taking).arrays)
    change = layer.log_prob_change("zero", slice(None))
    found["log_prob_change"] = class_means(change, before.label, before.n_classes)
    found["log_prob_p"] = wilcoxon(change, before.label, before.n_classes)
    shared = {"half": half, "set_apart": (~taking).astype("i4")}
    return {f"{ABLATED}/{name}": values for name, values in found.items()} | {
        f"/experiments/statistics/{name}": values for name, values in shared.items()
    }


def add(path, arrays, *, without="/experiments/none", facts=FACTS):
    with open_store(path) as store:
        provenance = json.dumps(store.provenance)
    with StoreWriter(path) as writer:
        writer.take_over(path, without=[without])
        for name in {dataset.split("/")[2] for dataset in arrays}:
            writer.describe(f"/experiments/{name}", facts)
        for dataset, values in arrays.items():
            writer.write(dataset, values)
        writer.finish(provenance)


@pytest.fixture(scope="module")
def extended_bytes(good_bytes, tmp_path_factory):
    """The small store with all experiments, as a file's bytes."""
    path = tmp_path_factory.mktemp("extended") / "extended.h5"
    path.write_bytes(good_bytes)
    with open_store(path) as store:
        arrays = made_up(store)
    add(path, arrays)
    return path.read_bytes()


@pytest.fixture
def extended(extended_bytes, tmp_path):
    """A copy of it."""
    path = tmp_path / "extended.h5"
    path.write_bytes(extended_bytes)
    return path


def content(path):
    """All datasets and facts of a store but those of experiments, as bytes or values."""
    found = {}

    def keep(name, item):
        if name.startswith("experiments"):
            return
        found[f"{name}@"] = {fact: np.asarray(value).tolist() for fact, value in item.attrs.items()}
        if isinstance(item, h5py.Dataset):
            values = item[...]
            found[name] = list(values) if values.dtype == object else values.tobytes(), item.dtype, item.chunks

    with h5py.File(path) as file:
        file.visititems(keep)
        found["/"] = {fact: value for fact, value in file.attrs.items() if fact != MEMBERS}  # experiments come to it
    return found


# Writing


def test_taking_over_leaves_everything_else_as_it_stands(store_path):
    before = content(store_path)
    with open_store(store_path) as store:
        add(store_path, made_up(store))
    after = content(store_path)
    assert after.keys() == before.keys()
    for name, value in before.items():
        np.testing.assert_equal(after[name], value, err_msg=name)
    assert check(store_path) == []


def test_a_group_left_out_can_be_written_anew_and_the_others_stay(extended):
    with open_store(extended) as store:
        arrays = made_up(store)
        half = store.experiment("statistics")["half"]
    renewed = {path: values for path, values in arrays.items() if "/cumulative/" in path}
    add(extended, renewed, without="/experiments/cumulative", facts=FACTS | {"seed": 4})
    with open_store(extended) as store:
        assert store.experiments == tuple(sorted(registry.NAMES))
        assert store.experiment("cumulative").facts["seed"] == 4
        assert store.experiment("statistics").facts["seed"] == 3
        np.testing.assert_array_equal(store.experiment("statistics")["half"], half)


def test_writing_anew_does_not_make_the_file_grow(extended):
    with open_store(extended) as store:
        arrays = {path: values for path, values in made_up(store).items() if "/cumulative/" in path}
    sizes = []
    for _ in range(3):
        add(extended, arrays, without="/experiments/cumulative")
        sizes.append(extended.stat().st_size)
    assert sizes[0] == sizes[1] == sizes[2]


def test_a_group_that_fails_the_check_leaves_the_store_byte_for_byte(store_path):
    before = store_path.read_bytes()
    with open_store(store_path) as store:
        arrays = made_up(store)
    arrays[f"{ABLATED}/lost"] = arrays[f"{ABLATED}/lost"] + 1
    with pytest.raises(StoreDamaged, match="lost"):
        add(store_path, arrays)
    assert store_path.read_bytes() == before
    assert [path.name for path in store_path.parent.iterdir()] == [store_path.name]


def test_an_open_store_goes_on_reading_what_it_opened(store_path):
    with open_store(store_path) as store:
        add(store_path, made_up(store))
        assert store.experiments == ()
        assert len(store.thumbnail(0)) >= 0
        assert np.isfinite(store.layer(LAYER).activation(0).max).all()
    with open_store(store_path) as store:
        assert store.experiments == tuple(sorted(registry.NAMES))


# Reading


def test_an_experiment_is_a_mapping_of_its_datasets(extended):
    with open_store(extended) as store:
        expected = {path.split("/", 3)[3]: values for path, values in made_up(store).items() if "/cumulative/" in path}
        found = store.experiment("cumulative")
        assert set(found) == set(expected)
        assert len(found) == len(expected)
        for path, values in expected.items():
            np.testing.assert_array_equal(found[path], values)
        assert found.layers == (LAYER,)
        with pytest.raises(KeyError):
            found["layers"]


def test_the_facts_of_an_experiment_are_plain_values(extended):
    with open_store(extended) as store:
        facts = store.experiment("correlations").facts
    assert facts["seed"] == 3
    assert type(facts["seed"]) is int
    assert facts["options"] == {"layers": [LAYER]}
    assert facts["versions"] == {"numpy": "2"}
    assert "reduced" not in facts


@pytest.mark.parametrize("name", ["max_drop_q", "overall_high"])
def test_what_the_format_names_and_is_missing_gets_a_sentence(extended, name):
    path = f"layers/{LAYER}/ablation/zero/{name}"
    with h5py.File(extended, "r+") as file:
        del file["/experiments/statistics"][path]
    with open_store(extended) as store:
        found = store.experiment("statistics")
        assert path not in found
        with pytest.raises(StoreDamaged, match="another version of Unitscope added it"):
            found[path]
        assert found.get(path) is None
        with pytest.raises(KeyError):
            found["layers/nowhere/ablation/zero/max_drop_q"]
        with pytest.raises(KeyError):
            found["nothing"]


def test_an_experiment_that_is_not_there_says_how_to_add_it(store_path):
    with open_store(store_path) as store, pytest.raises(StoreError, match="precompute experiment cumulative"):
        store.experiment("cumulative")


# Checking


def test_every_missing_dataset_is_found(extended):
    missing = []
    with h5py.File(extended, "r+") as file:
        for entry in registry.entries():
            path = entry.path.replace("<layer>", LAYER).replace("<kind>", "zero")
            del file[path]
            missing += [path] if entry.required else []
        unstamp(file)
    assert check(extended) == [Problem(path, "the dataset is missing") for path in missing]


def test_an_optional_dataset_may_be_missing(extended):
    with h5py.File(extended, "r+") as file:
        del file[f"{ABLATED}/log_prob_p"]
        unstamp(file)
    assert check(extended) == []


def plant(path, values, at=...):
    def change(file):
        file[path][at] = values

    return path, change


def no_such_layer(file):
    file.move(CURVES, "/experiments/cumulative/layers/other")


def nameless_versions(file):
    file["/experiments/statistics"].attrs["versions"] = "[1]"


def shorten(file, path):
    values, facts = file[path][:-1], dict(file[path].attrs)
    del file[path]
    file.create_dataset(path, data=values).attrs.update(facts)


FAULTS = [
    plant(f"{ABLATED}/lost", 7),
    plant(f"{ABLATED}/max_drop_q", 1.5),
    plant(f"{CORRELATED}/spearman", -1.5),
    plant(f"{CURVES}/unit", 1, at=(2, 0)),
    plant(f"{CURVES}/n_removed", -1, at=0),
    plant(f"{CURVES}/n_removed", 0, at=1),
    plant(f"{CURVES}/n_removed", 2, at=2),
    plant(f"{CURVES}/class_ranked/unit", 1, at=(1, 0)),
    plant(f"{CURVES}/class_ranked/n_removed", 0, at=1),
    plant(f"{COMPRESSED}/unit", 1, at=(3, 0)),
    plant(f"{COMPRESSED}/reduction", 2),
    plant("/experiments/compression/half", 2),
    plant(f"{CURVES}/accuracy", 0.5, at=(1, 0)),
    plant(f"{CURVES}/accuracy", 0.5, at=(1, -1)),
    plant(f"{ENTROPY}/unit", 1, at=(0, 0)),
    plant(f"{ENTROPY}/accuracy", 1.5, at=(0, 1, 0)),
    plant(f"{ENTROPY}/loss", 1, at=(1, 0, 0)),
    plant(f"{ENTROPY}/loss", 1, at=(1, -1, 0)),
    plant(f"{CURVES}/area", np.nan),
    plant(f"{DISSECTED}/iou", -0.5),
    plant(f"{DISSECTED}/shown_concept", 3),
    ("/experiments/dissection/category", lambda file: shorten(file, "/experiments/dissection/category")),
    plant("/experiments/statistics/half", -1),
    ("/experiments/cumulative/layers/other", no_such_layer),
    ("/experiments/statistics", nameless_versions),
    ("/experiments/correlations", lambda file: file["/experiments/correlations"].attrs.__delitem__("seed")),
]


def beyond(entry):
    """A value just above what an entry's unit of measurement allows; infinity where it allows all."""
    if entry.unit == "class":
        return 4
    return np.inf if entry.limits is None else entry.limits[1] + 0.01


def test_a_value_that_cannot_be_is_found_in_every_dataset_of_every_experiment(extended):
    fractional = [entry for entry in registry.entries() if entry.dtype.startswith("f")]
    paths = [entry.path.replace("<layer>", LAYER).replace("<kind>", "zero") for entry in fractional]
    with h5py.File(extended, "r+") as file:
        for path, entry in zip(paths, fractional, strict=True):
            file[path][...] = beyond(entry)
    found = {problem.path for problem in check(extended) if "values cannot be" in problem.message}
    assert found == set(paths)


@pytest.mark.parametrize(("path", "change"), FAULTS, ids=[path for path, _ in FAULTS])
def test_a_planted_fault_is_found_at_its_path(extended, path, change):
    with h5py.File(extended, "r+") as file:
        change(file)
        unstamp(file)
    assert path in {problem.path for problem in check(extended)}


@pytest.mark.parametrize("text", ["no JSON", "[1]", "[" * 50_000])
def test_options_that_are_no_json_object_are_damage_to_a_reader(extended, text):
    with h5py.File(extended, "r+") as file:
        file["/experiments/statistics"].attrs["versions"] = np.bytes_(text)
    with (
        open_store(extended) as store,
        pytest.raises(StoreDamaged, match="'versions' of /experiments/statistics is no"),
    ):
        _ = store.experiment("statistics").facts


def test_a_wrong_number_of_units_is_found(extended):
    path = f"{ABLATED}/reliability"
    with h5py.File(extended, "r+") as file:
        facts = dict(file[path].attrs)
        del file[path]
        file.create_dataset(path, data=np.zeros(9, "f4")).attrs.update(facts)
    assert [problem.path for problem in check(extended)] == [path]


# The format


def test_every_axis_is_explained_and_only_once():
    named = [axis.name for axis in (*schema.AXES, *registry.axes())]
    assert len(set(named)) == len(named)
    assert {axis for entry in registry.entries() for axis in entry.axes} <= set(named)
