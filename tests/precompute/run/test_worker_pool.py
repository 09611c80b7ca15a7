"""Several workers: the store of one process, whoever computes which shard, in whatever order, and whoever dies."""

import pickle
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import ClassVar

import h5py
import psutil
import pytest
import torch
from PIL import Image

from precompute.__main__ import main
from precompute.device_names import device_names, first_of
from precompute.errors import EngineDoubted, OptionError
from precompute.images.loading import default_workers
from precompute.models.device import pick_devices
from precompute.workers import start
from precompute.workers.piece_worker import PieceWorker
from precompute.workers.recipe import Place
from precompute.workers.worker_pool import Lost, Made, PieceRefused
from tests.arrays import assert_same_arrays
from tests.small import write_images, write_network

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """One process computes with as many threads as each of several: floats are equal at the same number alone."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def job(tmp_path_factory):
    """The words of a small job, given where its store goes and what more is asked."""
    folder = tmp_path_factory.mktemp("job")
    model, images = write_network(folder), write_images(folder / "images")
    (images / "owls" / "03.png").write_bytes(b"no picture")
    training = write_images(folder / "training", per_class=2)
    words = ["run", model, "--images", images, "--train-images", training, "--layer", "signed"]
    words += ["--ablation", "zero", "--ablation", "mean", "--attribution", "gradient", "--top-k", 3]
    words += ["--shard-size", 3, "--batch-size", 2, "--workers", 0]
    return lambda out, *more: [str(word) for word in (*words, "--out", out, *more)]


@pytest.fixture(scope="module")
def alone(job, tmp_path_factory):
    """What the store of one process holds."""
    out = tmp_path_factory.mktemp("alone") / "s.h5"
    assert main(job(out, "--device", "cpu")) == 0
    return contents(out)


def contents(path):
    """Every dataset of a store but its provenance."""
    found = {}
    with h5py.File(path) as file:
        file.visititems(lambda name, item: found.update({name: item[()]}) if isinstance(item, h5py.Dataset) else None)
    return {name: values for name, values in found.items() if not name.startswith("provenance")}


# Who computes what: workers that live in this process


class Here:
    """A worker in this process, which gets everything as another process would."""

    def __init__(self, name, recipe):
        self.name, self.task, self.stopped = name, None, False
        place = Place(torch.device("cpu"), threads=1, among=2, sharers=2)
        self.piece_worker = PieceWorker(pickle.loads(recipe), place)

    def give(self, task):
        assert not self.stopped
        self.task = pickle.loads(pickle.dumps(task))

    def stop(self):
        self.stopped = True


class InThisProcess:
    """Workers that finish in any order; `trouble` says what becomes of a shard in place of being computed."""

    threads = 1
    n_devices = 1
    n_workers = 2
    lasting = True

    def __init__(self, recipe, _devices):
        self.recipe, self.draw, self.started = pickle.dumps(recipe), random.Random(0), Counter()

    def trouble(self, worker, shard):
        return None

    def started_at(self, name):
        self.started[name] += 1
        return Here(name, self.recipe)

    def start(self):
        return [self.started_at(f"place {number}") for number in range(self.n_workers)]

    def replace(self, gone):
        return self.started_at(gone.name) if self.lasting else None

    def receive(self, busy):
        worker = self.draw.choice(busy)
        steps = []
        message = self.trouble(worker, worker.task.name) or worker.piece_worker.compute(worker.task, steps.append)
        message = pickle.loads(pickle.dumps(message))
        if isinstance(message, Made):
            message = Made(message.arrays, sum(steps))
        return [(worker, message)]

    def close(self):
        pass


def run_with(monkeypatch, workers, words):
    monkeypatch.setattr(start, "LocalWorkers", workers)
    return main([*words, "--device", "cpu,cpu"])


def test_the_store_is_that_of_one_process_whoever_computes_which_shard(job, alone, tmp_path, monkeypatch, capsys):
    assert run_with(monkeypatch, InThisProcess, job(tmp_path / "s.h5", "--rates")) == 0
    assert_same_arrays(contents(tmp_path / "s.h5"), alone)
    told = capsys.readouterr()
    assert "2 processes share the shards, on cpu, cpu, each with 1 thread" in told.out
    assert "place 0" in told.err  # how fast it was


def test_shards_of_workers_that_are_lost_are_computed_again(job, alone, tmp_path, monkeypatch, capsys):
    class Mortal(InThisProcess):
        lost: ClassVar = set()

        def trouble(self, worker, shard):
            if shard.endswith("00002") and shard not in self.lost:
                self.lost.add(shard)
                return Lost("a stroke of lightning")

    assert run_with(monkeypatch, Mortal, job(tmp_path / "s.h5")) == 0
    assert_same_arrays(contents(tmp_path / "s.h5"), alone)
    assert Mortal.lost == {"means-00002", "sweep-00002", "look-00002"}
    assert "sweep-00002 failed on place" in (said := capsys.readouterr().out)
    assert "a stroke of lightning; it is computed again" in said


def test_a_shard_that_fails_three_times_ends_the_run_by_its_name_and_the_others_are_kept(
    job, alone, tmp_path, monkeypatch, capsys
):
    class Poisoned(InThisProcess):
        def trouble(self, worker, shard):
            return Lost("a poisoned picture") if shard == "sweep-00001" else None

    out = tmp_path / "s.h5"
    assert run_with(monkeypatch, Poisoned, job(out)) == 1
    (told,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error:")]
    assert "sweep-00001 failed 3 times" in told
    assert "a poisoned picture" in told
    assert "--resume" in told
    assert (tmp_path / "s.h5.shards" / "sweep-00004").is_dir()
    assert main(job(out, "--resume", "--device", "cpu")) == 0
    assert_same_arrays(contents(out), alone)


def test_a_place_that_fails_three_times_in_a_row_is_left_out(job, alone, tmp_path, monkeypatch, capsys):
    class OneBroken(InThisProcess):
        tried: ClassVar = Counter()

        def trouble(self, worker, shard):
            self.tried[worker.name] += 1
            return Lost("a broken fan") if worker.name == "place 1" else None

    assert run_with(monkeypatch, OneBroken, job(tmp_path / "s.h5")) == 0
    assert_same_arrays(contents(tmp_path / "s.h5"), alone)
    assert OneBroken.tried["place 1"] == 3
    assert "the run goes on without it" in capsys.readouterr().out


def test_where_nobody_is_left_the_run_ends_and_says_so(job, tmp_path, monkeypatch, capsys):
    class Gone(InThisProcess):
        lasting = False

        def trouble(self, worker, shard):
            return Lost("the power is out") if shard.startswith("sweep") else None

    assert run_with(monkeypatch, Gone, job(tmp_path / "s.h5")) == 1
    assert "no other worker is left" in (said := capsys.readouterr().err)
    assert "--resume" in said


def test_a_doubt_of_one_worker_makes_all_sweep_the_layer_plainly(job, tmp_path, monkeypatch, capsys):
    class Doubting(InThisProcess):
        doubted = False

        def trouble(self, worker, shard):
            if shard == "sweep-00003" and not Doubting.doubted:
                Doubting.doubted = True
                return PieceRefused(EngineDoubted("signed", "it was made to be"))

    assert run_with(monkeypatch, Doubting, job(tmp_path / "s.h5")) == 0
    assert "signed is swept again by whole forward passes, because it was made to be" in capsys.readouterr().out


def test_what_is_wrong_with_the_images_is_said_as_in_one_process(tmp_path, monkeypatch, capsys):
    model, images = write_network(tmp_path), write_images(tmp_path / "images")
    for image in range(4):
        (images / "owls" / f"{image:02d}.png").write_bytes(b"nothing")
    words = ["run", model, "--images", str(images), "--layer", "signed", "--shard-size", "8", "--workers", "0"]
    assert main([*words, "--out", str(tmp_path / "a.h5"), "--device", "cpu"]) == 1
    expected = capsys.readouterr().err.splitlines()[-1]
    assert run_with(monkeypatch, InThisProcess, [*words, "--out", str(tmp_path / "b.h5")]) == 1
    assert capsys.readouterr().err.splitlines()[-1] == expected


def test_a_worker_that_loads_other_weights_is_refused(tmp_path, monkeypatch, capsys):
    file = tmp_path / "other.py"
    file.write_text(
        "import time\nimport torch\nfrom torch import nn\n\n\ndef build():\n"
        "    torch.manual_seed(time.time_ns())\n"
        "    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3))\n"
    )
    images = write_images(tmp_path / "images")
    words = ["run", f"{file}:build", "--images", str(images), "--layer", "0", "--out", str(tmp_path / "s.h5")]
    assert run_with(monkeypatch, InThisProcess, [*words, "--workers", "0"]) == 1
    assert "has other weights than that of the first" in capsys.readouterr().err


def test_images_of_two_sizes_are_refused_though_no_worker_sees_both(tmp_path, monkeypatch, capsys):
    network, images = tmp_path / "sized.py", write_images(tmp_path / "images", per_class=4)
    source = Path(write_network(tmp_path).rpartition(":")[0]).read_text()
    network.write_text(source.replace("picture.resize((16, 16))", "picture"))
    for image in range(4):
        file = images / "owls" / f"{image:02d}.png"
        Image.open(file).resize((20, 20)).save(file)
    words = ["run", f"{network}:build", "--images", str(images), "--layer", "signed", "--out", str(tmp_path / "s.h5")]
    assert (
        run_with(monkeypatch, InThisProcess, [*words, "--workers", "0", "--shard-size", "4", "--allow-low-accuracy"])
        == 1
    )
    assert "must bring all images to one size" in capsys.readouterr().err


# Processes


def test_a_killed_worker_is_replaced_a_killed_run_leaves_none_and_resume_ends_in_the_same_store(job, alone, tmp_path):
    out = tmp_path / "s.h5"
    side_files, log = tmp_path / "s.h5.shards", tmp_path / "log"
    command = [sys.executable, "-m", "precompute", *job(out, "--device", "cpu,cpu")]
    with log.open("w") as written:
        driver = psutil.Popen(command, cwd=ROOT, stdout=written, stderr=subprocess.DEVNULL)
    try:
        wait_for(lambda: list(side_files.glob("means-0000[0-9]")) and len(of_python(driver)) == 2, driver)
        workers = of_python(driver)
        workers[0].kill()
        wait_for(lambda: "computed again" in log.read_text() and list(side_files.glob("sweep-0000[1-9]")), driver)
        workers = driver.children(recursive=True)
        assert workers
    finally:
        driver.send_signal(signal.SIGKILL)
        driver.wait()
    _, left = psutil.wait_procs(workers, timeout=30)
    assert not left
    assert main(job(out, "--device", "cpu", "--resume")) == 0
    assert_same_arrays(contents(out), alone)


def of_python(driver):
    """The workers of a run, without what Python starts beside them."""
    return [child for child in driver.children() if "spawn_main" in " ".join(child.cmdline())]


def wait_for(what, driver):
    while driver.poll() is None and not what():
        time.sleep(0.005)
    assert driver.poll() is None, "the run ended before it could be killed"


@pytest.mark.long
def test_processes_give_the_store_of_one_process_and_ctrl_c_leaves_none(job, alone, tmp_path):
    out = tmp_path / "s.h5"
    command = [sys.executable, "-m", "precompute", *job(out, "--device", "cpu,cpu")]
    driver = psutil.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True)
    wait_for(lambda: list((tmp_path / "s.h5.shards").glob("sweep-0000[1-9]")), driver)
    workers = driver.children(recursive=True)
    for process in (driver, *workers):  # as a terminal does
        process.send_signal(signal.SIGINT)
    _, said = driver.communicate()
    assert driver.returncode == 130
    assert b"--resume" in said
    assert b"Traceback" not in said
    assert not psutil.wait_procs(workers, timeout=30)[1]
    subprocess.run([*command, "--resume", "--rates"], cwd=ROOT, check=True, capture_output=True)
    assert_same_arrays(contents(out), alone)


# Devices


@pytest.mark.parametrize("written", ["cpu,cuda:0", "auto,cpu", "all,cuda:0", "cpu;cpu", "cuda:x", "", "cpu,"])
def test_what_names_no_devices_of_one_kind_is_refused(written):
    with pytest.raises(OptionError, match="--device"):
        device_names(written)


def test_several_devices_are_told_apart_and_one_can_be_named_twice():
    assert device_names("cuda:0, cuda:2") == ("cuda:0", "cuda:2")
    assert pick_devices("cpu,cpu") == (torch.device("cpu"), torch.device("cpu"))


def test_all_is_every_cuda_device_and_one_that_is_not_there_is_refused(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert pick_devices("all") == (torch.device("cuda:0"), torch.device("cuda:1"))
    with pytest.raises(OptionError, match="cuda:2"):
        pick_devices("cuda:0,cuda:2")


def test_all_without_any_is_refused(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(OptionError, match="no cuda device"):
        pick_devices("all")


@pytest.mark.parametrize(
    ("written", "first"), [("cuda:1", "cuda:1"), ("cpu,cpu", "cpu"), ("all", "cuda:0"), ("auto", "auto")]
)
def test_the_first_of_several_devices_stands_first(written, first):
    assert first_of(written) == first


def test_cores_are_shared_by_those_who_decode_side_by_side(monkeypatch):
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(16)), raising=False)
    assert [default_workers(10_000, among) for among in (1, 2, 4, 8, 16)] == [8, 8, 4, 2, 0]
