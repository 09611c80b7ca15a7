"""An experiment on one layer: what it found on the others before stays as it was, or it is refused in a sentence."""

import re
from importlib import import_module

import h5py
import numpy as np
import pytest

from precompute.__main__ import main
from precompute.errors import OptionError, StoreError
from precompute.experiments.options import ExperimentOptions
from precompute.experiments.protocol import Findings, Prepared
from precompute.experiments.runner import carry_out, carry_out_all
from precompute.store.check import check
from precompute.store.experiments import registry
from precompute.store.reader import open_store
from tests.everyday import everyday

# `test_all_keeps_the_findings_of_other_layers_too` takes every experiment every day.
DAILY = ("statistics", "entropy")


def made_up(spec, layers, number, frame=0.25):
    """Return findings in the form of an experiment, all with one number: what every layer shares, and each layer."""
    arrays, measures = {}, {}
    for layer in layers:
        for entry in spec.entries:
            path = entry.path.removeprefix(f"{spec.group}/").replace("<layer>", layer.name).replace("<kind>", "zero")
            path, shape = re.sub("<(.*?)>", r"\1", path), tuple(2 for _ in entry.axes)
            value = number if "layers/" in path else frame
            arrays[path] = np.full(shape, str(value)) if entry.dtype == "str" else np.full(shape, value, entry.dtype)
        measures[layer.name] = {row.name: np.full(layer.n_units, number) for row in spec.measures}
    return Findings(arrays, measures)


@pytest.fixture
def finds(monkeypatch):
    """Let an experiment find a number everywhere; whether such findings make sense is not what is asked here."""
    monkeypatch.setattr("precompute.store.check.problems_of", lambda _, **__: [])

    def set_up(name, number, frame=0.25, reduced=None):
        spec = registry.spec_of(name)

        def prepare(job):
            return Prepared(
                0.0, 0, 1, "steps", lambda _: made_up(spec, job.layers, number, frame), reduced if reduced else None
            )

        monkeypatch.setattr(import_module(f"precompute.experiments.{name}"), "prepare", prepare)

    return set_up


def carried_out(name, path, **options):
    carry_out(name, path, ExperimentOptions(**options), command=f"made with {sorted(options)}", say=print)


def held(path, name):
    """What the store says of an experiment: its arrays, and the measures of each layer that it made."""
    with open_store(path) as store:
        experiment = store.experiment(name)
        arrays = {part: values.tolist() for part, values in experiment.items()}
        measures = {
            layer.name: {m.name: m.values.tolist() for m in layer.measures.values() if m.experiment == name}
            for layer in store.layers
        }
        return arrays, measures, experiment.facts, {layer: experiment.facts_of(layer) for layer in experiment.layers}


@pytest.mark.parametrize("name", everyday(registry.NAMES, DAILY.__contains__))
def test_what_was_found_on_other_layers_stays(name, store_path, finds):
    finds(name, 0.5)
    carried_out(name, store_path)
    before, measures_before, _, _ = held(store_path, name)
    finds(name, 0.75)
    carried_out(name, store_path, layers=("deep",))
    after, measures, facts, of_layer = held(store_path, name)
    assert after.keys() == before.keys()
    for path in before:
        anew = path.startswith("layers/deep/") and before[path] != after[path]
        assert anew or after[path] == before[path]
    assert any(path.startswith("layers/deep/") and before[path] != after[path] for path in before)
    assert measures["conv"] == measures_before["conv"]
    assert measures["deep"].keys() == measures_before["deep"].keys()
    assert not measures["deep"] or measures["deep"] != measures_before["deep"]
    assert facts["options"]["layers"] == ["conv", "deep"]
    assert of_layer["conv"]["command"] == "made with []"
    assert of_layer["deep"]["command"] == "made with ['layers']"


@pytest.mark.parametrize("name", everyday(registry.NAMES, DAILY.__contains__))
def test_other_options_are_refused_in_a_sentence_that_says_what_would_be_lost(name, store_path, finds):
    finds(name, 0.5)
    carried_out(name, store_path)
    before = store_path.read_bytes()
    with pytest.raises(OptionError, match=rf"findings of {name} for conv would be lost.*the option seed 0, not 3"):
        carried_out(name, store_path, layers=("deep",), seed=3)
    assert store_path.read_bytes() == before
    carried_out(name, store_path, seed=3)  # of all layers it is made anew
    assert held(store_path, name)[2]["seed"] == 3


def test_layers_one_after_the_other_are_as_all_at_once(store_path, experiment):
    whole, _ = experiment("statistics")
    for layer in ("deep", "conv", "deep"):
        parts, facts = experiment("statistics", "--layer", layer)
    assert facts["options"]["layers"] == ["conv", "deep"]
    assert parts.keys() == whole.keys()
    for path, values in whole.items():
        np.testing.assert_array_equal(parts[path], values)
    assert check(store_path) == []


def test_a_layer_made_anew_alone_leaves_nothing_of_what_it_was(store_path, finds):
    finds("statistics", 0.5)
    carried_out("statistics", store_path, layers=("deep",))
    finds("statistics", 0.75)
    carried_out("statistics", store_path, layers=("deep",), seed=4)
    assert held(store_path, "statistics")[2]["options"] == {"layers": ["deep"], "seed": 4}


def test_all_keeps_the_findings_of_other_layers_too(store_path, finds, capsys):
    for name in registry.NAMES:
        finds(name, 0.5)
    carry_out_all(store_path, ExperimentOptions(), command="", say=print)
    before = {name: held(store_path, name)[1]["conv"] for name in registry.NAMES}
    for name in registry.NAMES:
        finds(name, 0.75)
    assert carry_out_all(store_path, ExperimentOptions(layers=("deep",)), command="", say=print) == len(registry.NAMES)
    assert {name: held(store_path, name)[1]["conv"] for name in registry.NAMES} == before
    capsys.readouterr()
    n_added = carry_out_all(store_path, ExperimentOptions(layers=("deep",), seed=2), command="", say=print)
    assert n_added == 0
    assert capsys.readouterr().out.count("would be lost") == len(registry.NAMES)


def test_what_was_cut_down_in_another_way_is_refused_before_the_work(store_path, finds):
    finds("rotation", 0.5, reduced="on half of the images")
    carried_out("rotation", store_path)
    finds("rotation", 0.75)
    with pytest.raises(OptionError, match="on half of the images"):
        carried_out("rotation", store_path, layers=("deep",))


def test_a_changed_store_is_refused_before_the_work(store_path, monkeypatch, capsys):
    with h5py.File(store_path, "r+") as file:
        del file["/layers/conv/ablation/mean/log_prob_change"]
    monkeypatch.setattr("precompute.experiments.statistics.prepare", lambda _: pytest.fail("work was begun"))
    assert main(["experiment", "statistics", str(store_path)]) == 1
    assert "/layers/conv/ablation/mean/log_prob_change: it is gone" in capsys.readouterr().err
    assert main(["experiment", "all", str(store_path)]) == 1
    assert "is not as it was written" in capsys.readouterr().err


def test_findings_of_other_images_do_not_stand_beside_each_other(store_path, finds):
    finds("dissection", 0.5)
    carried_out("dissection", store_path)
    before = store_path.read_bytes()
    finds("dissection", 0.75, frame=0.5)
    with pytest.raises(StoreError, match="rest on another"):
        carried_out("dissection", store_path, layers=("deep",))
    assert store_path.read_bytes() == before


@pytest.mark.long
@pytest.mark.parametrize("name", ["cumulative", "compression", "rotation", "entropy"])
def test_an_experiment_that_runs_the_network_keeps_the_other_layer(name, job_store):
    words = ["experiment", name, str(job_store), "--device", "cpu"]
    assert main(words) == 0
    before, measures, *_ = held(job_store, name)
    assert main([*words, "--layer", "signed"]) == 0
    after, measures_after, *_ = held(job_store, name)
    assert measures_after["features.4"] == measures["features.4"]
    for path, values in before.items():
        np.testing.assert_array_equal(np.array(after[path]), np.array(values))
    assert check(job_store) == []
