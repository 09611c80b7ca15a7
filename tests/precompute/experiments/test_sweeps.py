"""Experiments whose sweeps several workers share: what one process finds, whoever computes which piece, or dies."""

import pickle
import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import h5py
import numpy as np
import psutil
import pytest
import torch

from precompute.__main__ import main
from precompute.errors import ModelError, OptionError
from precompute.experiments import sweeps
from precompute.experiments.network_recipe import NetworkRecipe
from precompute.experiments.options import ExperimentOptions
from precompute.experiments.restored_run import restore_run
from precompute.experiments.sweeps import SweptNetwork
from precompute.models import state_dict
from precompute.models.state_dict import state_digest
from precompute.store.experiments import registry
from precompute.store.reader import open_store
from precompute.workers import start
from precompute.workers.recipe import Place
from precompute.workers.worker_pool import Lost
from tests.arrays import assert_same_arrays
from tests.everyday import everyday
from tests.precompute.run.test_worker_pool import InThisProcess, of_python
from tests.small import write_images

ROOT = Path(__file__).parents[3]
SWEEPING = ("cumulative", "rotation", "entropy", "roles")


@pytest.fixture(scope="module", autouse=True)
def _one_thread():
    """One process computes with as many threads as each of several: floats are equal at the same number alone."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(autouse=True)
def _small_pieces(monkeypatch):
    monkeypatch.setattr(sweeps, "FEWEST", 4)


@pytest.fixture(scope="module")
def training(tmp_path_factory):
    """Training images, of which one cannot be read, and a whole piece neither."""
    images = write_images(tmp_path_factory.mktemp("training") / "images", per_class=6)
    for name in ("cats/05.png", "owls/00.png", "owls/01.png", "owls/02.png", "owls/03.png", "owls/04.png"):
        (images / name).write_bytes(b"no picture")
    return images


@pytest.fixture
def words(job_store, training):
    """The words that ask for an experiment, given its name and what more is asked."""

    def asking(name, *more, store=job_store):
        by_layer = ["--layer", "features.4"] if name in ("entropy", "rotation") else []
        trained = ["--train-images", training] if name == "roles" else []
        return ["experiment", name, *map(str, (store, *by_layer, *trained, *more))]

    return asking


def found_in(path, name):
    with open_store(path) as store:
        return dict(store.experiment(name)), {layer.name: measures_of(layer) for layer in store.layers}


def measures_of(layer):
    return {name: np.asarray(held.values) for name, held in layer.measures.items()}


def alone_and_spread(words, name, job_store, tmp_path, *more):
    """What one process finds, and what is found with more words."""
    other = Path(shutil.copy(job_store, tmp_path / "other.h5"))
    assert main(words(name, "--device", "cpu")) == 0
    assert main(words(name, *more, store=other)) == 0
    return found_in(job_store, name), found_in(other, name)


def assert_same(one, other):
    assert_same_arrays(other[0], one[0])
    for layer, measures in one[1].items():
        assert_same_arrays(other[1][layer], measures)


@pytest.mark.parametrize("name", everyday(SWEEPING, lambda name: name in ("cumulative", "roles")))
def test_what_is_found_is_that_of_one_process_whoever_computes_which_piece(
    name, words, job_store, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(start, "LocalWorkers", InThisProcess)
    monkeypatch.setenv("COLUMNS", "300")  # a bar of the usual width has no room for the rates
    one, several = alone_and_spread(words, name, job_store, tmp_path, "--device", "cpu,cpu", "--rates")
    assert_same(one, several)
    told = capsys.readouterr()
    assert "2 processes share the pieces, on cpu, cpu, each with 1 thread" in told.out
    assert "place 0" in told.err  # how fast it was


def test_what_pieces_find_is_put_together_in_the_order_of_the_images_however_it_arrives():
    arriving = ((name, {"name": np.array(name)}) for name in ("third", "first", "second", "fourth"))
    found = sweeps._in_order(("first", "second", "third", "fourth"), arriving)
    assert [str(each["name"]) for each in found] == ["first", "second", "third", "fourth"]


def test_pieces_that_are_lost_are_computed_again(words, job_store, tmp_path, monkeypatch, capsys):
    class Mortal(InThisProcess):
        lost: ClassVar = set()

        def trouble(self, worker, piece):
            if piece not in self.lost:
                self.lost.add(piece)
                return Lost("a stroke of lightning")

    monkeypatch.setattr(start, "LocalWorkers", Mortal)
    assert_same(*alone_and_spread(words, "cumulative", job_store, tmp_path, "--device", "cpu,cpu"))
    assert len(Mortal.lost) == 4
    assert "the piece with images 5 to 8 of 15 failed on place" in (said := capsys.readouterr().out)
    assert "a stroke of lightning; it is computed again" in said


def test_a_piece_that_fails_three_times_ends_the_experiment_and_the_store_stays(words, job_store, monkeypatch, capsys):
    class Poisoned(InThisProcess):
        def trouble(self, worker, piece):
            return Lost("a poisoned picture") if "images 5 to 8" in piece else None

    before = job_store.read_bytes()
    monkeypatch.setattr(start, "LocalWorkers", Poisoned)
    assert main(words("cumulative", "--device", "cpu,cpu")) == 1
    (told,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error:")]
    assert "the piece with images 5 to 8 of 15 failed 3 times" in told
    assert "a poisoned picture" in told
    assert "The store is as it was" in told
    assert job_store.read_bytes() == before


def test_a_picture_that_has_changed_is_said_as_in_one_process(words, real_job, tmp_path, monkeypatch, capsys):
    images = shutil.copytree(real_job[1], tmp_path / "moved")
    (images / "dogs" / "04.png").write_bytes(b"spoilt")
    monkeypatch.setattr(start, "LocalWorkers", InThisProcess)
    said = []
    for device in ("cpu", "cpu,cpu"):
        assert main(words("rotation", "--images", images, "--device", device)) == 1
        said.append(capsys.readouterr().err.splitlines()[-1])
    assert "04.png: this file has changed since the run first read it" in said[0]
    assert said[0] == said[1]


def test_a_worker_that_loads_other_weights_is_refused(words, job_store, monkeypatch, capsys):
    before = job_store.read_bytes()
    monkeypatch.setattr(state_dict, "state_digest", lambda _network: "of other weights")
    monkeypatch.setattr(start, "LocalWorkers", InThisProcess)
    assert main(words("cumulative", "--device", "cpu,cpu")) == 1
    assert "the network that another process loads has other weights" in capsys.readouterr().err
    assert job_store.read_bytes() == before


def test_a_worker_has_the_weights_that_the_store_carries_where_others_are_gone(job_store):
    with h5py.File(job_store, "r+") as file:
        file["/model"].attrs["weights"] = "/gone/weights.pt"
    with open_store(job_store) as store:
        network = SweptNetwork.of(restore_run(store, ExperimentOptions(device="cpu")), store.layers)
        recipe = pickle.loads(pickle.dumps(NetworkRecipe.of(network)))
        digest = store.provenance["weights"]["sha256"]
    built = recipe.build(Place(torch.device("cpu")))
    assert state_digest(built.restored.model.network) == digest
    assert built.restored.model.weights == "/gone/weights.pt"
    assert set(built.ablaters) == {"features.4", "signed"}


def test_a_layer_that_a_worker_would_sweep_in_another_way_is_refused(job_store):
    with open_store(job_store) as store:
        network = SweptNetwork.of(restore_run(store, ExperimentOptions(device="cpu")), store.layers)
    recipe = replace(NetworkRecipe.of(network), swept_plainly=frozenset({"signed"}))
    with pytest.raises(ModelError, match=r"signed: .* by the engine, a worker by whole forward passes"):
        recipe.build(Place(torch.device("cpu")))


# Processes


@pytest.mark.long  # tests/precompute/run/test_worker_pool.py kills one every day
def test_a_killed_process_is_replaced_and_what_is_found_is_that_of_one(words, job_store, tmp_path, monkeypatch, capsys):
    in_order, killed = sweeps._in_order, []

    def with_a_kill(names, arriving):
        def after_the_first():
            for each in arriving:
                if not killed:
                    killed.append(of_python(psutil.Process())[0])
                    killed[0].kill()
                yield each

        return in_order(names, after_the_first())

    monkeypatch.setattr(sweeps, "_in_order", with_a_kill)
    assert_same(*alone_and_spread(words, "rotation", job_store, tmp_path, "--device", "cpu,cpu"))
    assert killed
    assert re.search(
        r"failed on cpu \(\d\): its process was ended by SIGKILL.*it is computed again", capsys.readouterr().out
    )
    assert not of_python(psutil.Process())


@pytest.mark.long
def test_ctrl_c_leaves_no_process_and_the_store_as_it_was(words, job_store):
    before = job_store.read_bytes()
    command = [sys.executable, "-m", "precompute", *words("rotation", "--device", "cpu,cpu")]
    driver = psutil.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True)
    while driver.poll() is None and len(of_python(driver)) < 2:
        time.sleep(0.005)
    workers = driver.children(recursive=True)
    for process in (driver, *workers):  # as a terminal does
        process.send_signal(signal.SIGINT)
    _, said = driver.communicate()
    assert driver.returncode == 130, said.decode()
    assert b"the store is as it was" in said, said.decode()
    assert b"Traceback" not in said, said.decode()
    assert not psutil.wait_procs(workers, timeout=30)[1]
    assert job_store.read_bytes() == before


# Who takes several


def test_an_experiment_either_is_shared_or_says_why_not():
    for spec in registry.all_specs():
        runs_the_network = "device" in spec.options
        assert runs_the_network == (("ray" in spec.options) != bool(spec.on_one_device)), spec.name
        assert ("ray" in spec.options) == (spec.name in SWEEPING)


@pytest.mark.parametrize("asked", [["--device", "cpu,cpu"], ["--device", "all"], ["--ray", "local"]])
def test_several_devices_are_refused_by_an_experiment_that_cannot_be_shared(asked, job_store, capsys):
    before = job_store.read_bytes()
    assert main(["experiment", "compression", str(job_store), *asked]) == 1
    told = capsys.readouterr().err
    assert f"error: {' '.join(asked)}: the experiment compression computes on one device, because each round" in told
    assert job_store.read_bytes() == before


def test_an_experiment_on_the_store_alone_takes_no_cluster(job_store, capsys):
    assert main(["experiment", "statistics", str(job_store), "--ray", "local"]) == 1
    assert "The experiment statistics takes no --ray" in capsys.readouterr().err


def test_of_all_experiments_those_that_cannot_be_shared_get_the_first_device():
    options = ExperimentOptions(device="cuda:1,cuda:2")
    assert options.only(registry.spec_of("compression")).device == "cuda:1"
    assert options.only(registry.spec_of("cumulative")).device == "cuda:1,cuda:2"
    assert ExperimentOptions(device="all").only(registry.spec_of("responses")).device == "cuda:0"
    assert ExperimentOptions(device="cpu,cpu").only(registry.spec_of("statistics")).device == "auto"  # it takes none
    on_ray = ExperimentOptions(ray="local")
    assert on_ray.only(registry.spec_of("compression")).ray is None
    assert on_ray.only(registry.spec_of("cumulative")).ray == "local"


@pytest.mark.parametrize("device", ["cuda:0", "cuda:0,cuda:1", "mps"])
def test_ray_gives_out_gpus_itself(device):
    with pytest.raises(OptionError, match="Ray gives out the GPUs"):
        ExperimentOptions(ray="local", device=device)


def test_pieces_depend_on_the_number_of_images_alone():
    assert [sweeps._size(n) for n in (1, 64, 640, 4096, 50_000)] == [4, 4, 40, 256, 256]
