"""Curves of a small network, held to hooks and whole forward passes on one set of units after another."""

import h5py
import numpy as np
import pytest
import torch
from PIL import Image

from precompute.__main__ import main
from precompute.experiments.ablation_orders import N_RANDOM
from precompute.experiments.cumulative.class_ranking import ClassRanking
from precompute.measures.curves import withstood
from precompute.models.load import load_model
from precompute.store.check import check
from precompute.store.reader import open_store
from tests.small import write_images, write_network

LAYER = "layers/features.4"


@pytest.fixture(scope="module")
def done(experimented):
    """The store with its curves, as the command line makes them."""
    return experimented("cumulative")


@pytest.fixture(scope="module")
def found(done):
    return dict(done.experiment("cumulative"))


def predictions(real_job, layer, units, images):
    """Top-1 outputs with some units overwritten by a hook, one image at a time."""
    model = load_model(real_job[0], None)

    def overwrite(_module, _inputs, output):
        output = output.clone()
        output[:, units] = 0
        return output

    model.network.get_submodule(layer).register_forward_hook(overwrite)
    with torch.no_grad():
        inputs = [model.transform(Image.open(real_job[1] / path).convert("RGB")) for path in images]
        return np.array([model.network(image[None]).argmax().item() for image in inputs])


def balanced_accuracy(said, label, c):
    return ((said == c)[label == c].mean() + (said != c)[label != c].mean()) / 2


@pytest.mark.parametrize("layer", ["features.4", "signed"])
def test_curves_are_those_of_overwriting_the_units(real_job, done, found, layer):
    measured = np.flatnonzero(found["half"] == 1)
    label = done.images.label[measured]
    paths = [done.images.path[image] for image in measured]
    base = f"layers/{layer}"
    for order in (0, 1, 2, 2 + N_RANDOM - 1):
        for step, n_removed in enumerate(found[f"{base}/n_removed"]):
            said = predictions(real_job, layer, found[f"{base}/unit"][order, :n_removed].tolist(), paths)
            np.testing.assert_allclose(found[f"{base}/accuracy"][order, step], (said == label).mean(), atol=1e-6)
            each = [balanced_accuracy(said, label, c) for c in range(3)]
            recall = [(said == c)[label == c].mean() for c in range(3)]
            np.testing.assert_allclose(found[f"{base}/class_accuracy"][order, step], recall, atol=1e-6)
            np.testing.assert_allclose(found[f"{base}/class_balanced"][order, step], each, atol=1e-6)
            np.testing.assert_allclose(found[f"{base}/balanced"][order, step], np.mean(each), atol=1e-6)


def test_units_are_ranked_on_the_other_half_alone(done, found):
    ranked = np.flatnonzero(found["half"] == 0)
    view = done.layer("features.4")
    target = done.classes.output_index[done.images.label]
    for unit in range(view.n_units):
        now = done.baseline.prediction.copy()
        flips = view.flips("zero", unit)
        now[flips.image] = flips.prediction
        lost = done.baseline_correct[ranked].mean() - (now == target)[ranked].mean()
        np.testing.assert_allclose(found[f"{LAYER}/score"][unit], lost, atol=1e-6)
    most, least = found[f"{LAYER}/unit"][:2]
    assert (np.diff(found[f"{LAYER}/score"][most]) <= 0).all()
    np.testing.assert_array_equal(least, most[::-1])


@pytest.mark.parametrize("layer", ["features.4", "signed"])
def test_units_are_ranked_for_each_class_on_the_first_half(real_job, done, found, layer):
    base, ranked = f"layers/{layer}/class_ranked", np.flatnonzero(found["half"] == 0)
    label, paths = done.images.label[ranked], [done.images.path[image] for image in ranked]
    np.testing.assert_array_equal(found[f"{base}/class"], [0, 1, 2])
    whole = predictions(real_job, layer, [], paths)
    for unit in range(done.layer(layer).n_units):
        said = predictions(real_job, layer, [unit], paths)
        for c in range(3):
            lost = balanced_accuracy(whole, label, c) - balanced_accuracy(said, label, c)
            np.testing.assert_allclose(found[f"{base}/score"][c, unit], lost, atol=1e-6)
    for c in range(3):
        loss = -np.array(
            [
                done.layer(layer).log_prob_change("zero", unit)[ranked][label == c].astype(float).mean()
                for unit in range(done.layer(layer).n_units)
            ]
        )
        score = found[f"{base}/score"][c].round(6)
        expected = sorted(range(len(loss)), key=lambda unit: (-score[unit], -loss[unit], unit))
        np.testing.assert_array_equal(found[f"{base}/unit"][c], expected)


@pytest.mark.parametrize("layer", ["features.4", "signed"])
def test_what_one_class_loses_is_that_of_overwriting_its_units(real_job, done, found, layer):
    base, measured = f"layers/{layer}/class_ranked", np.flatnonzero(found["half"] == 1)
    label, paths = done.images.label[measured], [done.images.path[image] for image in measured]
    for c in (0, 2):
        order = found[f"{base}/unit"][c]
        for end, units in enumerate((order, order[::-1])):
            for step, n_removed in enumerate(found[f"{base}/n_removed"]):
                said = predictions(real_job, layer, units[:n_removed].tolist(), paths)
                at = c, end, step
                np.testing.assert_allclose(found[f"{base}/accuracy"][at], (said == label).mean(), atol=1e-6)
                recall = (said == c)[label == c].mean()
                np.testing.assert_allclose(found[f"{base}/class_accuracy"][at], recall, atol=1e-6)
                balanced = balanced_accuracy(said, label, c)
                np.testing.assert_allclose(found[f"{base}/class_balanced"][at], balanced, atol=1e-6)


def test_agreement_is_with_the_whole_network_right_or_wrong(real_job, done, found):
    measured = np.flatnonzero(found["half"] == 1)
    paths = [done.images.path[image] for image in measured]
    agreement, order = found[f"{LAYER}/agreement"], found[f"{LAYER}/unit"]
    for step, n_removed in enumerate(found[f"{LAYER}/n_removed"]):
        said = predictions(real_job, "features.4", order[3, :n_removed].tolist(), paths)
        same = (said == done.baseline.prediction[measured]).mean()
        np.testing.assert_allclose(agreement[3, step], same, atol=1e-6)
    share = found[f"{LAYER}/n_removed"] / 8
    np.testing.assert_allclose(found[f"{LAYER}/prunability"], withstood(share, agreement), atol=1e-6)


def test_a_class_that_is_asked_for_is_measured_at_every_step(job_store):
    words = ["--layer", "features.4", "--class", "owls", "--class", "cats"]
    assert main(["experiment", "cumulative", str(job_store), *words]) == 0
    with open_store(job_store) as store:
        found = store.experiment("cumulative")
        np.testing.assert_array_equal(found[f"{LAYER}/class_ranked/class"], [0, 2])
        np.testing.assert_array_equal(found[f"{LAYER}/class_ranked/n_removed"], np.arange(9))


def test_a_class_that_is_not_there_is_refused(job_store, capsys):
    assert main(["experiment", "cumulative", str(job_store), "--class", "cows"]) == 1
    assert "--class cows: the store has no class of that name" in capsys.readouterr().err


@pytest.mark.parametrize("n_units", [1, 5, 48, 512])
def test_steps_for_classes_are_few_and_hold_those_of_the_published_table(n_units):
    order = np.arange(n_units)[None]
    published = {n for n in (4, 20, n_units - 20) if 0 < n < n_units}
    fewer = ClassRanking(np.array([0]), order * 0.0, order, np.arange(n_units + 1)).at_fewer_steps()
    assert set(fewer.n_removed) == {0, n_units} | published
    assert fewer.n_sets == len(fewer.ablations()) == len(fewer.own())


def test_there_are_at_least_twenty_random_orders(found):
    assert list(found[f"{LAYER}/ranking"][:3]) == ["most", "least", "random"]
    random = found[f"{LAYER}/unit"][found[f"{LAYER}/ranking"] == "random"]
    assert len(random) >= 20
    assert len(np.unique(random, axis=0)) > 15


def test_areas_are_those_of_trapezoids(found):
    x, y = found[f"{LAYER}/n_removed"] / 8, found[f"{LAYER}/accuracy"]
    for order in range(len(y)):
        area = sum((x[i + 1] - x[i]) * (y[order, i] + y[order, i + 1]) / 2 for i in range(len(x) - 1))
        np.testing.assert_allclose(found[f"{LAYER}/area"][order], area, rtol=1e-5)


def test_nothing_is_reduced_where_there_is_time(done, found):
    assert "reduced" not in done.experiment("cumulative").facts
    np.testing.assert_array_equal(found[f"{LAYER}/n_removed"], np.arange(9))
    assert set(found["half"]) == {0, 1}


def test_the_store_passes_its_check(done):
    assert check(done.path) == []


def test_a_measure_can_rank_units(job_store):
    words = ["experiment", "cumulative", str(job_store), "--by", "l1_norm", "--layer", "features.4"]
    assert main([*words, "--images-per-class", "4"]) == 0
    with open_store(job_store) as store:
        found = store.experiment("cumulative")
        norms = store.layer("features.4").measures["l1_norm"].values
        np.testing.assert_array_equal(found[f"{LAYER}/score"], norms)
        np.testing.assert_array_equal(found[f"{LAYER}/unit"][0], np.argsort(-norms))
        for c in range(3):
            assert sorted(found["half"][store.images.label == c]) == [-1] * 6 + [0, 0, 1, 1]


@pytest.mark.parametrize("by", ["norm", "l1_norm", "selective_class"])
def test_what_orders_no_units_is_refused(job_store, capsys, by):
    with h5py.File(job_store, "r+") as file:
        file["/layers/features.4/measure/l1_norm"][...] = np.nan
    assert main(["experiment", "cumulative", str(job_store), "--by", by, "--layer", "features.4"]) == 1
    told = capsys.readouterr().err
    assert f"--by {by}: the units of features.4 cannot be ranked by it" in told
    assert "class_selectivity, " in told
    assert "l1_norm" not in told.replace(f"--by {by}", "")


def test_little_time_means_fewer_images_and_says_so(job_store, capsys):
    words = ["--layer", "features.4", "--max-minutes", "1e-9"]
    assert main(["experiment", "cumulative", str(job_store), *words]) == 0
    told = capsys.readouterr().out
    assert "To stay within" in told
    with open_store(job_store) as store:
        found = store.experiment("cumulative")
        assert found.facts["reduced"] in told
        assert (found["half"] >= 0).sum() == 6
    assert check(job_store) == []


def test_images_of_one_class_have_accuracy_and_no_balanced_accuracy(tmp_path):
    """There are no other images that the class could be told from."""
    model, images, out = write_network(tmp_path), tmp_path / "images", tmp_path / "store.h5"
    write_images(images, classes=("cats",))
    classes = tmp_path / "classes.json"
    classes.write_text('{"cats": 0}')
    words = ["run", model, "--images", images, "--classes", classes, "--layer", "features.4", "--out", out]
    assert main([*map(str, words), "--workers", "0", "--attribution", "none"]) == 0
    assert main(["experiment", "cumulative", str(out)]) == 0
    with open_store(out) as store:
        found = dict(store.experiment("cumulative"))
    ranked = f"{LAYER}/class_ranked"
    np.testing.assert_array_equal(found[f"{ranked}/class_accuracy"], found[f"{ranked}/accuracy"])
    for name in (f"{LAYER}/balanced", f"{ranked}/score", f"{ranked}/class_balanced"):
        assert np.isnan(found[name]).all()
    assert check(out) == []
