"""What a plan settles: layers whose outputs a run keeps for their sweeps, and what names the weights."""

import h5py
import numpy as np
import pytest

from precompute.__main__ import main
from precompute.ablation.executor import LayerExecutor
from precompute.ablation.plain import PlainAblater
from precompute.models.state_dict import state_digest
from precompute.options import RunOptions
from precompute.run import pipeline, planning
from precompute.run.planning import kept_outputs, make_plan
from precompute.run.sweep import sweep_all
from tests import hostile
from tests.small import write_images, write_network

SHARD = 8
# Bytes of a shard's outputs, from the last layer to the first.
SIZES = {"classifier": 4 * SHARD * 3, "signed": 4 * SHARD * 5 * 8 * 8, "features.4": 4 * SHARD * 8 * 8 * 8}


@pytest.fixture
def words(tmp_path):
    return write_network(tmp_path), write_images(tmp_path / "images"), tmp_path / "small.h5"


@pytest.fixture
def plan(words):
    model, images, out = words
    return make_plan(RunOptions(model=model, images=images, layers=tuple(SIZES), out=out, attribution=(), workers=0))


def names(kept):
    return {site.name for site in kept}


@pytest.mark.parametrize(
    ("outputs", "kept"),
    [
        (SIZES, {"classifier", "signed", "features.4"}),
        (["classifier", "signed"], {"classifier", "signed"}),
        (["classifier", "features.4"], {"classifier", "signed"}),
        (["classifier"], {"classifier"}),
        ([], set()),
    ],
)
def test_the_last_layers_are_kept_that_fit_into_half_of_what_an_engine_may_hold(plan, outputs, kept):
    for ablater in plan.ablaters.values():
        ablater.memory_bytes = 2 * sum(SIZES[name] for name in outputs)
    assert names(kept_outputs(plan.ablaters, SHARD)) == kept


def test_nothing_is_kept_for_the_plain_method(plan):
    plain = {site: PlainAblater(plan.model.network, site, batch_size=4) for site in plan.sites}
    assert kept_outputs(plain, SHARD) == frozenset()


def stored(words, name):
    """Run the job and return all arrays of its layers."""
    model, images, _ = words
    out = images.parent / f"{name}.h5"
    layers = [word for layer in SIZES for word in ("--layer", layer)]
    kinds = ["--ablation", "zero", "--ablation", "mean"]
    command = ["run", model, "--images", str(images), "--out", str(out), "--workers", "0", "--attribution", "none"]
    assert main([*command, *layers, *kinds]) == 0
    with h5py.File(out) as file:
        found = {}
        file["layers"].visititems(
            lambda path, item: found.update({path: item[()]}) if isinstance(item, h5py.Dataset) else None
        )
    return found


def test_no_sweep_goes_up_to_a_kept_layer_again(words, monkeypatch):
    def in_the_sweep(*given):
        monkeypatch.setattr(LayerExecutor, "_up_to_layer", lambda *_: pytest.fail("the network is run up to the layer"))
        return sweep_all(*given)

    monkeypatch.setattr(pipeline, "sweep_all", in_the_sweep)
    assert stored(words, "usual")


def test_the_store_is_the_same_where_nothing_is_kept(words, monkeypatch):
    usual = stored(words, "usual")
    monkeypatch.setattr(planning, "kept_outputs", lambda *_: frozenset())
    other = stored(words, "other")
    assert usual.keys() == other.keys()
    assert any("ablation" in path for path in usual)
    for path, values in usual.items():
        np.testing.assert_array_equal(values, other[path], err_msg=path)


def test_weights_are_named_as_they_were_loaded_whatever_counts_its_passes(words, tmp_path):
    file = tmp_path / "counting.py"
    file.write_text("from tests import hostile\n\n\ndef build():\n    return hostile.CountsItself()\n")
    options = RunOptions(
        model=f"{file}:build", images=words[1], layers=("conv2",), out=words[2], attribution=(), workers=0
    )
    plan = make_plan(options)
    assert plan.model.network.calls > 0
    assert plan.weights_digest == state_digest(hostile.CountsItself())


def test_while_it_plans_a_run_says_what_it_does(words, capsys):
    model, images, out = words
    assert (
        main(["run", model, "--images", str(images), "--layer", "classifier", "--out", str(out), "--workers", "0"]) == 0
    )
    said = capsys.readouterr().err
    steps = ("listing the images", "loading the network", "timing a few ablations", "timing a few attribution maps")
    assert [said.index(step) for step in steps] == sorted(said.index(step) for step in steps)
    assert said.index(steps[-1]) < said.index("sweep:")
