"""A store made before texts and pictures had a fixed length opens and says the same numbers.

``older.h5.xz`` was written by the program as it was then: two layers, training images, three experiments. What it says
is read here by h5py alone.
"""

import json
import lzma
from pathlib import Path

import h5py
import numpy as np
import pytest

from precompute.__main__ import main
from precompute.store.check import check
from precompute.store.reader import open_store
from precompute.store.renamed import current, earlier

HERE = Path(__file__).parent


@pytest.fixture
def older_path(tmp_path):
    path = tmp_path / "older.h5"
    path.write_bytes(lzma.decompress((HERE / "older.h5.xz").read_bytes()))
    return path


@pytest.fixture
def held(older_path):
    """Datasets and facts by path as it is called today, texts as ``str``, pictures as bytes."""
    found = {}

    def keep(name, item):
        name = current(name)
        found.update({f"/{name}@{fact}": value for fact, value in item.attrs.items()})
        if isinstance(item, h5py.Dataset):
            is_text = h5py.check_string_dtype(item.dtype)
            values = item.asstr()[...] if is_text else item[...]
            found[f"/{name}"] = [bytes(v) for v in values] if values.dtype == object and not is_text else values

    with h5py.File(older_path) as file:
        found.update({f"/@{fact}": value for fact, value in file.attrs.items()})
        file.visititems(keep)
    return found


def test_it_has_what_new_stores_have_not(older_path):
    assert b"GCOL" in older_path.read_bytes()


def test_it_has_no_problem(older_path):
    assert check(older_path) == []


def test_its_frame_is_read_as_it_stands(older_path, held):
    with open_store(older_path) as store:
        for of, images in (("", store), ("/train", store.train)):
            assert list(images.images.path) == held[f"{of}/images/path"].tolist()
            assert images.images.root == held[f"{of}/images@root"]
            assert images.images.label.tolist() == held[f"{of}/images/label"].tolist()
            np.testing.assert_array_equal(images.baseline.prediction, held[f"{of}/baseline/prediction"])
            np.testing.assert_array_equal(images.baseline.log_prob, held[f"{of}/baseline/log_prob"])
            assert [images.thumbnail(i) for i in range(len(images.images))] == held[f"{of}/images/thumbnail"]
        assert list(store.classes.title) == held["/classes/title"].tolist()
        assert list(store.classes.name) == held["/classes/name"].tolist()
        assert store.provenance == json.loads(held["/@provenance"])
        assert (store.created, store.model.spec) == (held["/@created"], held["/model@spec"])
        assert store.images.skipped == (("red_ball/broken.png", "truncated file"),)


def test_its_layers_are_read_as_they_stand(older_path, held):
    with open_store(older_path) as store:
        for of, images in (("", store), ("/train", store.train)):
            assert [layer.name for layer in images.layers] == ["features.8", "fc"]
            for layer in images.layers:
                assert_layer(layer, f"{of}/layers/{layer.name}", held)


def assert_layer(layer, base, held):
    assert (layer.kind, layer.n_units) == (held[f"{base}@kind"], held[f"{base}@n_units"])
    np.testing.assert_array_equal(layer.class_mean, held[f"{base}/class_mean"])
    for name, measure in layer.measures.items():
        np.testing.assert_array_equal(measure.values, held[f"{base}/measure/{name}"])
        assert (measure.label, measure.formula) == tuple(
            held[f"{base}/measure/{name}@{fact}"] for fact in ("label", "formula")
        )
    for unit in range(layer.n_units):
        activation = layer.activation(unit)
        np.testing.assert_array_equal(activation.max, held[f"{base}/activation/max"][unit])
        np.testing.assert_array_equal(activation.mean, held[f"{base}/activation/mean"][unit])
        for kind in layer.ablations:
            ablation = f"{base}/ablation/{kind}"
            start, stop = held[f"{ablation}/flip/indptr"][unit : unit + 2]
            np.testing.assert_array_equal(layer.flips(kind, unit).image, held[f"{ablation}/flip/image"][start:stop])
            np.testing.assert_array_equal(layer.ablation(kind).drop, held[f"{ablation}/drop"])
            np.testing.assert_array_equal(
                layer.log_prob_change(kind, unit), held[f"{ablation}/log_prob_change"][unit].astype("f4")
            )
        for kind in layer.exemplar_kinds:
            shown = layer.exemplars(kind, unit)
            np.testing.assert_array_equal(shown.image, held[f"{base}/exemplar/{kind}/image"][unit])
            np.testing.assert_array_equal(shown.map, held[f"{base}/exemplar/{kind}/map"][unit].astype("f4"))
        for found in layer.attributions:
            if found.left_out is None:
                expected = held[f"{base}/attribution/{found.method}/map"][unit].astype("f4")
                np.testing.assert_array_equal(layer.attribution(found.method, unit).map, expected)
            else:
                assert found.left_out == held[f"{base}/attribution/{found.method}@left_out"]


def test_its_experiments_are_read_as_they_stand(older_path, held):
    with open_store(older_path) as store:
        assert store.experiments == ("correlations", "selectivity", "statistics")
        for name in store.experiments:
            experiment, base = store.experiment(name), f"/experiments/{name}"
            assert experiment.facts["title"] == held[f"{base}@title"]
            assert experiment.facts["options"] == json.loads(held[f"{base}@options"])
            for path, values in experiment.items():
                np.testing.assert_array_equal(values, held[f"{base}/{path}"])


def test_an_experiment_can_be_added_to_it_and_all_else_stays(older_path, held):
    assert main(["experiment", "correlations", str(older_path)]) == 0
    assert check(older_path) == []
    with h5py.File(older_path) as file:
        for path, values in held.items():
            path = path if path in file else earlier(path)
            if "@" not in path and not path.startswith("/experiments/correlations"):
                now = file[path].asstr()[...] if h5py.check_string_dtype(file[path].dtype) else file[path][...]
                now = [bytes(v) for v in now] if isinstance(values, list) else now
                np.testing.assert_array_equal(now, values)
