"""A run on a Ray cluster: nodes as processes of this machine, one of them killed, and the run itself killed."""

import importlib.util
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest
import torch

from precompute.__main__ import main
from precompute.errors import ImageFolderError, OptionError
from precompute.experiments import sweeps
from precompute.images.folder import list_images
from precompute.options import RunOptions
from precompute.workers.node_checks import Sample, refuse_other_files, samples_of
from precompute.workers.ray_workers import _places
from tests.arrays import assert_same_arrays
from tests.precompute.experiments.test_sweeps import SWEEPING
from tests.precompute.run.test_worker_pool import contents, wait_for
from tests.small import write_images, write_network

ROOT = Path(__file__).parents[3]
HAS_RAY = importlib.util.find_spec("ray") is not None
needs_ray = pytest.mark.skipif(not HAS_RAY, reason="Ray is not installed; `make test-ray` installs it")


# Without Ray


@pytest.mark.skipif(HAS_RAY, reason="Ray is installed")
def test_without_ray_it_is_said_how_to_get_it(tmp_path, capsys):
    words = ["--images", str(write_images(tmp_path / "images")), "--layer", "signed", "--out", str(tmp_path / "s.h5")]
    assert main(["run", write_network(tmp_path), *words, "--ray", "local", "--workers", "0"]) == 1
    assert "pip install -r requirements-ray.txt" in capsys.readouterr().err
    assert not list(tmp_path.glob("s.h5*"))


@pytest.mark.parametrize("device", ["cuda:0", "cuda:0,cuda:1", "mps"])
def test_ray_gives_out_gpus_itself(device):
    with pytest.raises(OptionError, match="Ray gives out the GPUs"):
        RunOptions(model="alexnet", images=Path(), layers=("x",), out=Path("s.h5"), ray="local", device=device)


def test_a_node_gets_a_worker_for_each_gpu_or_as_many_as_devices_are_named_and_divides_its_cores():
    node = {"NodeID": "n", "NodeManagerHostname": "far", "Resources": {"CPU": 16.0, "GPU": 4.0}}
    on_gpus = list(_places(node, 1, [torch.device("cuda")]))
    assert [(place.cpus, place.gpus, place.device, place.sharers) for place in on_gpus] == [(4, 1, "cuda:0", 1)] * 4
    beside = list(_places(node, 1, [torch.device("cpu")] * 2))
    assert [(place.cpus, place.gpus, place.device, place.sharers) for place in beside] == [(8, 0, "cpu", 2)] * 2
    assert len({place.name for place in (*on_gpus, *beside)}) == 6
    assert not list(_places(node | {"Resources": {"CPU": 2.0}}, 1, [torch.device("cuda")]))


def test_images_that_are_others_or_not_there_are_refused(tmp_path):
    images = list_images(write_images(tmp_path / "images"))
    samples = samples_of(images)
    assert len(samples) == 8
    refuse_other_files(samples)
    first = Path(samples[0].path)
    data = first.read_bytes()
    first.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    with pytest.raises(ImageFolderError, match="of other content"):
        refuse_other_files(samples)
    first.write_bytes(data[:-1])
    with pytest.raises(ImageFolderError, match=f"expected {len(data):,}"):
        refuse_other_files(samples)
    first.unlink()
    with pytest.raises(ImageFolderError, match="cannot be read there"):
        refuse_other_files(samples)


# With Ray


@pytest.fixture(scope="module")
def cluster():
    """Two nodes of one processor each."""
    from ray.cluster_utils import Cluster

    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    made.add_node(num_cpus=1)
    yield made
    made.shutdown()


@pytest.fixture(scope="module")
def job(tmp_path_factory):
    """The words of a job whose images take time, given where its store goes and what more is asked."""
    folder = tmp_path_factory.mktemp("job")
    slow = Path(write_network(folder).removesuffix(":build"))
    slow.write_text(
        slow.read_text().replace(
            "    return torch.from", "    import time\n\n    time.sleep(0.05)\n    return torch.from"
        )
    )
    words = ["run", f"{slow}:build", "--images", write_images(folder / "images", per_class=16), "--layer", "signed"]
    words += ["--ablation", "zero", "--ablation", "mean", "--attribution", "gradient", "--top-k", 3]
    words += ["--shard-size", 3, "--batch-size", 2, "--workers", 0, "--device", "cpu"]
    return lambda out, *more: [str(word) for word in (*words, "--out", out, *more)]


@pytest.fixture(scope="module")
def made(job, tmp_path_factory):
    """The store of one process with one thread."""
    out = tmp_path_factory.mktemp("alone") / "s.h5"
    with one_thread():
        assert main(job(out)) == 0
    return out


@pytest.fixture(scope="module")
def alone(made):
    """What that store holds."""
    return contents(made)


@contextmanager
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def started(words, log):
    with log.open("w") as written:
        command = [sys.executable, "-m", "precompute", *words]
        return psutil.Popen(command, cwd=ROOT, stdout=written, stderr=subprocess.STDOUT)


@needs_ray
@pytest.mark.ray
def test_a_run_whose_process_is_killed_goes_on_by_resume_to_the_store_of_one_process(cluster, job, alone, tmp_path):
    out = tmp_path / "s.h5"
    driver = started(job(out, "--ray", cluster.address), tmp_path / "log")
    wait_for(lambda: list((tmp_path / "s.h5.shards").glob("sweep-0000[1-9]")), driver)
    before = workers_of_ray()
    assert before
    driver.send_signal(signal.SIGKILL)
    driver.wait()
    finished = {shard.name for shard in (tmp_path / "s.h5.shards").glob("sweep-?????")}
    assert finished
    assert not psutil.wait_procs(before, timeout=60)[1]
    again = started(job(out, "--ray", cluster.address, "--resume"), tmp_path / "log")
    assert again.wait() == 0, (tmp_path / "log").read_text()
    assert "2 workers on Ray share the shards" in (tmp_path / "log").read_text()
    assert_same_arrays(contents(out), alone)


def workers_of_ray():
    """The processes that compute shards."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if "ray::NodeActor" in " ".join(process.cmdline()):
                found.append(process)
    return found


@needs_ray
@pytest.mark.ray
def test_images_that_a_node_does_not_see_are_refused_before_anything_is_computed(
    cluster, job, tmp_path, monkeypatch, capsys
):
    from precompute.workers import ray_workers

    monkeypatch.setattr(ray_workers, "samples_of", lambda _: [Sample("/nowhere/cat.png", 5, "0" * 64)])
    assert main(job(tmp_path / "s.h5", "--ray", cluster.address)) == 1
    said = capsys.readouterr().err
    assert "error: node" in said
    assert "/nowhere/cat.png: this image cannot be read there" in said
    assert not list(tmp_path.glob("s.h5*"))


@needs_ray
@pytest.mark.ray
def test_an_address_where_no_cluster_is_gets_a_sentence(job, tmp_path, capsys):
    assert main(job(tmp_path / "s.h5", "--ray", "127.0.0.1:1")) == 1
    assert "error: --ray 127.0.0.1:1: Ray cannot be reached" in capsys.readouterr().err


@needs_ray
@pytest.mark.ray
def test_an_experiment_on_ray_finds_what_one_process_finds_though_a_worker_is_killed(
    cluster, made, tmp_path, monkeypatch, capsys
):
    in_order, killed = sweeps._in_order, []

    def with_a_kill(names, arriving):
        def after_the_first():
            for each in arriving:
                if not killed:
                    killed.extend(workers_of_ray()[:1])
                    killed[0].kill()
                yield each

        return in_order(names, after_the_first())

    monkeypatch.setattr(sweeps, "_in_order", with_a_kill)
    monkeypatch.setattr(sweeps, "FEWEST", 4)
    stores = [Path(shutil.copy(made, tmp_path / name)) for name in ("one.h5", "ray.h5")]
    with one_thread():
        assert main(["experiment", "rotation", str(stores[0]), "--device", "cpu"]) == 0
    assert main(["experiment", "rotation", str(stores[1]), "--device", "cpu", "--ray", cluster.address]) == 0
    told = capsys.readouterr().out
    assert "2 workers on Ray share the pieces" in told
    assert "it is computed again" in told
    assert_same_arrays(contents(stores[1]), contents(stores[0]))


@needs_ray
@pytest.mark.ray
@pytest.mark.parametrize("name", [name for name in SWEEPING if name != "rotation"])
def test_every_experiment_that_can_be_shared_finds_the_same_on_ray(name, cluster, made, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sweeps, "FEWEST", 4)
    trained = ["--train-images", write_images(tmp_path / "training", per_class=6)] if name == "roles" else []
    stores = [Path(shutil.copy(made, tmp_path / store)) for store in ("one.h5", "ray.h5")]
    words = [["experiment", name, *map(str, (store, *trained)), "--device", "cpu"] for store in stores]
    with one_thread():
        assert main(words[0]) == 0
    assert main([*words[1], "--ray", cluster.address]) == 0
    assert "2 workers on Ray share the pieces" in capsys.readouterr().out
    assert_same_arrays(contents(stores[1]), contents(stores[0]))


@needs_ray
@pytest.mark.ray
def test_images_that_a_node_does_not_see_are_refused_before_an_experiment_starts(
    cluster, made, tmp_path, monkeypatch, capsys
):
    from precompute.workers import ray_workers

    store = Path(shutil.copy(made, tmp_path / "s.h5"))
    before = store.read_bytes()
    monkeypatch.setattr(ray_workers, "samples_of", lambda _: [Sample("/nowhere/cat.png", 5, "0" * 64)])
    assert main(["experiment", "rotation", str(store), "--device", "cpu", "--ray", cluster.address]) == 1
    assert "/nowhere/cat.png: this image cannot be read there" in capsys.readouterr().err
    assert store.read_bytes() == before


@needs_ray
@pytest.mark.ray
def test_a_node_that_is_killed_costs_the_shard_that_it_was_at(cluster, job, alone, tmp_path):
    out, log = tmp_path / "s.h5", tmp_path / "log"
    driver = started(job(out, "--ray", cluster.address), log)
    wait_for(lambda: list((tmp_path / "s.h5.shards").glob("sweep-0000[1-9]")), driver)
    cluster.remove_node(cluster.worker_nodes.copy().pop(), allow_graceful=False)
    killed = time.monotonic()
    assert driver.wait() == 0, log.read_text()
    print(f"{time.monotonic() - killed:.1f} s from the kill to the end")
    assert "it is computed again" in log.read_text()
    assert_same_arrays(contents(out), alone)
