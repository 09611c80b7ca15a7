"""The main job from the command line, held to the plainest possible program."""

import errno
import json
import os
import re
import shutil
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

from precompute import ablation_kinds
from precompute.__main__ import main
from precompute.errors import DiskError
from precompute.experiments import runner
from precompute.images.walk import LEADS_OUT
from precompute.models.load import load_model
from precompute.options import RunOptions
from precompute.progress import Progress, waiting
from precompute.provenance import versions_of_numbers
from precompute.run import pipeline
from precompute.run.shards import ShardFolder
from precompute.store.check import check
from precompute.store.reader import open_store
from tests.arrays import assert_same_arrays
from tests.small import write_images, write_network

ROOT = Path(__file__).parents[2]
LAYERS = ("features.3", "features.4", "signed", "classifier")


@pytest.fixture
def small(tmp_path):
    """MODEL, image folder and store of a small job."""
    return write_network(tmp_path), write_images(tmp_path / "images"), tmp_path / "runs" / "small.h5"


def job(small, *more, layers=("features.4",)):
    model, images, out = small
    named = [word for layer in layers for word in ("--layer", layer)]
    return ["run", model, "--images", str(images), "--out", str(out), "--workers", "0", *named, *map(str, more)]


def datasets(path):
    """Every dataset and every fact of a store, but for when and by what command it was made."""
    found = {}

    def keep(name, item):
        if isinstance(item, h5py.Dataset):
            found[name] = item[...]
        facts = {fact: value for fact, value in item.attrs.items() if fact not in ("created", "command")}
        found.update({f"{name}@{fact}": value for fact, value in facts.items()})

    with h5py.File(path) as file:
        file.visititems(keep)
    return found


def assert_same_stores(first, second):
    ours, theirs = datasets(first), datasets(second)
    assert ours.keys() == theirs.keys()
    assert_same_arrays(ours, theirs)


# What a run computes

VALUES = {"zero": lambda maps: 0.0, "mean": lambda maps: float(maps.mean())}
"""Each kind of ablation, as the value that a unit's maps give, written independently of the product.

The maps are a numpy array of all images, (image, row, column), or (image,) in a layer without positions.
"""


@pytest.fixture(scope="module")
def computed(tmp_path_factory):
    """The store of a small job with everything asked for, and the network that made it."""
    folder = tmp_path_factory.mktemp("computed")
    small = write_network(folder), write_images(folder / "images"), folder / "runs" / "small.h5"
    kinds = [word for kind in VALUES for word in ("--ablation", kind)]
    more = (*kinds, "--top-k", 5, "--shard-size", 7, "--batch-size", 4)
    assert main(job(small, *more, layers=LAYERS)) == 0
    with open_store(small[2]) as store:
        yield store, load_model(small[0], None)


@pytest.fixture(scope="module")
def inputs(computed):
    store, model = computed
    root = Path(store.images.root)
    return torch.stack([model.transform(Image.open(root / path).convert("RGB")) for path in store.images.path])


def outputs_of(network, path, inputs):
    """A layer's output on every image, one image at a time."""
    seen = []
    hook = network.get_submodule(path).register_forward_hook(lambda _m, _i, out: seen.append(out.detach().clone()))
    with torch.no_grad():
        for image in inputs:
            network(image[None])
    hook.remove()
    return torch.cat(seen).numpy()


def without(network, path, unit, value, inputs):
    """Logits with one unit overwritten, one image at a time."""

    def overwrite(_module, _inputs, output):
        output = output.clone()
        output[:, unit] = value
        return output

    hook = network.get_submodule(path).register_forward_hook(overwrite)
    with torch.no_grad():
        logits = torch.cat([network(image[None]) for image in inputs])
    hook.remove()
    return logits


def test_the_store_passes_its_check(computed):
    assert check(computed[0].path) == []


def test_images_are_sorted_by_class_then_file(computed):
    store, _ = computed
    assert list(store.images.path) == [f"{name}/{i:02d}.png" for name in ("cats", "dogs", "owls") for i in range(8)]
    assert store.images.label.tolist() == [c for c in range(3) for _ in range(8)]


def test_the_baseline_is_what_the_network_says(computed, inputs):
    store, model = computed
    with torch.no_grad():
        log_prob = torch.cat([model.network(image[None]) for image in inputs]).log_softmax(1).numpy()
    np.testing.assert_array_equal(store.baseline.prediction, log_prob.argmax(1))
    np.testing.assert_allclose(store.baseline.log_prob, log_prob[range(24), store.images.label], atol=1e-5)


def test_the_highest_outputs_are_the_first_of_all_outputs_sorted(computed, inputs):
    store, model = computed
    with torch.no_grad():
        log_prob = torch.cat([model.network(image[None]) for image in inputs]).log_softmax(1).numpy()
    for image, row in enumerate(log_prob):
        found = store.highest_outputs(image)
        assert found.output.tolist() == sorted(range(len(row)), key=lambda output: (-row[output], output))[:5]
        np.testing.assert_allclose(found.log_prob, row[found.output], atol=1e-5)


@pytest.mark.parametrize("layer", LAYERS)
def test_the_units_that_fire_most_on_an_image_are_the_first_of_all_units_sorted(computed, layer):
    store, _ = computed
    view = store.layer(layer)
    activation = view.activation(slice(0, view.n_units))
    for image in range(len(store.images)):
        largest, mean = activation.max[:, image].tolist(), activation.mean[:, image].tolist()
        order = sorted(range(view.n_units), key=lambda unit: (-largest[unit], -mean[unit], unit))[:10]
        found = view.strongest_units(image)
        assert found.unit.tolist() == order
        assert found.value.tolist() == [largest[unit] for unit in order]


@pytest.mark.parametrize("layer", LAYERS)
def test_activations_are_those_before_anything_works_in_place(computed, inputs, layer):
    store, model = computed
    maps = outputs_of(model.network, layer, inputs)
    maps = maps.reshape(*maps.shape[:2], -1)
    for unit in range(maps.shape[1]):
        found = store.layer(layer).activation(unit)
        np.testing.assert_allclose(found.max, maps[:, unit].max(1), atol=1e-5)
        np.testing.assert_allclose(found.mean, maps[:, unit].mean(1), atol=1e-5)
        if (maps < 0).any():
            np.testing.assert_allclose(found.positive_mean, np.maximum(maps[:, unit], 0).mean(1), atol=1e-5)
        else:
            assert found.positive_mean is None


def test_every_kind_of_ablation_is_tried():
    assert set(VALUES) == set(ablation_kinds.names()), "give VALUES the new kind"


@pytest.mark.parametrize("kind", VALUES)
@pytest.mark.parametrize("layer", LAYERS)
def test_flips_and_log_probabilities_are_those_of_overwriting_the_unit(computed, inputs, layer, kind):
    store, model = computed
    view = store.layer(layer)
    maps = outputs_of(model.network, layer, inputs)
    changed = 0
    for unit in range(view.n_units):
        logits = without(model.network, layer, unit, VALUES[kind](maps[:, unit]), inputs)
        prediction = logits.argmax(1).numpy()
        flips = view.flips(kind, unit)
        expected = np.flatnonzero(prediction != store.baseline.prediction)
        np.testing.assert_array_equal(flips.image, expected)
        np.testing.assert_array_equal(flips.prediction, prediction[expected])
        log_prob = logits.log_softmax(1).numpy()[range(24), store.images.label]
        np.testing.assert_allclose(
            view.log_prob_change(kind, unit), log_prob - store.baseline.log_prob, rtol=2e-3, atol=1e-4
        )
        right = prediction == store.images.label
        np.testing.assert_array_equal(
            view.ablation(kind).correct[unit], np.bincount(store.images.label[right], minlength=3)
        )
        changed += len(expected)
    assert changed > 0


def test_a_run_says_how_far_its_drops_are_more_than_chance(computed):
    store, _ = computed
    assert store.experiments == ("statistics",)
    for layer in store.layers:
        assert {"flip_rate", "max_class_drop_q", "quoted_drop_mean", "overall_drop_q"} <= set(layer.measures)


def test_a_run_whose_statistics_cannot_be_added_is_still_a_run(small, monkeypatch, capsys):
    def refuse(*_arguments, **_options):
        raise DiskError("no room")

    with monkeypatch.context() as patch:
        patch.setattr(runner, "compute_findings", refuse)
        assert main(job(small)) == 0
    with open_store(small[2]) as store:
        assert store.experiments == ()
    assert "its statistics could not be added: no room" in capsys.readouterr().out
    assert main(job(small, "--resume")) == 0
    with open_store(small[2]) as store:
        assert store.experiments == ("statistics",)


def test_overall_drop_is_the_accuracy_lost(computed):
    store, _ = computed
    view = store.layer("features.4")
    lost = store.baseline_correct.sum() - view.ablation("zero").correct.sum(1)
    np.testing.assert_allclose(view.measures["overall_drop"].values, lost / 24, atol=1e-6)


@pytest.mark.parametrize("layer", LAYERS)
def test_exemplar_maps_are_the_units_maps_on_those_images(computed, inputs, layer):
    store, model = computed
    maps = outputs_of(model.network, layer, inputs)
    maps = maps.reshape(*maps.shape[:2], *(maps.shape[2:] or (1, 1)))
    for kind in ("top", "bottom", "quantile"):
        for unit in range(maps.shape[1]):
            shown = store.layer(layer).exemplars(kind, unit)
            np.testing.assert_allclose(shown.map, maps[shown.image, unit], rtol=1e-3, atol=1e-3)
            np.testing.assert_array_equal(shown.value, store.layer(layer).activation(unit).max[shown.image])


def test_a_gradient_is_that_of_the_unit_where_it_peaks(computed, inputs):
    store, model = computed
    view = store.layer("features.4")
    for unit in range(view.n_units):
        maps = view.attribution("gradient", unit).map
        for rank, image in enumerate(view.exemplars("top", unit).image[:5]):
            leaf = inputs[int(image)][None].clone().requires_grad_()
            model.network.features(leaf)[0, unit].max().backward()
            np.testing.assert_allclose(maps[rank], leaf.grad[0].sum(0).numpy(), rtol=2e-3, atol=1e-4)


def test_integrated_gradients_add_up_to_the_rise_above_the_black_image(computed, inputs):
    store, model = computed
    view = store.layer("features.4")
    black = model.transform(Image.new("RGB", (16, 16)))
    strays = []
    for unit in range(view.n_units):
        maps = view.attribution("integrated_gradients", unit).map
        for rank, image in enumerate(view.exemplars("top", unit).image[:5]):
            with torch.no_grad():
                here = model.network.features(inputs[int(image)][None])[0, unit]
                there = model.network.features(black[None])[0, unit]
            rise = here.flatten()[here.argmax()] - there.flatten()[here.argmax()]
            strays.append(abs(maps[rank].sum() - float(rise)) / (abs(float(rise)) + 0.1))
    # Sixteen steps approximate the integral of a piecewise linear function.
    assert np.median(strays) < 0.02


def test_thumbnails_are_there_for_every_image_that_a_list_names(computed):
    store, _ = computed
    for layer in store.layers:
        for kind in layer.exemplar_kinds:
            for image in layer.exemplars(kind, 0).image:
                assert store.thumbnail(int(image)).startswith(b"\xff\xd8")


def test_the_store_says_how_it_came_to_be(computed):
    store, model = computed
    said = store.provenance
    assert said["no_op_flip_rate"] == 0
    assert said["no_op_flip_rate_before_recheck"] == 0
    assert said["no_op_rows"] == len(VALUES) * len(store.layers) * len(store.images)  # one unit, every kind of ablation
    assert said["image_list_hash"] == store.images.list_hash
    assert len(said["weights"]["sha256"]) == 64
    assert {"command", "versions", "options", "device", "seeds", "transform", "git_commit"} <= said.keys()
    for name, tensor in model.network.state_dict().items():
        np.testing.assert_array_equal(store.state_dict()[name], tensor.numpy())


def test_reduced_precision_gives_the_same_predictions(computed, small):
    assert main(job(small, "--precision", "bfloat16", layers=LAYERS)) == 0
    store, _ = computed
    with open_store(small[2]) as reduced:
        said = reduced.provenance["ablation_engine"]["features.4"]
        assert (said["precision"], said["differing"]) == ("bfloat16", 0)
        assert said["audited"] > 0
        assert 0 < said["log_prob_error"] <= said["largest_log_prob_error"] < 0.1
        for layer in store.layers:
            for unit in range(layer.n_units):
                ours, theirs = reduced.layer(layer.name).flips("zero", unit), layer.flips("zero", unit)
                np.testing.assert_array_equal(ours.image, theirs.image)
                np.testing.assert_array_equal(ours.prediction, theirs.prediction)


# Shards, blocks and interruption


def test_the_size_of_shards_and_blocks_changes_nothing(small, tmp_path, monkeypatch):
    # One image at a time: in larger batches rounding depends on the batch.
    more = ("--batch-size", 1, "--attribution", "gradient")
    assert main(job(small, *more, "--shard-size", 5, layers=LAYERS)) == 0
    monkeypatch.setattr("precompute.store.blocks.BLOCK_BYTES", 400)
    other = (small[0], small[1], tmp_path / "other.h5")
    assert main(job(other, *more, "--shard-size", 24, "--workers", 2, layers=LAYERS)) == 0
    assert_same_stores(small[2], other[2])


# A process imports PyTorch before it can be killed, which takes as long as a dozen runs.
STAGES = [("sweep",), pytest.param(("means", "sweep", "look"), marks=pytest.mark.long)]


@pytest.mark.parametrize("stages", STAGES)
def test_a_killed_run_goes_on_and_ends_in_the_same_store(small, tmp_path, stages):
    whole = (small[0], small[1], tmp_path / "whole.h5")
    assert main(job(whole, "--shard-size", 4, "--ablation", "mean")) == 0
    side_files = small[2].with_name("small.h5.shards")
    for stem in stages:
        words = [sys.executable, "-m", "precompute", *job(small, "--shard-size", 4, "--ablation", "mean", "--resume")]
        running = subprocess.Popen(words, cwd=ROOT, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        while running.poll() is None and not list(side_files.glob(f"{stem}-0000[1-9]")):
            time.sleep(0.005)
        running.send_signal(signal.SIGKILL)
        running.wait()
        if small[2].exists():
            break  # it was faster than we
    assert main(job(small, "--shard-size", 4, "--ablation", "mean", "--resume")) == 0
    assert_same_stores(small[2], whole[2])
    assert not side_files.exists()
    assert not list(small[2].parent.glob("*.part"))


def test_a_run_stopped_before_its_store_is_in_place_keeps_its_work_and_the_earlier_store(small, monkeypatch, capsys):
    def stop(*_arguments, **_options):
        raise KeyboardInterrupt

    assert main(job(small, "--top-k", 3)) == 0
    before = small[2].read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(runner, "compute_findings", stop)  # in the last stage, the statistics
        assert main(job(small)) == 130
    assert small[2].read_bytes() == before
    shards = small[2].with_name("small.h5.shards")
    written = {path: path.stat().st_mtime_ns for path in shards.glob("*-0*/*")}
    assert written
    monkeypatch.setattr(ShardFolder, "write", lambda *_: pytest.fail("a shard was computed again"))
    assert main(job(small, "--resume")) == 0
    assert sorted(path.name for path in small[2].parent.iterdir()) == ["small.h5"]
    with open_store(small[2]) as store:
        assert store.experiments == ("statistics",)


@pytest.mark.parametrize("left", ["all", "some", "no record", "nothing"])
def test_a_run_stopped_after_its_store_is_in_place_has_nothing_left_to_do(small, monkeypatch, capsys, left):
    def leave(folder):
        if left in ("some", "no record"):
            shutil.rmtree(next(folder.path.glob("sweep-*")))
        if left == "no record":
            shutil.rmtree(next(folder.path.glob("look-*")))
            (folder.path / "run.json").unlink()
        if left == "nothing":
            shutil.rmtree(folder.path)

    with monkeypatch.context() as patch:
        patch.setattr(ShardFolder, "remove", leave)
        assert main(job(small)) == 0
    before = small[2].read_bytes()
    monkeypatch.setattr(ShardFolder, "write", lambda *_: pytest.fail("a shard was computed again"))
    assert main(job(small, "--resume")) == 0
    assert "in place already" in capsys.readouterr().out
    assert small[2].read_bytes() == before
    assert sorted(path.name for path in small[2].parent.iterdir()) == ["small.h5"]


def test_resuming_a_finished_run_after_an_update_keeps_the_store_and_what_was_added_to_it(small, capsys, monkeypatch):
    assert main(job(small)) == 0
    before = small[2].read_bytes()
    monkeypatch.setattr("precompute.run.plan.versions_of_numbers", lambda: versions_of_numbers() | {"torch": "9.0"})
    monkeypatch.setattr(ShardFolder, "write", lambda *_: pytest.fail("a shard was computed again"))
    assert main(job(small, "--resume")) == 0
    assert "in place already" in capsys.readouterr().out
    assert small[2].read_bytes() == before


def test_an_earlier_store_of_the_same_options_is_not_taken_for_that_of_a_stopped_run(small, monkeypatch):
    assert main(job(small)) == 0
    with open_store(small[2]) as store:
        first = store.provenance["started"]
    with monkeypatch.context() as patch:
        patch.setattr(runner, "compute_findings", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
        assert main(job(small)) == 130
    assert main(job(small, "--resume")) == 0
    with open_store(small[2]) as store:
        assert store.provenance["started"] > first


def test_a_link_under_the_name_is_followed_and_stays(small, tmp_path):
    (tmp_path / "large").mkdir()
    small[2].parent.mkdir()
    small[2].symlink_to(tmp_path / "large" / "here.h5")
    assert main(job(small)) == 0
    assert small[2].is_symlink()
    assert check(tmp_path / "large" / "here.h5") == []
    assert [path.name for path in (tmp_path / "large").iterdir()] == ["here.h5"]


def test_a_device_under_the_name_is_refused_before_anything_is_computed(small, monkeypatch, capsys):
    monkeypatch.setattr(pipeline, "make_plan", lambda *_: pytest.fail("it was planned"))
    assert main(job((*small[:2], Path(os.devnull)))) == 1
    assert "is a device" in capsys.readouterr().err
    assert not Path(os.devnull).is_file()


@pytest.fixture
def stopped(small):
    """A job that stopped after its first shard: the second holds too many unreadable files."""
    for image in range(4):
        (small[1] / "owls" / f"{image:02d}.png").write_bytes(b"nothing")
    assert main(job(small, "--shard-size", 8)) == 1
    return small


def test_resuming_refuses_changed_options_by_name(stopped, capsys, monkeypatch):
    monkeypatch.setattr(pipeline, "make_plan", lambda *_: pytest.fail("it was planned"))
    assert main(job(stopped, "--shard-size", 9, "--top-k", 3, "--resume")) == 1
    said = capsys.readouterr().err
    assert "--shard-size was 8, now 9" in said
    assert "--top-k was 25, now 3" in said


def test_resuming_refuses_another_network_file_and_other_versions_of_libraries(stopped, capsys, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr("precompute.run.plan.versions_of_numbers", lambda: versions_of_numbers() | {"torch": "9.0"})
        assert main(job(stopped, "--shard-size", 8, "--resume")) == 1
        assert f"torch was {torch.__version__}, now 9.0" in capsys.readouterr().err
    with Path(stopped[0].rpartition(":")[0]).open("a") as file:
        file.write("# changed")
    assert main(job(stopped, "--shard-size", 8, "--resume")) == 1
    assert "the network's file changed" in capsys.readouterr().err


def test_a_record_that_lacks_something_is_not_said_to_differ_in_it(stopped, capsys, monkeypatch):
    monkeypatch.setattr("precompute.run.plan.versions_of_numbers", lambda: versions_of_numbers() | {"a new one": "1"})
    assert main(job(stopped, "--shard-size", 8, "--resume")) == 1
    assert "but its record does not say a new one. Use" in capsys.readouterr().err


def test_resuming_refuses_another_imported_file_and_goes_on_where_no_record_says(small, capsys, monkeypatch):
    network = Path(small[0].rpartition(":")[0])
    network.write_text("import beside\n" + network.read_text())
    beside = network.with_name("beside.py")
    beside.write_text("")
    with monkeypatch.context() as patch:
        patch.setattr(runner, "compute_findings", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
        assert main(job(small)) == 130
    beside.write_text("# changed")
    assert main(job(small, "--resume")) == 1
    assert (
        "as it was started, but the files that the network's file imports changed (beside.py)."
        in capsys.readouterr().err
    )


def test_work_that_was_stopped_is_not_thrown_away_unasked(stopped, capsys):
    assert main(job(stopped, "--shard-size", 8)) == 1
    assert "--resume" in capsys.readouterr().err


def test_a_stopped_run_can_go_on_with_bad_images_allowed(stopped):
    assert main(job(stopped, "--shard-size", 8, "--resume", "--allow-bad")) == 0
    with open_store(stopped[2]) as store:
        assert len(store.images) == 20
        assert [path for path, _ in store.images.skipped] == [f"owls/{image:02d}.png" for image in range(4)]


def test_a_run_that_goes_on_without_allow_bad_refuses_bad_images_that_were_allowed_before(stopped, monkeypatch, capsys):
    def stop(*_arguments, **_options):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(runner, "compute_findings", stop)  # in the last stage, when all shards are swept
        assert main(job(stopped, "--shard-size", 8, "--resume", "--allow-bad")) == 130
    assert main(job(stopped, "--shard-size", 8, "--resume")) == 1
    assert "4 of 24 files cannot be read as images" in capsys.readouterr().err
    assert not stopped[2].exists()


# Bad input


def test_one_bad_image_in_twenty_is_left_out_and_listed(small, capsys):
    (small[1] / "owls" / "03.png").write_bytes(b"not a picture")
    assert main(job(small)) == 0
    assert "owls/03.png" in capsys.readouterr().out
    with open_store(small[2]) as store:
        assert "owls/03.png" not in store.images.path
        assert store.images.skipped[0][0] == "owls/03.png"
    assert check(small[2]) == []


def test_what_is_left_out_of_the_list_is_listed_with_its_reason(small, capsys):
    (small[1] / "owls/03.png").rename(small[1].parent / "elsewhere.png")
    (small[1] / "owls/03.png").symlink_to(small[1].parent / "elsewhere.png")
    assert main(job(small)) == 0
    assert f"owls/03.png: {LEADS_OUT}" in capsys.readouterr().out
    with open_store(small[2]) as store:
        assert (len(store.images), store.images.skipped) == (23, (("owls/03.png", LEADS_OUT),))
    assert check(small[2]) == []
    assert main(job(small, "--follow-links")) == 0
    with open_store(small[2]) as store:
        assert (len(store.images), store.images.skipped) == (24, ())


def test_a_file_name_that_is_no_text_is_listed_escaped(small):
    (small[1] / "owls/03.png").rename(os.fsdecode(os.fsencode(small[1]) + b"/owls/\xff.png"))
    assert main(job(small)) == 0
    with open_store(small[2]) as store:
        assert store.images.skipped == ((r"owls/\udcff.png", "its name is not UTF-8"),)
    assert check(small[2]) == []


def test_many_links_that_lead_out_are_refused_before_the_network_sees_anything(small, capsys):
    small[1].joinpath("owls").rename(small[1].parent / "elsewhere")
    small[1].joinpath("owls").mkdir()
    for file in (small[1].parent / "elsewhere").iterdir():
        (small[1] / "owls" / file.name).symlink_to(file)
    assert main(job(small)) == 1
    said = capsys.readouterr().err
    assert "8 of 24 files cannot be read as images, more than 5%, owls/00.png among them (a link that leads out" in said
    assert "--follow-links" in said
    assert not small[2].parent.exists()


def test_a_class_left_without_images_has_no_drop(small):
    for file in (small[1] / "owls").iterdir():
        file.write_bytes(b"not a picture")
    assert main(job(small, "--allow-bad")) == 0
    with open_store(small[2]) as store:
        layer = store.layer("features.4")
        assert np.isnan(layer.ablation("zero").drop[:, 2]).all()
        assert np.isnan(layer.class_mean[:, 2]).all()
        assert set(layer.measures["selective_class"].values) <= {0, 1}
    assert check(small[2]) == []


def test_a_failed_run_leaves_an_earlier_store_as_it_was(small):
    assert main(job(small)) == 0
    before = small[2].read_bytes()
    for image in range(8):
        (small[1] / "owls" / f"{image:02d}.png").write_bytes(b"nothing")
    assert main(job(small)) == 1
    assert small[2].read_bytes() == before


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("--layer", "features.44"), "features.4"),
        (("--top-k", "0"), "--top-k must be at least 1"),
        (("--attribution", "guess"), "Choose of gradient"),
        (("--device", "cuda"), "cuda"),
        (("--limit", "0"), "limit"),
        (("--classes", "absent.json"), "absent.json"),
        (("--weights", "absent.pth"), "absent.pth"),
        (("--device", "cpu", "--precision", "tf32"), "tf32 needs CUDA"),
        (("--units-on", "feature.4=last"), "--units-on feature.4=...: the network has no layer"),
        (("--out", f"{'a' * 250}.h5"), "File name too long"),
        (("--out", __file__), "a file that is not a store"),
    ],
)
def test_an_option_that_cannot_work_gets_a_sentence(small, change, words, capsys):
    if "cuda" in change and torch.cuda.is_available():
        pytest.skip("there is a CUDA device")
    assert main(job(small, *change)) == 1
    said = capsys.readouterr().err
    assert words in said
    assert "Traceback" not in said


def test_an_output_path_that_cannot_be_written_gets_a_sentence(small, capsys):
    blocked = (*small[:2], small[1] / "cats" / "00.png" / "store.h5")
    assert main(job(blocked)) == 1
    assert "--out" in capsys.readouterr().err


def test_classes_that_do_not_fit_the_outputs_are_refused(small, capsys):
    shutil.rmtree(small[1] / "owls")
    assert main(job(small)) == 1
    said = capsys.readouterr().err
    assert "2" in said
    assert "3" in said
    table = small[1].parent / "classes.json"
    table.write_text(json.dumps({"cats": 0, "dogs": 1}))
    assert main(job(small, "--classes", table)) == 0
    with open_store(small[2]) as store:
        assert store.model.n_outputs == 3


def test_classes_are_found_though_the_networks_file_changes_the_current_folder(small, monkeypatch):
    model, images, out = small
    path, _, _ = model.rpartition(":")
    with Path(path).open("a") as file:
        file.write("\n\ndef moving():\n    import os\n    os.chdir(os.sep)\n    return build()\n")
    monkeypatch.chdir(images.parent)
    Path("classes.json").write_text(json.dumps({"cats": 0, "dogs": 1, "owls": 2}))
    assert main(job((f"{path}:moving", images, out), "--classes", "classes.json")) == 0


def test_progress_is_reported_to_the_file_that_is_named(small, tmp_path, monkeypatch):
    report = tmp_path / "progress.json"
    monkeypatch.setenv("UNITSCOPE_PROGRESS", str(report))
    assert main(job(small)) == 0
    told = json.loads(report.read_text())
    assert told.keys() == {"stage", "done", "total", "overall"}
    assert told["overall"] > 0.9


def test_check_and_info_read_what_run_wrote(small, capsys):
    assert main(job(small)) == 0
    assert main(["check", str(small[2])]) == 0
    assert main(["info", str(small[2])]) == 0
    said = capsys.readouterr().out
    assert "no problems found" in said
    assert "24 of 3 classes" in said
    assert main(["check", str(small[2].with_name("absent.h5"))]) == 1


def closed_pipe():
    ours, theirs = os.pipe()
    os.close(ours)
    return theirs


def closed_terminal():
    ours, theirs = os.openpty()
    os.close(ours)
    return theirs


@pytest.mark.parametrize("nobody", [closed_pipe, closed_terminal, lambda: os.open("/dev/full", os.O_WRONLY)])
def test_a_command_goes_on_where_nobody_hears_it(computed, monkeypatch, capsys, nobody):
    with os.fdopen(nobody(), "w") as out:
        monkeypatch.setattr(sys, "stdout", out)
        assert main(["info", str(computed[0].path)]) == 0
    assert ("cannot be written" in capsys.readouterr().err) == (nobody is not closed_pipe)


@pytest.mark.parametrize("nobody", [closed_pipe, closed_terminal, None])
def test_a_bar_that_nobody_sees_ends_no_work(tmp_path, monkeypatch, nobody):
    out = None if nobody is None else os.fdopen(nobody(), "w", buffering=1)
    monkeypatch.setattr(sys, "stderr", out)
    with waiting() as note, Progress({"sweep": 1.0}, tmp_path / "no" / "folder").stage("sweep", 3) as stage:
        note("looking")
        stage.advance(3)
    monkeypatch.undo()
    if out is not None:
        with pytest.raises(OSError):  # noqa: PT011  nobody hears what is left to say
            out.close()


def test_a_folder_that_is_gone_is_told(tmp_path, monkeypatch, capsys):
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    assert main(["check", "store.h5"]) == 1
    assert "current folder is not there" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (OSError(errno.EIO, "x"), "the disk refuses to write or to read (Input/output error)"),
        (OSError(errno.ESTALE, "x"), "the disk refuses to write or to read (Stale file handle)"),
        (OSError("13 requested and 7 written"), "not all of a file could be written"),
        (FileNotFoundError(errno.ENOENT, "x", "a.npy"), "another program has removed a.npy"),
        (OSError(errno.EMFILE, "x"), "too many files are open. Allow this program more of them (ulimit -n)"),
    ],
)
def test_whatever_a_disk_refuses_is_a_sentence(error, told):
    options = RunOptions(model="alexnet", layers=("a",), out=Path("a.h5"))
    with pytest.raises(DiskError, match=f"^a.h5: .*{re.escape(told)}.* add --resume"), pipeline._disk_errors(options):
        raise error


def test_a_file_without_a_name_is_not_said_to_be_removed_by_another_program():
    options = RunOptions(model="alexnet", layers=("a",), out=Path("a.h5"))
    with pytest.raises(FileNotFoundError), pipeline._disk_errors(options):
        raise FileNotFoundError(errno.ENOENT, "x")


def test_layers_are_listed_with_their_units(small, capsys):
    assert main(["layers", small[0]]) == 0
    lines = {line.split()[0]: line.split()[1:] for line in capsys.readouterr().out.splitlines()}
    assert lines["features.4"][:2] == ["ReLU", "8"]
    assert lines["classifier"] == ["Linear", "3", "1", "-"]


def test_a_condition_is_printed_kept_and_told(small, capsys):
    model, images, out = small
    path, _, _ = model.rpartition(":")
    with Path(path).open("a") as file:
        file.write("\n\ndef learning():\n    network, transform = build()\n    return network.train(), transform\n")
    assert main(job((f"{path}:learning", images, out), "--attribution", "none")) == 0
    said = "learning returns a network in training mode; it is put into evaluation mode."
    assert said in capsys.readouterr().out
    with open_store(out) as store:
        assert said in store.conditions
    assert main(["info", str(out)]) == 0
    assert said in capsys.readouterr().out
