"""Workers on the nodes of a Ray cluster. Ray is optional; only this module imports it, and only if it is asked for.

Every node gets a worker for each of its GPUs; if the work is computed on processors, every node gets as many workers as
are asked for. A worker is an actor: it loads the network once and computes one piece after the other. Its arrays come
back through Ray, so the nodes need to share no folder but that of the images.
"""

import os
import pickle
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from precompute.errors import OptionError, UnitscopeError, WorkerRefused
from precompute.images.folder import ImageList
from precompute.workers.node_checks import Sample, program, refuse_other_files, samples_of
from precompute.workers.piece_worker import PieceWorker, describe
from precompute.workers.recipe import Place, Recipe
from precompute.workers.worker_pool import Lost, Made, Message, Task, Worker

_PATIENCE_S = 0.5
_TO_START_S = 300.0
_TO_ANSWER_S = 10.0
_SHOWN = 4


@contextmanager
def connect(address: str) -> Iterator[Any]:
    """Connect to a cluster and yield the library; ``local`` starts a cluster of this machine alone.

    Raises
    ------
    OptionError
        If Ray is not installed, or there is no such cluster.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # otherwise Ray reports every cluster to its makers
    try:
        import ray
    except ImportError as error:
        raise OptionError(
            f"--ray {address}: Ray is not installed. Install it with `pip install -r requirements-ray.txt`, or compute "
            "on the devices of this machine with --device."
        ) from error
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": "error", "configure_logging": False}
    try:
        _refuse_unanswered(address)
        ray.init(address=address, **quiet, **({"include_dashboard": False} if address == "local" else {}))
    except (OSError, ValueError, RuntimeError) as error:
        raise OptionError(
            f"--ray {address}: Ray cannot be reached ({' '.join(str(error).split())}). Give `local`, or the address "
            "that `ray start --head` prints, such as 10.0.0.1:6379."
        ) from error
    try:
        yield ray
    finally:
        ray.shutdown()


def _refuse_unanswered(address: str) -> None:
    """Refuse an address, host:port, at which nothing answers; Ray itself would wait for minutes.

    Raises
    ------
    OSError
        If nothing answers within ten seconds.
    """
    host, _, port = address.rpartition(":")
    if host and "/" not in host and port.isdecimal():
        socket.create_connection((host, int(port)), timeout=_TO_ANSWER_S).close()


class RayWorkers:
    """Workers on every node that a cluster has when the work begins.

    Parameters
    ----------
    ray
        The library, connected to the cluster.
    recipe
        How a worker builds what pieces are computed with.
    devices
        The devices that were asked for. If they are processors, every node gets so many workers; if they are CUDA
        devices, every node gets one worker for each GPU that it has by Ray's account.
    """

    def __init__(self, ray: Any, recipe: Recipe, devices: Sequence[torch.device]) -> None:
        self._ray = ray
        self._actor = ray.remote(NodeActor)
        self._setup = ray.put(NodeSetup(pickle.dumps(recipe), str(Path.cwd()), program()))
        nodes = [node for node in ray.nodes() if node["Alive"] and node["Resources"].get("CPU", 0) >= 1]
        self.places = [place for number, node in enumerate(nodes) for place in _places(node, number + 1, devices)]
        self._running: list[_Actor] = []
        self._ready: list[_Actor] = []
        if not self.places:
            raise OptionError(
                f"None of the {len(nodes)} nodes of the Ray cluster has a {devices[0].type} device. Choose another "
                "--device, or start the nodes with what they have (`ray start --num-gpus N`)."
            )

    def __enter__(self) -> "RayWorkers":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def n_devices(self) -> int:
        """The number of different devices: GPUs, or the processors of nodes."""
        return len({(place.node, place.name if place.gpus else "") for place in self.places})

    def check(self, lists: Sequence[ImageList], pieces: str) -> list[str]:
        """Start the workers, and check that each of them has the same program, images and network.

        Parameters
        ----------
        lists
            The images that are computed on.
        pieces
            What pieces are called, in the plural.

        Returns
        -------
        list of str
            Sentences that say which workers take part, and which do not.

        Raises
        ------
        ImageFolderError
            If a node cannot read an image, or has a different one under its path.
        WorkerRefused
            If no worker could be started, or one has another program or network.
        """
        workers = [self._started(place) for place in self.places]
        samples = [sample for images in lists for sample in samples_of(images)]
        answers = {worker.asked("check", samples): worker for worker in workers}
        done, waiting = self._ray.wait(list(answers), num_returns=len(answers), timeout=_TO_START_S)
        for answer in done:
            self._refuse(answers[answer].name, answer)
        if not done:
            raise WorkerRefused(
                f"No worker could start within {_TO_START_S:.0f} s: the cluster's processors are busy with other work. "
                "Wait until that ends, or start more nodes."
            )
        self.places = [answers[answer].place for answer in done]
        self._ready = [answers[answer] for answer in done]
        for answer in waiting:
            answers[answer].stop()
        late = [
            f"{answers[answer].name} did not start within {_TO_START_S:.0f} s and is left out" for answer in waiting
        ]
        told = "; ".join(f"{place.name}, {place.cpus} thread{'s' * (place.cpus != 1)}" for place in self.places)
        return [f"{len(self.places)} workers on Ray share the {pieces}: {told}", *late]

    def _refuse(self, name: str, answer: Any) -> None:
        try:
            problem: UnitscopeError | None = self._ray.get(answer)
        except self._ray.exceptions.RayError as error:
            raise WorkerRefused(
                f"{name}: no worker can start there ({_last_line(error)}). Install the same version of Unitscope on "
                "every node, and start Ray from its environment."
            ) from error
        if problem is not None:
            raise type(problem)(f"{name}: {problem}")

    def start(self) -> Sequence[Worker]:
        """Start a worker in every place; see `precompute.workers.worker_pool.Workers`."""
        ready, self._ready = self._ready, []
        return ready or [self._started(place) for place in self.places]

    def replace(self, gone: Worker) -> Worker | None:
        """Start another worker in the place of one that has ended; None if its node is gone."""
        place = next(place for place in self.places if place.name == gone.name)
        alive = {node["NodeID"] for node in self._ray.nodes() if node["Alive"]}
        return self._started(place) if place.node in alive else None

    def receive(self, busy: Sequence[Worker]) -> list[tuple[Worker, Message]]:
        """Wait until a busy worker is done, at most half a second; return the messages that have come."""
        at = {worker.answer: worker for worker in self._running if worker in busy}
        done, _ = self._ray.wait(list(at), num_returns=1, timeout=_PATIENCE_S)
        return [(at[answer], self._said(answer)) for answer in done]

    def close(self) -> None:
        """End all workers."""
        for worker in self._running:
            worker.stop()
        self._running.clear()

    def _said(self, answer: Any) -> Message:
        try:
            message: Message = self._ray.get(answer)
        except self._ray.exceptions.RayError as error:
            return Lost(_last_line(error))
        return message

    def _started(self, place: "_NodePlace") -> "_Actor":
        self._running.append(_Actor(self._ray, self._actor, place, self._setup))
        return self._running[-1]


@dataclass(frozen=True)
class _NodePlace:
    """A place for a worker on a node, and its name."""

    name: str
    node: str
    device: str
    cpus: int
    gpus: int
    among: int
    sharers: int


def _places(node: dict[str, Any], number: int, devices: Sequence[torch.device]) -> Iterator[_NodePlace]:
    cpus, gpus = int(node["Resources"]["CPU"]), int(node["Resources"].get("GPU", 0))
    on_gpus = devices[0].type == "cuda"
    n = gpus if on_gpus else len(devices)
    for number_here in range(n):
        yield _NodePlace(
            name=f"node {number} ({node['NodeManagerHostname']}), {devices[0].type} {number_here + 1}",
            node=node["NodeID"],
            device="cuda:0" if on_gpus else devices[0].type,  # a worker on Ray sees no GPU but its own
            cpus=max(1, cpus // n),
            gpus=int(on_gpus),
            among=n,
            sharers=1 if on_gpus else n,
        )


class _Actor:
    """A worker, as the main process sees it."""

    def __init__(self, ray: Any, actor: Any, place: _NodePlace, setup: Any) -> None:
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        self.name, self.place, self.answer = place.name, place, None
        self._ray = ray
        self._handle = actor.options(
            num_cpus=place.cpus,
            num_gpus=place.gpus,
            max_restarts=0,
            scheduling_strategy=NodeAffinitySchedulingStrategy(place.node, soft=False),
        ).remote(setup, place)

    def asked(self, method: str, *words: Any) -> Any:
        return getattr(self._handle, method).remote(*words)

    def give(self, task: Task) -> None:
        self.answer = self.asked("compute", pickle.dumps(task))

    def stop(self) -> None:
        with suppress(self._ray.exceptions.RayError):
            self._ray.kill(self._handle, no_restart=True)


def _last_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[-1] if lines else ''}"


# In the worker's process


@dataclass(frozen=True)
class NodeSetup:
    """What every worker gets: the recipe, pickled; the folder of the command; the versions that it must have."""

    recipe: bytes
    folder: str
    program: Mapping[str, str]


class NodeActor:
    """A worker, in its own process on a node."""

    def __init__(self, setup: NodeSetup, place: _NodePlace) -> None:
        with suppress(OSError):
            os.chdir(setup.folder)  # MODEL and --weights may be relative
        self._setup = setup
        recipe: Recipe = pickle.loads(setup.recipe)
        device = torch.device(place.device)
        self._worker = PieceWorker(recipe, Place(device, place.cpus, place.among, place.sharers))

    def check(self, samples: Sequence[Sample]) -> UnitscopeError | None:
        """Return the error for which this node cannot take part; None if it can."""
        try:
            self._refuse_other_program()
            refuse_other_files(samples)
            self._worker.built()
        except UnitscopeError as error:
            return error
        except Exception as error:
            return WorkerRefused(f"the network cannot be loaded there ({describe(error)}).")
        return None

    def _refuse_other_program(self) -> None:
        expected, found = self._setup.program, program()
        other = [
            f"{name} {found.get(name)}, not {expected[name]}" for name in expected if found.get(name) != expected[name]
        ]
        if other:
            raise WorkerRefused(f"it has {', '.join(other[:_SHOWN])}. Install the same versions on every node.")

    def compute(self, task: bytes) -> Message:
        """Compute a piece."""
        steps: list[int] = []
        message = self._worker.compute(pickle.loads(task), steps.append)
        return Made(message.arrays, sum(steps)) if isinstance(message, Made) else message
