"""What the campaigns share: a job, how it goes on where it was stopped, and what must be in its store."""

import json
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import h5py

from precompute.run.shards import side_files_of
from precompute.store.check import check
from precompute.store.facts import read_facts
from tests.campaign.commands import Command, ending, run
from tests.small import write_images, write_network

EARLIER = b"\x89HDF\r\n\x1a\n an earlier store, cut short: a run may take its place, which it may not of other files"
_OF_ONE_RUN = ("command", "started", "options", "git_commit", "device", "devices", "threads")
_SLOW = "    import time\n\n    time.sleep(0.02)\n    return torch.from"


def contents(path: Path) -> dict[str, object]:
    """Every dataset and fact but for what belongs to one run: times, commands, on what it was computed."""
    found: dict[str, object] = {}

    def keep(name: str, item: h5py.HLObject) -> None:
        if name == "provenance":
            return  # its values follow
        found.update({f"{name}@{k}": repr(v) for k, v in read_facts(item).items() if k not in ("created", "command")})
        if isinstance(item, h5py.Dataset):
            found[name] = item[...].tobytes()

    with h5py.File(path, "r", locking=False) as file:
        file.visititems(keep)
        record = json.loads(read_facts(file)["provenance"])
        found.update({f"provenance {name}": record[name] for name in record if name not in _OF_ONE_RUN})
    return found


def other_than(path: Path, expected: dict[str, object]) -> str:
    """Name what is wrong with a store that should hold something; empty where nothing is."""
    try:
        found = contents(path)
    except (OSError, KeyError, ValueError) as error:
        return f"{path.name} cannot be read: {error}"
    other = sorted(name for name in found.keys() | expected.keys() if found.get(name) != expected.get(name))
    problems = check(path)
    return "; ".join([*(f"{name} differs" for name in other[:4]), *problems[:4]])


@dataclass(frozen=True)
class Job:
    """A run, and what one that nobody disturbs leaves behind.

    Parameters
    ----------
    words
        The command without ``--out``.
    seconds
        How long it took.
    expected
        The contents of its store.
    n_shards
        How many shards it has of its longest pass.
    """

    words: Sequence[object]
    seconds: float
    expected: dict[str, object]
    n_shards: int

    def start(self, out: Path, *more: object) -> Command:
        """Start it."""
        return run(*self.words, "--out", out, *more)

    def wait_for_a_moment(self, started: Command, out: Path, rng: random.Random) -> None:
        """Wait until it has made some number of shards, and a moment more; or until it ends."""
        wanted, side_files = rng.randrange(2 * self.n_shards), side_files_of(out)
        while started.poll() is None and len(list(side_files.glob("*-?????"))) < wanted:
            time.sleep(0.005)
        time.sleep(rng.uniform(0, 0.2))

    def after_resume(self, out: Path, *more: object) -> str:
        """Go on with it where it was stopped, and say what is wrong with the outcome; empty where nothing is."""
        again = self.start(out, "--resume", *more)
        said = ending(again)
        if again.returncode or "Traceback" in said:
            return f"--resume ended with {again.returncode}: {said[-400:]}"
        return self.wrong_with(out)

    def wrong_with(self, out: Path) -> str:
        """Say what is wrong with a finished store and the files beside it; empty where nothing is."""
        left = [path.name for path in out.parent.iterdir() if path.name.startswith(f"{out.name}.")]
        return self.wrong_with_store(out) or (f"left over: {left}" if left else "")

    def wrong_with_store(self, out: Path) -> str:
        """Say what is wrong with a finished store alone; empty where nothing is."""
        return other_than(out, self.expected)


def small_job(folder: Path, *more: object, slow: bool = False) -> Job:
    """Make a small job of two layers on disk, and carry it out once; slowly, where its shards should take time."""
    folder.mkdir()
    model, images = write_network(folder), write_images(folder / "images", per_class=25)
    if slow:
        file = Path(model.removesuffix(":build"))
        file.write_text(file.read_text().replace("    return torch.from", _SLOW))
    words: list[object] = ["run", model, "--images", images, "--layer", "features.4", "--layer", "signed"]
    words += ["--workers", 0, "--shard-size", 10, "--ablation", "zero", "--ablation", "mean"]
    words += ["--attribution", "gradient", "--top-k", 5, *more]
    out, began = folder / "whole.h5", time.monotonic()
    whole = run(*words, "--out", out)
    said = ending(whole)
    if whole.returncode:
        raise RuntimeError(f"the job fails by itself: {said}")
    return Job(words, time.monotonic() - began, contents(out), n_shards=8)
