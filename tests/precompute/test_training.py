"""A run with training images, held to runs without."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from PIL import Image

from precompute.__main__ import main
from precompute.models.load import load_model
from precompute.store.check import check
from precompute.store.reader import open_store
from tests.arrays import assert_same_arrays
from tests.small import write_images, write_network

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A network and two folders of other images of the same classes."""
    folder = tmp_path_factory.mktemp("made")
    return write_network(folder), write_images(folder / "val", per_class=4), write_images(folder / "train", per_class=5)


def job(model, images, out, *more):
    words = ["run", model, "--images", images, "--out", out, "--layer", "signed"]
    return [*map(str, words), "--workers", "0", "--top-k", "3", *map(str, more)]


def content(path, base):
    """Every dataset and fact of images, baseline and layers below a group, but for attributions."""
    found = {}

    def keep(name, item):
        if name.split("/")[0] in ("images", "baseline", "layers") and "attribution" not in name:
            found.update({f"{name}@{fact}": value for fact, value in item.attrs.items() if fact != "experiment"})
            if isinstance(item, h5py.Dataset):
                found[name] = item[...]

    with h5py.File(path) as file:
        file[base].visititems(keep)
    return found


@pytest.fixture(scope="module")
def trained(made, tmp_path_factory):
    """The store of a run with training images and both kinds of ablation."""
    model, val, train = made
    out = tmp_path_factory.mktemp("trained") / "store.h5"
    more = ("--ablation", "zero", "--ablation", "mean", "--attribution", "gradient", "--shard-size", 4)
    assert main(job(model, val, out, "--train-images", train, "--batch-size", 1, *more)) == 0
    return out


def test_the_store_passes_its_check(trained):
    assert check(trained) == []


def test_training_images_have_the_groups_of_a_run_on_them_alone(made, trained, tmp_path):
    model, _, train = made
    alone = tmp_path / "alone.h5"
    assert main(job(model, train, alone, "--batch-size", 1, "--attribution", "none")) == 0
    ours, theirs = content(trained, "/train"), content(alone, "/")
    by_a_run = {name: value for name, value in ours.items() if "mean/" not in name and not name.endswith("_mean")}
    assert {"images/thumbnail", "baseline/log_prob", "layers/signed/ablation/zero/log_prob_change"} <= by_a_run.keys()
    # A group names its members, and here it has means beside.
    means = {name for name in ours if "/ablation/mean" in name or "drop" in name or name.endswith("@members")}
    kept = {name: value for name, value in ours.items() if name not in means or "/zero/" in name}
    assert_same_arrays(kept, theirs)
    added = {name.split("@")[0] for name in theirs.keys() - ours.keys()}
    assert all("/measure/" in name for name in added)  # by the statistics of the images of the run


def test_the_images_of_the_run_have_what_they_have_without_training_images(made, trained, tmp_path):
    model, val, _ = made
    alone = tmp_path / "alone.h5"
    more = ("--ablation", "zero", "--ablation", "mean", "--attribution", "gradient")
    assert main(job(model, val, alone, "--batch-size", 1, *more)) == 0
    ours, theirs = content(trained, "/"), content(alone, "/")
    assert ours.keys() == theirs.keys()
    assert_same_arrays(ours, theirs)


def test_mean_ablation_sets_units_to_their_means_on_the_images_of_the_run(made, trained):
    model = load_model(made[0], None)
    with open_store(trained) as store:
        layer, train = store.layer("signed"), store.train
        root = Path(train.images.root)
        inputs = torch.stack([model.transform(Image.open(root / path).convert("RGB")) for path in train.images.path])
        for unit in range(layer.n_units):
            mean = float(layer.activation(unit).mean.mean())

            def overwrite(_module, _inputs, output, unit=unit, mean=mean):
                output = output.clone()
                output[:, unit] = mean
                return output

            hook = model.network.get_submodule("signed").register_forward_hook(overwrite)
            with torch.no_grad():
                log_prob = model.network(inputs).log_softmax(1).numpy()[range(15), train.images.label]
            hook.remove()
            found = train.layer("signed").log_prob_change("mean", unit)
            np.testing.assert_allclose(found, log_prob - train.baseline.log_prob, rtol=2e-3, atol=1e-4)


def test_the_run_and_the_store_say_what_was_trained_on(made, trained, capsys):
    assert main(["info", str(trained)]) == 0
    said = capsys.readouterr().out
    assert f"15 in {made[2]}" in said
    with open_store(trained) as store:
        record = store.provenance["training"]
        assert record["image_list_hash"] == store.train.images.list_hash
        assert record["no_op_flip_rate"] == 0
        assert record["no_op_rows"] > 0


def test_attributions_are_made_for_the_images_of_the_run_alone(trained):
    with open_store(trained) as store:
        assert store.layers[0].attributions
        assert store.train.layers[0].attributions == ()


def test_a_killed_run_goes_on_and_ends_in_the_same_store(made, trained, tmp_path):
    model, val, train = made
    out = tmp_path / "killed.h5"
    more = ("--ablation", "zero", "--ablation", "mean", "--attribution", "gradient", "--shard-size", 4)
    words = job(model, val, out, "--train-images", train, "--batch-size", 1, *more, "--resume")
    running = subprocess.Popen(
        [sys.executable, "-m", "precompute", *words], cwd=ROOT, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL
    )
    side_files = tmp_path / "killed.h5.shards" / "training"
    while running.poll() is None and not list(side_files.glob("sweep-0000[1-9]")):
        time.sleep(0.005)
    running.send_signal(signal.SIGKILL)
    running.wait()
    assert main(words) == 0
    assert_same_arrays(content(out, "/train"), content(trained, "/train"))
    assert_same_arrays(content(out, "/"), content(trained, "/"))
    assert not side_files.parent.exists()


def test_resuming_refuses_other_training_images_by_name(made, tmp_path, capsys):
    model, val, train = made
    out, other = tmp_path / "store.h5", write_images(tmp_path / "other", per_class=8)
    for image in range(6):
        (other / "owls" / f"{image:02d}.png").write_bytes(b"nothing")
    assert main(job(model, val, out, "--train-images", other, "--attribution", "none")) == 1
    assert "6 of 24 files cannot be read" in capsys.readouterr().err
    assert main(job(model, val, out, "--train-images", train, "--attribution", "none", "--resume")) == 1
    said = capsys.readouterr().err
    assert "--train-images was" in said
    assert main(job(model, val, out, "--train-images", other, "--attribution", "none", "--resume", "--allow-bad")) == 0
    assert "18 training images" in capsys.readouterr().out
    with open_store(out) as store:
        assert len(store.train.images.skipped) == 6
    assert check(out) == []


def test_training_images_of_other_classes_are_refused_by_name(made, tmp_path, capsys):
    model, val, _ = made
    other = write_images(tmp_path / "other", classes=("cats", "dogs", "rats"), per_class=2)
    assert main(job(model, val, tmp_path / "store.h5", "--train-images", other)) == 1
    said = capsys.readouterr().err
    assert "no owls and also rats" in said
    assert "same 3 class folders" in said


def test_images_are_not_their_own_training_images(made, tmp_path, capsys):
    model, val, _ = made
    assert main(job(model, val, tmp_path / "store.h5", "--train-images", val)) == 1
    assert "these are the images of --images" in capsys.readouterr().err


def test_a_limit_holds_for_each_set(made, tmp_path):
    model, val, train = made
    assert (
        main(job(model, val, tmp_path / "store.h5", "--train-images", train, "--limit", 6, "--attribution", "none"))
        == 0
    )
    with open_store(tmp_path / "store.h5") as store:
        assert (len(store.images), len(store.train.images)) == (6, 6)


def test_an_experiment_leaves_training_images_as_they_are(trained, tmp_path):
    copy = tmp_path / "copy.h5"
    copy.write_bytes(trained.read_bytes())
    assert main(["experiment", "correlations", str(copy)]) == 0
    assert_same_arrays(content(copy, "/train"), content(trained, "/train"))
    assert check(copy) == []
