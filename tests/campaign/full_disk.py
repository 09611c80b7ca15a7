"""Small disks that fill up under a run."""

import os
import random
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.campaign.commands import ending
from tests.campaign.killed_runs import DEVICES
from tests.campaign.trials import EARLIER, small_job


def disk(folder: Path, rng: random.Random, n_trials: int) -> Iterator[str]:
    """A disk that fills up leaves the earlier store, and the run goes on with --resume when there is room.

    The run is in one process or in two, and the disk is full before it starts or becomes so under it.
    """
    with small_disk(folder / "small", "64m") as small:
        if small is None:
            yield "skipped: a small disk can be mounted by root only"
            return
        job = small_job(folder / "job")
        for _ in range(n_trials):
            out, devices = small / "s.h5", rng.choice(DEVICES)
            out.write_bytes(EARLIER)
            before = rng.random() < 0.4
            if before:
                fill(small, rng.randrange(3_000_000))
            first = job.start(out, *devices)
            if not before:
                job.wait_for_a_moment(first, out, rng)
                fill(small, rng.randrange(300_000))
            said = ending(first)
            (small / "filler").unlink()
            full = f"{devices[-1]}, full {'from the start' if before else 'under way'}"
            if "Traceback" in said or first.returncode not in (0, 1):
                yield f"fault: {full}: ended with {first.returncode}: {said[-400:]}"
            elif first.returncode and out.read_bytes() != EARLIER:
                yield f"fault: {full}: the earlier store is gone"
            else:
                wrong = job.after_resume(out, *devices) if first.returncode else job.wrong_with(out)
                yield f"fault: {full}: {wrong}" if wrong else _kind(full, stopped=first.returncode != 0)
            for left in small.iterdir():
                subprocess.run(["rm", "-rf", left], check=True)


def _kind(full: str, *, stopped: bool) -> str:
    return f"{full}: {'a sentence, --resume: the same store' if stopped else 'there was room enough'}"


@contextmanager
def small_disk(place: Path, size: str) -> Iterator[Path | None]:
    """Mount a small disk in memory; None where one has no right to."""
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(place)]
    if os.name != "posix" or os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode:
        yield None
        return
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


def fill(disk_: Path, leave: int) -> None:
    """Fill a disk but for so many bytes, or to its end where others write there at the same time."""
    free = os.statvfs(disk_)
    with suppress(OSError), (disk_ / "filler").open("wb", buffering=0) as file:
        file.write(bytes(max(0, free.f_bavail * free.f_frsize - leave)))
