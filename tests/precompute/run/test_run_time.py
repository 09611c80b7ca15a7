"""The time of a run is told before it, stage by stage; on several devices what is divided is, and nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from precompute.__main__ import main
from precompute.models.fixed import refuse_mixing
from precompute.options import RunOptions
from precompute.run import sweep
from precompute.run.planning import make_plan
from precompute.run.report import announce
from precompute.run.run_stages import CHECK, DIVIDED, SHARES
from precompute.run.run_time import RunSeconds, images_checked, run_seconds
from precompute.run.size_sample import contents_of
from tests.small import write_images, write_network

times = st.dictionaries(st.sampled_from([*SHARES, CHECK]), st.floats(0, 1e6), min_size=1)


@given(times, st.integers(1, 64))
def test_devices_divide_what_is_made_of_shards_and_nothing_else(stages, n):
    found = RunSeconds(stages).on(n)
    for name, took in stages.items():
        assert found.stages[name] == (took / n if name in DIVIDED else took)
    rest = sum(took for name, took in stages.items() if name not in DIVIDED)
    assert rest - 1e-6 <= found.total <= RunSeconds(stages).total + 1e-6


@given(times)
def test_one_device_is_the_run_as_it_is(stages):
    assert RunSeconds(stages).on(1).stages == stages


@pytest.mark.parametrize("n", [0, -1])
def test_no_device_is_none(n):
    with pytest.raises(ValueError, match="at least one device"):
        RunSeconds({}).on(n)


def test_every_stage_of_a_run_is_told_and_each_is_one_of_the_run(tmp_path):
    images, training = write_images(tmp_path / "val"), write_images(tmp_path / "train")
    options = RunOptions(
        model=write_network(tmp_path),
        images=images,
        train_images=training,
        layers=("features.4",),
        out=tmp_path / "store.h5",
        ablation=("mean",),
        workers=0,
    )
    plan = make_plan(options)
    stores = contents_of(plan)
    found = run_seconds(plan, stores)
    assert found.stages.keys() == {*SHARES, CHECK}
    assert all(took > 0 for took in found.stages.values())
    (line,) = [line for line in announce(plan, stores, found) if line.startswith("Estimated: ")]
    assert all(f"{name} " in line for name in found.stages)


def test_two_sets_of_images_take_what_both_take():
    both = RunSeconds({"sweep": 2.0, "merge": 1.0}).and_then(RunSeconds({"sweep": 3.0, "check": 4.0}))
    assert both.stages == {"sweep": 5.0, "merge": 1.0, "check": 4.0}


@pytest.mark.parametrize(("shard_size", "batch_size"), [(10, 128), (24, 128), (9, 4), (7, 3)])
def test_the_estimate_counts_the_images_that_a_run_checks(tmp_path, monkeypatch, shard_size, batch_size):
    passed = []

    def count(network, inputs):
        hook = network.register_forward_hook(lambda _module, given, _output: passed.append(len(given[0])))
        refuse_mixing(network, inputs)
        hook.remove()

    monkeypatch.setattr(sweep, "refuse_mixing", count)
    words = [
        "--shard-size",
        str(shard_size),
        "--batch-size",
        str(batch_size),
        "--attribution",
        "none",
        "--workers",
        "0",
    ]
    named = ["--images", str(write_images(tmp_path / "val")), "--layer", "features.4", "--out", str(tmp_path / "s.h5")]
    assert main(["run", write_network(tmp_path), *named, *words]) == 0
    assert sum(passed) == images_checked(24, shard_size, batch_size)
