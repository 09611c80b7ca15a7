"""Greedy compression of a small network, held to hooks and whole forward passes on one set of units after another."""

import h5py
import numpy as np
import pytest
import torch
from PIL import Image

from precompute.__main__ import main
from precompute.models.load import load_model
from precompute.store.check import check
from precompute.store.reader import open_store

LAYERS = ["features.4", "signed"]


def compressed(real_job, folder, *words):
    path = folder / "store.h5"
    path.write_bytes(real_job[2].read_bytes())
    assert main(["experiment", "compression", str(path), "--seed", "5", "--device", "cpu", *words]) == 0
    return path


@pytest.fixture(scope="module")
def done(experimented):
    """The store with its compression, as the command line makes it."""
    return experimented("compression")


@pytest.fixture(scope="module")
def found(done):
    return dict(done.experiment("compression"))


@pytest.fixture(scope="module")
def right(real_job, done):
    """Say which images are right with some units of a layer overwritten by a hook, one image at a time."""
    model = load_model(real_job[0], None)
    pictures = [Image.open(real_job[1] / path).convert("RGB") for path in done.images.path]
    inputs = [model.transform(picture)[None] for picture in pictures]
    known = {}

    def answered(layer, units):
        def overwrite(_module, _inputs, output):
            output = output.clone()
            output[:, list(units)] = 0
            return output

        key = layer, tuple(sorted(units))
        if key not in known:
            handle = model.network.get_submodule(layer).register_forward_hook(overwrite)
            with torch.no_grad():
                known[key] = np.array([model.network(image).argmax().item() for image in inputs]) == done.images.label
            handle.remove()
        return known[key]

    return answered


@pytest.mark.parametrize("layer", LAYERS)
def test_in_every_round_the_unit_goes_that_is_missed_least(done, found, right, layer):
    base, deciding = f"layers/{layer}", found["half"] == 0
    order, norm = found[f"{base}/unit"][0], np.nan_to_num(done.layer(layer).measures["l1_norm"].values)
    for number in range(len(order)):
        gone, left = list(order[:number]), sorted(order[number:])
        before = right(layer, gone)[deciding]
        np.testing.assert_allclose(found[f"{base}/deciding_accuracy"][number], before.mean(), atol=1e-6)
        lost = {unit: before.sum() - right(layer, [*gone, unit])[deciding].sum() for unit in left}
        reduction = found[f"{base}/reduction"][number]
        np.testing.assert_allclose(reduction[left], np.array(list(lost.values())) / deciding.sum(), atol=1e-6)
        assert np.isnan(np.delete(reduction, left)).all()
        assert order[number] == min(left, key=lambda unit: (lost[unit], norm[unit], unit))


@pytest.mark.parametrize("layer", LAYERS)
def test_curves_are_those_of_the_other_half(found, right, layer):
    base, measuring = f"layers/{layer}", found["half"] == 1
    for order, curve in zip(found[f"{base}/unit"], found[f"{base}/accuracy"], strict=True):
        for n_removed, accuracy in zip(found[f"{base}/n_removed"], curve, strict=True):
            np.testing.assert_allclose(accuracy, right(layer, order[:n_removed])[measuring].mean(), atol=1e-6)


def test_orders_fixed_before_begin_with_the_least_important(done, found):
    base, names = "layers/features.4", list(found["layers/features.4/ranking"])
    assert names == ["greedy", "drop", "class_selectivity", "l1_norm", *["random"] * 20]
    norm = done.layer("features.4").measures["l1_norm"].values
    np.testing.assert_array_equal(found[f"{base}/unit"][names.index("l1_norm")], np.argsort(norm))


def test_the_single_drop_is_that_of_the_first_round(found):
    base = "layers/features.4"
    order = found[f"{base}/unit"][list(found[f"{base}/ranking"]).index("drop")]
    assert (np.diff(found[f"{base}/reduction"][0][order]) >= 0).all()


def mean_loss(right, layer, unit, images):
    return right(layer, [])[images].mean() - right(layer, [unit])[images].mean()


@pytest.mark.parametrize("layer", LAYERS)
def test_the_classes_named_are_those_that_lose_most_and_least(done, found, right, layer):
    base = f"layers/{layer}"
    parts = [[(done.images.label == c) & (found["half"] == part) for c in range(3)] for part in (0, 1)]
    for unit in range(done.layer(layer).n_units):
        drop = np.array([[mean_loss(right, layer, unit, of) for of in each] for each in parts])
        for end, extreme in (("most", drop[0].max()), ("least", drop[0].min())):
            (named,) = found[f"{base}/{end}_class"][unit]
            np.testing.assert_allclose(found[f"{base}/{end}_drop"][unit], extreme, atol=1e-6)
            np.testing.assert_allclose(drop[0][named], extreme, atol=1e-6)
            np.testing.assert_allclose(found[f"{base}/{end}_held_out"][unit], drop[1][named], atol=1e-6)


@pytest.mark.parametrize("layer", LAYERS)
def test_colour_selectivity_is_that_of_the_exemplars_in_grey(real_job, done, found, layer):
    model, view = load_model(real_job[0], None), done.layer(layer)
    seen = []
    model.network.get_submodule(layer).register_forward_hook(lambda _m, _i, output: seen.append(output.clone()))
    for unit in range(view.n_units):
        totals = []
        for grey in (False, True):
            total = 0.0
            for image in view.exemplars("top", unit).image:
                picture = Image.open(real_job[1] / done.images.path[image]).convert("RGB")
                picture = picture.convert("L").convert("RGB") if grey else picture
                with torch.no_grad():
                    model.network(model.transform(picture)[None])
                total += max(0.0, seen.pop()[0, unit].max().item())
            totals.append(total)
        expected = 1 - totals[1] / totals[0] if totals[0] > 0 else np.nan
        np.testing.assert_allclose(found[f"layers/{layer}/colour_selectivity"][unit], expected, rtol=1e-3, atol=1e-4)
    np.testing.assert_array_equal(
        view.measures["colour_selectivity"].values, found[f"layers/{layer}/colour_selectivity"]
    )
    assert view.measures["colour_selectivity"].experiment == "compression"
    assert "weight_chroma" not in view.measures


def test_nothing_is_reduced_where_there_is_time_and_the_store_passes_its_check(done, found):
    assert "reduced" not in done.experiment("compression").facts
    assert set(found["half"]) == {0, 1}
    assert check(done.path) == []


def test_a_share_of_the_units_can_be_kept(real_job, tmp_path):
    path = compressed(real_job, tmp_path, "--keep", "0.5", "--layer", "features.4")
    with open_store(path) as store:
        found = store.experiment("compression")
        np.testing.assert_array_equal(found["layers/features.4/n_removed"], np.arange(5))
        assert found["layers/features.4/reduction"].shape == (4, 8)
        assert (np.sort(found["layers/features.4/unit"], axis=1) == np.arange(8)).all()
    assert check(path) == []


def test_little_time_means_fewer_images_and_says_so(real_job, tmp_path, capsys):
    path = compressed(real_job, tmp_path, "--max-minutes", "1e-9", "--layer", "features.4")
    told = capsys.readouterr().out
    with open_store(path) as store:
        found = store.experiment("compression")
        assert found.facts["reduced"] in told
        assert "each round removes 1 unit, on 2 images of each class" in told
        assert (found["half"] >= 0).sum() == 6


def test_the_first_kernels_give_chroma(real_job, tmp_path):
    model, images, _ = real_job
    path = tmp_path / "first.h5"
    words = ["run", model, "--images", images, "--layer", "features.2", "--out", path, "--workers", "0"]
    assert main([*map(str, words), "--attribution", "none", "--top-k", "2"]) == 0
    assert main(["experiment", "compression", str(path), "--device", "cpu"]) == 0
    weight = load_model(model, None).network.get_submodule("features.0").weight.detach().numpy()
    with open_store(path) as store:
        chroma = store.layer("features.2").measures["weight_chroma"].values
    for unit, kernel in enumerate(weight):
        grey = ((kernel.sum(axis=0) / np.sqrt(3)) ** 2).sum()
        np.testing.assert_allclose(chroma[unit], 1 - grey / (kernel**2).sum(), rtol=1e-4)


def test_a_keep_of_everything_is_refused(job_store, capsys):
    assert main(["experiment", "compression", str(job_store), "--keep", "1"]) == 1
    assert "--keep must be a share of the units" in capsys.readouterr().err
    with h5py.File(job_store) as file:
        assert "compression" not in file.get("experiments", {})
