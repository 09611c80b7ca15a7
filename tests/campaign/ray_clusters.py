"""Runs on a Ray cluster of two nodes, processes of this machine, that lose workers, nodes, disks, or are killed."""

import importlib.util
import os
import random
import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil

from tests.campaign.commands import ending, wait_until_gone
from tests.campaign.full_disk import fill, small_disk
from tests.campaign.killed_runs import earlier_store, judge, kill_some, outcome, runs
from tests.campaign.trials import small_job

NO_RAY = "skipped: Ray is not installed; `make test-ray` does it"


def ray_workers(folder: Path, rng: random.Random, n_trials: int) -> Iterator[str]:
    """Workers on Ray are killed, one or several: the run goes on, or --resume does."""
    if not _has_ray():
        yield NO_RAY
        return
    job = small_job(folder / "job", slow=True)
    with _cluster() as cluster:
        for started, out in runs(job, folder, n_trials, "--device", "cpu", "--ray", cluster.address):
            killed = kill_some(job, started, out, rng, lambda _: _actors())
            said = ending(started)
            yield judge(job, out, killed=killed, ended=started.returncode, said=said)


def ray_nodes(folder: Path, rng: random.Random, n_trials: int) -> Iterator[str]:
    """A node is lost with all its processes: the run goes on with the other one."""
    if not _has_ray():
        yield NO_RAY
        return
    job = small_job(folder / "job", slow=True)
    with _cluster() as cluster:
        for started, out in runs(job, folder, n_trials, "--device", "cpu", "--ray", cluster.address):
            job.wait_for_a_moment(started, out, rng)
            at_work = started.poll() is None
            cluster.remove_node(cluster.worker_nodes.copy().pop(), allow_graceful=rng.random() < 0.3)
            said = ending(started)
            yield judge(job, out, killed=int(at_work), ended=started.returncode, said=said)
            cluster.add_node(num_cpus=1)


def ray_drivers(folder: Path, rng: random.Random, n_trials: int) -> Iterator[str]:
    """The run's own process is killed: its workers end, and --resume goes on, on Ray or without it."""
    if not _has_ray():
        yield NO_RAY
        return
    job = small_job(folder / "job", slow=True)
    with _cluster() as cluster:
        for started, out in runs(job, folder, n_trials, "--device", "cpu", "--ray", cluster.address):
            job.wait_for_a_moment(started, out, rng)
            actors = _actors()
            started.send_signal(rng.choice((signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGINT)))
            ending(started)
            left = wait_until_gone(actors, 60)
            on = rng.choice((("--ray", cluster.address), ()))
            kind = f"the same store by --resume {'on Ray' if on else 'without Ray'}"
            yield f"fault: {left} live on" if left else outcome(job, out, "--device", "cpu", *on, done=kind)


def ray_disks(folder: Path, rng: random.Random, n_trials: int) -> Iterator[str]:
    """The disk of one node fills up, where Ray keeps its logs and what it spills: a run itself writes nothing there."""
    if not _has_ray():
        yield NO_RAY
        return
    place = Path(tempfile.mkdtemp(prefix="us"))  # names of sockets are short
    try:
        with small_disk(place / "d", "200m") as small:
            if small is None:
                yield "skipped: a small disk can be mounted by root only"
                return
            job = small_job(folder / "job", slow=True)
            with _cluster(temp_dir=str(small), object_spilling_directory=str(small)) as cluster:
                yield from _with_full_disks(job, cluster, folder, small, rng, n_trials)
    finally:
        shutil.rmtree(place)


def _with_full_disks(
    job: Any, cluster: Any, folder: Path, small: Path, rng: random.Random, n_trials: int
) -> Iterator[str]:
    for trial in range(n_trials):
        out = earlier_store(folder / f"disk{trial}")
        if before := rng.random() < 0.3:
            fill(small, rng.randrange(100_000))
        started = job.start(out, "--device", "cpu", "--ray", cluster.address)
        job.wait_for_a_moment(started, out, rng)
        fill(small, rng.randrange(100_000))
        said = ending(started)
        (small / "filler").unlink()
        kind = judge(job, out, killed=1, ended=started.returncode, said=said)
        yield f"{kind} ({'full from the start' if before else 'full under way'})"
        shutil.rmtree(out.parent)


def _has_ray() -> bool:
    return importlib.util.find_spec("ray") is not None


@contextmanager
def _cluster(**of_second: Any) -> Iterator[Any]:
    """Two nodes of one processor each; the second one has what is given."""
    os.environ.setdefault("RAY_raylet_start_wait_time_s", "600")  # on a busy machine its half minute is not enough
    from ray.cluster_utils import Cluster

    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    try:
        made.add_node(num_cpus=1, **of_second)
        yield made
    finally:
        made.shutdown()


def _actors() -> list[psutil.Process]:
    """List the workers on the cluster, which this process has started."""
    found = []
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):
            if "ray::NodeActor" in " ".join(process.cmdline()):
                found.append(process)
    return found
