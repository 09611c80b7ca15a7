"""Runs that are killed at random moments, in one process and in several."""

import random
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil

from tests.campaign.commands import Command, ending, wait_until_gone
from tests.campaign.trials import EARLIER, Job, small_job

HARD = (signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV)
GIVEN_UP = (0, 1, 130)
"""How a run may end by itself."""


def kills(folder: Path, rng: random.Random, n_trials: int) -> Iterator[str]:
    """A killed run leaves the earlier store as it was, and --resume ends in the store of one never killed."""
    job = small_job(folder / "job")
    for started, out in runs(job, folder, n_trials):
        time.sleep(rng.uniform(0, 1.1 * job.seconds))
        started.send_signal(rng.choice((signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGINT)))
        ending(started)
        yield outcome(job, out, done="the same store")


def workers(folder: Path, rng: random.Random, n_trials: int) -> Iterator[str]:
    """Of a run in two processes one is killed, once or more often: the run goes on, or --resume does."""
    job = small_job(folder / "job")
    for started, out in runs(job, folder, n_trials, "--device", "cpu,cpu"):
        killed = kill_some(job, started, out, rng, spawned)
        said = ending(started)
        yield judge(job, out, killed=killed, ended=started.returncode, said=said)


def decoders(folder: Path, rng: random.Random, n_trials: int) -> Iterator[str]:
    """A process that reads images for a run is killed, or several: a sentence, and --resume goes on."""
    job = small_job(folder / "job", slow=True)
    for started, out in runs(job, folder, n_trials, "--workers", "2"):
        killed = kill_some(job, started, out, rng, forked)
        said = ending(started)
        yield judge(job, out, killed=killed, ended=started.returncode, said=said)


def parallel_kills(folder: Path, rng: random.Random, n_trials: int) -> Iterator[str]:
    """A run in two processes is killed itself: none of its processes lives on, and --resume goes on."""
    job = small_job(folder / "job")
    for started, out in runs(job, folder, n_trials, "--device", "cpu,cpu"):
        job.wait_for_a_moment(started, out, rng)
        helpers = started.children() if started.poll() is None else []
        started.send_signal(rng.choice((*HARD, signal.SIGINT)))
        ending(started)
        left = wait_until_gone(helpers, 60)
        kind = "killed with its processes at work" if helpers else "killed with none at work"
        yield (
            f"fault: {left} live on"
            if left
            else outcome(job, out, *rng.choice(DEVICES), done=f"{kind}, the same store")
        )


DEVICES: tuple[tuple[str, ...], ...] = (("--device", "cpu"), ("--device", "cpu,cpu"))


def runs(job: Job, folder: Path, n_trials: int, *options: str) -> Iterator[tuple[Command, Path]]:
    """Start runs, each in place of an earlier store; what one leaves is removed before the next one starts."""
    for trial in range(n_trials):
        out = earlier_store(folder / f"trial{trial}")
        yield job.start(out, *options), out
        shutil.rmtree(out.parent)


def earlier_store(folder: Path) -> Path:
    """Make a folder with something under the store's name that must stay until the store is whole."""
    folder.mkdir()
    out = folder / "s.h5"
    out.write_bytes(EARLIER)
    return out


def outcome(job: Job, out: Path, *more: str, done: str) -> str:
    """Judge a run that was stopped: the earlier store first, then what --resume makes of it."""
    if out.read_bytes() != EARLIER and (wrong := job.wrong_with_store(out)):
        return f"fault: before --resume: {wrong}"
    wrong = job.after_resume(out, *more)
    return f"fault: {wrong}" if wrong else done


def judge(job: Job, out: Path, *, killed: int, ended: int, said: str) -> str:
    """Judge a run some of whose helpers were killed; where it ended for that, --resume goes on with it."""
    if "Traceback" in said or ended not in GIVEN_UP:
        return f"fault: the run ended with {ended}: {said[-400:]}"
    if not killed:
        kind = "nobody was there to be killed"
    elif ended:
        kind = "the run ended with a sentence, --resume: the same store"
    else:
        kind = (
            "the run went on to the same store"
            if "computed again" in said
            else "nothing computed again, the same store"
        )
    if ended:
        return outcome(job, out, done=kind)
    wrong = job.wrong_with(out)
    return f"fault: {wrong}" if wrong else kind


def kill_some(
    job: Job, started: Command, out: Path, rng: random.Random, find: Callable[[Command], list[psutil.Process]]
) -> int:
    """Kill one helper of a run, or several one after the other; return how many."""
    killed = 0
    for _ in range(rng.choice((1, 1, 2, 3))):
        job.wait_for_a_moment(started, out, rng)
        with suppress(psutil.NoSuchProcess):
            if started.poll() is None and (found := find(started)):
                rng.choice(found).send_signal(rng.choice(HARD))
                killed += 1
    return killed


def spawned(started: Command) -> list[psutil.Process]:
    """List the processes that compute shards for a run."""
    return [child for child in started.children() if "spawn_main" in " ".join(child.cmdline())]


def forked(started: Command) -> list[psutil.Process]:
    """List the processes that read images for a run; torch calls them by a name of their own."""
    return [child for child in started.children() if child.name().startswith("pt_data")]
