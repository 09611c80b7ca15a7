"""Networks as people bring them, from the command line: a right store, or one sentence and no file."""

import shutil
from dataclasses import replace
from functools import partial
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image

from precompute.__main__ import main
from precompute.ablation import factory
from precompute.ablation.engine import Engine
from precompute.ablation.executor import BatchSweep
from precompute.models.transforms import ToTensor
from precompute.run import attribution_choice, pipeline
from precompute.run.shards import ShardFolder
from precompute.store.check import check
from precompute.store.reader import open_store
from tests import hostile
from tests.everyday import everyday
from tests.small import write_images

FILE = """
import torch
from torchvision.transforms import ToTensor
from tests import hostile

def build():
    return {network}, ToTensor()
"""


def run_in(folder, network, *more, layer="conv2"):
    """Run a network, named by a Python expression, and return the exit status and the store's place."""
    (folder / "brought.py").write_text(FILE.format(network=network))
    images, out = folder / "images", folder / "out" / "store.h5"
    if not images.exists():
        write_images(images)
    words = ["run", f"{folder / 'brought.py'}:build", "--images", str(images), "--out", str(out)]
    return main([*words, "--layer", layer, "--workers", "0", *more]), out


@pytest.fixture
def job(tmp_path):
    return partial(run_in, tmp_path)


def attributions(out):
    with open_store(out) as store:
        return {found.method: found.left_out for found in store.layers[0].attributions}


@pytest.mark.parametrize("network", ["FunctionalDropout", "RunningMean", "BatchMaximum", "TwoInputs", "Leaves"])
def test_a_refusal_writes_nothing_and_is_one_sentence_on_the_cause(network, job, capsys):
    status, out = job(f"hostile.{network}()", "--attribution", "none")
    assert status == 1
    assert not out.parent.exists()
    assert capsys.readouterr().err.splitlines()[-1].startswith("error: The network")


def test_an_earlier_store_stays_where_a_run_is_refused(job):
    _, out = job("hostile.Tiny()", "--attribution", "none")
    before = out.read_bytes()
    assert job("hostile.BatchStatistics()", "--attribution", "none")[0] == 1
    assert out.read_bytes() == before


def test_without_a_gradient_all_but_attributions_is_done(job, capsys):
    status, out = job("hostile.FrozenStem()")
    assert status == 0
    assert check(out) == []
    assert all("No gradient reaches the image" in reason for reason in attributions(out).values())
    assert "No gradient reaches the image from conv2" in capsys.readouterr().out


def test_a_network_that_fails_where_gradients_are_recorded_is_told_by_its_error(job, capsys):
    status, out = job("hostile.ChunkedInPlace()", layer="conv1")
    assert status == 0
    said = "where gradients are recorded, the network raises RuntimeError (Output 0 of Split"
    assert said in capsys.readouterr().out
    assert all(said in reason for reason in attributions(out).values())


def test_a_module_with_two_names_computes_in_float32_after_its_gradients_were_checked(job):
    status, out = job("hostile.SharedBlocks()", "--attribution", "gradient")
    assert (status, check(out)) == (0, [])
    expected = log_prob_of_run(job("hostile.Tiny()", "--attribution", "none")[1])
    np.testing.assert_allclose(log_prob_of_run(out), expected, atol=1e-5)


def log_prob_of_run(out):
    with open_store(out) as store:
        return np.array(store.baseline.log_prob)


def test_an_attribution_that_fails_later_leaves_the_rest(job, capsys, monkeypatch):
    monkeypatch.setattr(attribution_choice, "_IMAGES", 0)  # of more than the first images some are bright
    status, out = job("hostile.FailsLater()", "--attribution", "gradient")
    assert status == 0
    assert check(out) == []
    assert "too bright" in attributions(out)["gradient"]
    assert "Gradient is left out of conv2: It failed here" in capsys.readouterr().out
    with open_store(out) as store:
        assert any("too bright" in sentence for sentence in store.conditions)


def test_logarithms_of_probabilities_are_those_of_the_logits_behind_them(job):
    _, out = job("hostile.Tiny()", "--attribution", "none")
    with h5py.File(out) as file:
        expected = {path: file[path][()] for path in PATHS}
    assert log_prob_of(out) == "logits"
    status, out = job("hostile.Returns(lambda scores, *_: {'logits': scores.softmax(1)})", "--attribution", "none")
    assert (status, check(out), log_prob_of(out)) == (0, [], "log of probabilities")
    with h5py.File(out) as file:
        for path in PATHS:
            np.testing.assert_allclose(file[path][()], expected[path], atol=2e-3, err_msg=path)


def log_prob_of(out):
    with open_store(out) as store:
        return store.baseline.log_prob_of


PATHS = (
    "baseline/prediction",
    "baseline/log_prob",
    "layers/conv2/ablation/zero/log_prob_change",
    "layers/conv2/ablation/zero/flip/prediction",
)


@pytest.fixture(scope="module")
def sigmoids_made(tmp_path_factory):
    ends_in_a_sigmoid = "hostile.Returns(lambda scores, *_: scores.sigmoid())"
    status, out = run_in(tmp_path_factory.mktemp("sigmoids"), ends_in_a_sigmoid, "--attribution", "none")
    assert status == 0
    return out


@pytest.fixture
def sigmoids(sigmoids_made, tmp_path):
    return Path(shutil.copy(sigmoids_made, tmp_path / "store.h5"))


def test_without_log_probabilities_all_else_is_there(sigmoids):
    assert check(sigmoids) == []
    with open_store(sigmoids) as store:
        assert store.baseline.log_prob is None
        assert "ends in a sigmoid" in store.baseline.log_prob_of
        assert store.layers[0].log_prob_change("zero", 0) is None
        assert any(
            "Log-probabilities and all that is computed from them are left out" in sentence
            for sentence in store.conditions
        )


GOING_ON = ("statistics", "cumulative", "compression", "correlations", "selectivity", "entropy")


@pytest.mark.parametrize("name", everyday(GOING_ON, lambda name: name in ("statistics", "cumulative", "correlations")))
def test_experiments_go_on_without_log_probabilities_and_say_so(name, sigmoids, capsys):
    capsys.readouterr()
    assert main(["experiment", name, str(sigmoids)]) == 0
    assert check(sigmoids) == []
    said = "The store holds no log-probabilities, because the network ends in a sigmoid"
    assert (said in capsys.readouterr().out) == (name not in ("correlations", "selectivity"))


@pytest.mark.parametrize("name", ["roles", "responses"])
def test_experiments_on_log_probabilities_alone_are_refused_by_the_reason(name, sigmoids, capsys):
    assert main(["experiment", name, str(sigmoids)]) == 1
    assert "because the network ends in a sigmoid" in capsys.readouterr().err


# A sweep that turns out wrong


@pytest.fixture
def wrong_engine(monkeypatch):
    """Let the engine say the opposite of what it finds, once a run has begun."""
    usual = Engine.sweep

    def opposite(self, *given):
        for changed in usual(self, *given):
            yield replace(changed, logits=-changed.logits)

    def begins(*given):
        monkeypatch.setattr(Engine, "sweep", opposite)
        return usual_sweep(*given)

    usual_sweep = pipeline.sweep_all
    monkeypatch.setattr(pipeline, "sweep_all", begins)


def flips(out):
    with h5py.File(out) as file:
        return {name: file[f"layers/conv2/ablation/zero/flip/{name}"][()] for name in ("indptr", "image", "prediction")}


def test_a_layer_that_the_engine_is_wrong_about_is_swept_by_whole_passes(job, wrong_engine, capsys):
    more = ("--attribution", "none", "--shard-size", "10")
    status, out = job("hostile.Tiny()", *more)
    assert (status, check(out)) == (0, [])
    assert "conv2 is swept again by whole forward passes, because" in capsys.readouterr().out
    network = hostile.Tiny().eval()
    with open_store(out) as store:
        assert store.provenance["ablation_engine"]["conv2"]["method"] == "plain"
        assert any("conv2 was swept by whole forward passes" in sentence for sentence in store.conditions)
        root, paths, before = store.images.root, store.images.path, store.baseline.prediction
    inputs = torch.stack([ToTensor()(Image.open(f"{root}/{path}").convert("RGB")) for path in paths])
    found = flips(out)
    for unit in range(6):
        with torch.no_grad():
            maps = network.maps(inputs)
            maps[:, unit] = F.relu(torch.zeros(()))
            expected = network.fc(maps.mean((2, 3))).argmax(1).numpy()
        now = np.array(before)
        inside = slice(found["indptr"][unit], found["indptr"][unit + 1])
        now[found["image"][inside]] = found["prediction"][inside]
        np.testing.assert_array_equal(now, expected)


def test_experiments_sweep_a_layer_as_the_run_came_to(job, wrong_engine, monkeypatch):
    _, out = job("hostile.Tiny()", "--attribution", "none")
    monkeypatch.setattr(Engine, "sweep", lambda *_: pytest.fail("the engine was used again"))
    assert main(["experiment", "cumulative", str(out)]) == 0
    assert check(out) == []


def test_an_experiment_that_finds_the_engine_wrong_adds_nothing(job, monkeypatch, capsys):
    _, out = job("hostile.Tiny()", "--attribution", "none")
    before, usual = out.read_bytes(), BatchSweep.run

    def opposite(*given, **more):
        for changed in usual(*given, **more):
            yield replace(changed, logits=-changed.logits)

    monkeypatch.setattr(BatchSweep, "run", opposite)
    monkeypatch.setattr(factory, "_check_on", lambda *_: None)
    assert main(["experiment", "cumulative", str(out)]) == 1
    assert "audited predictions differ from the plain method's" in capsys.readouterr().err
    assert out.read_bytes() == before


def test_a_run_stopped_in_its_second_sweep_goes_on_with_that_sweep_alone(job, wrong_engine, monkeypatch, capsys):
    more = ("--attribution", "none", "--shard-size", "10")
    whole = flips(job("hostile.Tiny()", *more)[1])
    usual, since = ShardFolder.write, []

    def stops_at_the_second(folder, name, arrays):
        usual(folder, name, arrays)
        if (folder.path / "doubted.json").exists():
            since.append(name)
            if len(since) == 2:
                raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(ShardFolder, "write", stops_at_the_second)
        status, out = job("hostile.Tiny()", *more)
    assert status == 130
    out.unlink()
    capsys.readouterr()
    assert job("hostile.Tiny()", *more, "--resume") == (0, out)
    assert "swept again" not in capsys.readouterr().out
    assert check(out) == []
    found = flips(out)
    assert all(np.array_equal(found[name], whole[name]) for name in whole)


def test_a_network_that_answers_differently_in_the_sweep_is_refused(job, monkeypatch, capsys):
    def begins(*given):
        monkeypatch.setattr(hostile.Turns, "armed", True)
        return usual(*given)

    usual = pipeline.sweep_all
    monkeypatch.setattr(pipeline, "sweep_all", begins)
    status, out = job("hostile.Turns()", "--attribution", "none")
    assert (status, out.exists()) == (1, False)
    assert "does not answer the same way each time" in capsys.readouterr().err


def test_a_unit_that_the_network_divides_by_is_named(job, capsys):
    status, out = job("hostile.DividesByUnit()", "--attribution", "none")
    assert (status, out.exists()) == (1, False)
    assert "With unit 0 silenced the network's outputs are NaN or infinite" in capsys.readouterr().err


def test_images_that_later_turn_out_to_give_nan_are_named(job, capsys):
    status, out = job("hostile.NaNOnBlue()", "--attribution", "none", "--limit", "24")
    assert (status, out.exists()) == (1, False)
    assert "NaN or infinite for" in capsys.readouterr().err


def test_images_that_later_turn_out_to_depend_on_each_other_are_refused(job, capsys):
    status, out = job("hostile.HurriesOnBlue()", "--attribution", "none")
    assert (status, out.exists()) == (1, False)
    assert "depends on the other images of its batch" in capsys.readouterr().err


@pytest.mark.parametrize(("hooked", "plain"), [("Grabs", "GrabsNothing"), ("Shifts", "ShiftsInForward")])
def test_hooks_of_the_networks_own_receive_what_silencing_leaves(hooked, plain, job):
    changes = []
    for name in (plain, hooked):
        status, out = job(f"hostile.{name}()", "--attribution", "none", layer="conv1")
        assert (status, check(out)) == (0, [])
        with h5py.File(out) as file:
            changes.append(file["layers/conv1/ablation/zero/log_prob_change"][()])
    np.testing.assert_allclose(changes[1], changes[0], atol=2e-3)
    assert np.abs(changes[0]).max() > 0.1
    with open_store(out) as store:
        assert any("hooks of its own on conv1" in sentence for sentence in store.conditions)


def test_an_experiment_says_that_a_network_answers_differently(job, monkeypatch, capsys):
    _, out = job("hostile.Turns()", "--attribution", "none")
    monkeypatch.setattr(hostile.Turns, "armed", True)
    monkeypatch.setattr(hostile.Turns, "calls", 0)
    assert main(["experiment", "cumulative", str(out)]) == 1
    assert "does not answer the same way each time" in capsys.readouterr().err


@pytest.mark.parametrize("n", [3, 20])
def test_a_network_that_divides_its_images_is_refused_before_anything_is_written(n, job, capsys):
    # Of 24 images; the layer's first call holds 3 or 20 of them, and only these would be silenced.
    status, out = job(f"hostile.Divides({n})", "--attribution", "none")
    assert (status, out.parent.exists()) == (1, False)
    assert "Traceback" not in capsys.readouterr().err


def test_a_layer_that_nothing_uses_costs_nothing_and_has_its_maps(job, capsys):
    status, out = job("hostile.Unused()")
    assert (status, check(out)) == (0, [])
    assert "its outputs do not depend on the layer" in capsys.readouterr().out
    with h5py.File(out) as file:
        assert len(file["layers/conv2/ablation/zero/flip/image"]) == 0
        assert np.nan_to_num(file["layers/conv2/attribution/gradient/map"][()]).any()


def test_scores_with_dimensions_of_1_are_those_without(job):
    found = []
    for returned in ("hostile.WITH_ONES['(image, output, 1, 1)']", "lambda scores, *_: scores"):
        status, out = job(f"hostile.Returns({returned})", "--attribution", "none")
        assert (status, check(out)) == (0, [])
        with h5py.File(out) as file:
            found.append([file[path][()] for path in (*PATHS, "layers/conv2/ablation/zero/flip/prediction")])
    for one, other in zip(*found, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("network", ["InThread", "ConvolvesInThread"])
def test_a_network_that_works_in_threads_is_swept_as_one_that_does_not(network, job, capsys):
    status, out = job("hostile.Tiny()", "--attribution", "none")
    assert status == 0
    expected, _ = flips(out), out.unlink()
    assert len(expected["image"])
    status, out = job(f"hostile.{network}()", "--attribution", "none", "--units-on", "1")
    assert status == 0, capsys.readouterr().err
    assert {name: values.tolist() for name, values in flips(out).items()} == {
        name: values.tolist() for name, values in expected.items()
    }
    assert "Traceback" not in capsys.readouterr().err


def test_what_fails_in_a_thread_is_told_and_not_what_follows_from_it(job, capsys):
    assert job("hostile.FailsInThread()")[0] == 1
    told = capsys.readouterr().err
    assert "conv2" in told
    assert "Traceback" not in told
    assert "list index" not in told


def test_maps_of_a_nested_tensor_are_as_those_of_a_plain_one(job):
    _, out = job("hostile.Tiny()", "--attribution", "none")
    expected, _ = flips(out), out.unlink()
    status, out = job("hostile.Padded()", "--attribution", "none")
    assert status == 0
    assert all(np.array_equal(values, expected[name]) for name, values in flips(out).items())


def test_a_tensor_that_computes_in_ways_of_its_own_is_refused(job, capsys):
    assert job("hostile.Wraps()", "--units-on", "1")[0] == 1
    assert "it returns a Wrapped, a tensor that computes in ways of its own" in capsys.readouterr().err


def test_a_name_with_a_slash_is_refused_as_a_layer_and_no_matter_elsewhere(job, capsys):
    assert job("hostile.Slashed()", layer="block/conv")[0] == 1
    assert "'block/conv' cannot be looked at, because its name has a slash" in capsys.readouterr().err
    status, out = job("hostile.Slashed()", "--attribution", "none")
    assert status == 0
    assert check(out) == []
    with open_store(out) as store:
        assert store.state_dict() == {}


def test_a_layer_of_signals_is_swept_as_a_hook_says_where_a_person_lays_its_positions_out(job):
    status, out = job("hostile.Signals()", "--attribution", "none", "--units-on", "conv2=1:16x1")
    assert status == 0
    assert check(out) == []
    network, images = hostile.Signals().eval(), images_of(out)
    held, changed = flips(out), 0
    plain = network(images).argmax(1)
    for unit in range(6):
        handle = network.conv2.register_forward_hook(lambda _m, _i, output, unit=unit: silenced(output, unit))
        found = network(images).argmax(1)
        handle.remove()
        rows = slice(*held["indptr"][unit : unit + 2])
        assert held["image"][rows].tolist() == torch.nonzero(found != plain).flatten().tolist()
        assert held["prediction"][rows].tolist() == found[found != plain].tolist()
        changed += int((found != plain).sum())
    assert changed
    with open_store(out) as store:
        assert store.layers[0].spatial_shape == (16, 1)


def silenced(output, unit):
    output = output.clone()
    output[:, unit] = 0
    return output


def images_of(out):
    with open_store(out) as store:
        return torch.stack(
            [ToTensor()(Image.open(Path(store.images.root) / path).convert("RGB")) for path in store.images.path]
        )


def test_a_layer_that_changes_in_place_later_is_refused_and_the_one_that_made_it_is_not(job, capsys):
    network = hostile.SharesMemory().eval()
    images = torch.rand(4, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    hook = network.shortcut.register_forward_hook(lambda _module, _inputs, output: output.clone())
    with torch.no_grad():
        copied = network(images)
        hook.remove()
        assert not torch.allclose(copied, network(images), atol=1e-3)  # a copy alone, nothing silenced
    status, out = job("hostile.SharesMemory()", "--attribution", "none", layer="shortcut")
    assert (status, out.parent.exists()) == (1, False)
    assert "'shortcut' cannot be silenced: the network changes its output in place later" in capsys.readouterr().err
    status, out = job("hostile.SharesMemory()", "--attribution", "none", layer="conv1")
    assert (status, check(out)) == (0, [])


def test_what_cannot_be_recorded_is_told_in_a_sentence_and_not_in_a_listing(job, capfd):
    status, out = job("hostile.Decides()", "--attribution", "none")
    told = capfd.readouterr()
    assert (status, check(out)) == (0, [])
    assert "conv2 is swept by whole forward passes, because what it computes depends on the values" in told.out
    assert "torch.ops" not in told.err
    assert "symbolic_shapes" not in told.err
