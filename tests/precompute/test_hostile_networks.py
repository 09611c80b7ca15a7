"""Networks as people bring them, from the command line: a right store, or one sentence and no file."""

import h5py
import numpy as np
import pytest

from precompute.__main__ import main
from precompute.store.check import check
from precompute.store.reader import open_store
from tests.small import write_images

FILE = """
import torch
from torchvision.transforms import ToTensor
from tests import hostile

def build():
    return {network}, ToTensor()
"""


@pytest.fixture
def job(tmp_path):
    """Run a network, named by a Python expression, and return the exit status and the store's place."""

    def run(network, *more, layer="conv2"):
        (tmp_path / "brought.py").write_text(FILE.format(network=network))
        images, out = tmp_path / "images", tmp_path / "out" / "store.h5"
        if not images.exists():
            write_images(images)
        words = ["run", f"{tmp_path / 'brought.py'}:build", "--images", str(images), "--out", str(out)]
        return main([*words, "--layer", layer, "--workers", "0", *more]), out

    return run


def attributions(out):
    with open_store(out) as store:
        return {found.method: found.left_out for found in store.layers[0].attributions}


@pytest.mark.parametrize("network", ["FunctionalDropout", "RunningMean", "BatchMaximum", "TwoInputs", "Leaves"])
def test_a_refusal_writes_nothing_and_is_one_sentence_on_the_cause(network, job, capsys):
    status, out = job(f"hostile.{network}()", "--attribution", "none")
    assert status == 1
    assert not out.parent.exists()
    assert capsys.readouterr().err.startswith("error: The network")


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


def test_an_attribution_that_fails_later_leaves_the_rest(job, capsys):
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
        assert file["baseline"].attrs["log_prob"] == "logits"
    status, out = job("hostile.Returns(lambda scores, *_: {'logits': scores.softmax(1)})", "--attribution", "none")
    assert (status, check(out)) == (0, [])
    with h5py.File(out) as file:
        assert file["baseline"].attrs["log_prob"] == "log of probabilities"
        for path in PATHS:
            np.testing.assert_allclose(file[path][()], expected[path], atol=2e-3, err_msg=path)


PATHS = (
    "baseline/prediction",
    "baseline/log_prob",
    "layers/conv2/ablation/zero/log_prob_change",
    "layers/conv2/ablation/zero/flip/prediction",
)


@pytest.fixture
def sigmoids(job):
    status, out = job("hostile.Returns(lambda scores, *_: scores.sigmoid())", "--attribution", "none")
    assert status == 0
    return out


def test_without_log_probabilities_all_else_is_there(sigmoids):
    assert check(sigmoids) == []
    with open_store(sigmoids) as store:
        assert store.baseline.log_prob is None
        assert "ends in a sigmoid" in store.baseline.log_prob_of
        assert store.layers[0].log_prob_change("zero", 0) is None
        assert any("Log-probabilities are left out" in sentence for sentence in store.conditions)


@pytest.mark.parametrize("name", ["statistics", "cumulative", "compression", "correlations", "selectivity", "entropy"])
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
