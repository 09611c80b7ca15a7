"""The long trials behind docs/reliability.md: damaged stores, killed runs, two writers, a disk that fills up.

``make campaign`` or ``python -m tests.campaign [stores|kills|writers|disk ...] [--trials N] [--seed N]``. One line a
fault, then one line of figures a campaign, also where Ctrl-C ends it; exit status 1 where a promise broke. What it has
no right to do, such as mounting a small disk, it skips and says so.
"""

import argparse
import contextlib
import io
import json
import multiprocessing
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import h5py

from precompute.__main__ import main as command_line
from precompute.errors import UnitscopeError
from precompute.store.check import check
from precompute.store.facts import read_facts
from precompute.store.reader import open_store
from tests.factory import Recipe, make_store
from tests.small import write_images, write_network

ROOT = Path(__file__).parents[2]
LIMIT_S = 60


def run(*words: object) -> subprocess.Popen[str]:
    """Start a command of Unitscope."""
    command = [sys.executable, "-m", "precompute", *map(str, words)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def contents(path: Path) -> dict[str, object]:
    """Every dataset and fact but for times and commands."""
    found: dict[str, object] = {}

    def keep(name: str, item: h5py.HLObject) -> None:
        found.update({f"{name}@{k}": repr(v) for k, v in read_facts(item).items() if k not in ("created", "command")})
        if isinstance(item, h5py.Dataset):
            found[name] = item[...].tobytes()

    with h5py.File(path, "r", locking=False) as file:
        file.visititems(keep)
        record = json.loads(read_facts(file)["provenance"])
        found["provenance"] = [record[k] for k in record if k not in ("command", "started", "options", "git_commit")]
    return found


# Damaged stores


def damage(data: bytearray, rng: random.Random) -> None:
    """Do to a file what a bad disk, a bad copy or bad memory does."""
    at, kind = rng.randrange(len(data)), rng.choice(("bit", "bit", "head", "zeros", "noise", "cut"))
    if kind == "bit":
        data[at] ^= 1 << rng.randrange(8)
    elif kind == "head":
        data[rng.randrange(4096)] ^= 1 << rng.randrange(8)
    elif kind == "cut":
        del data[at:]
    else:
        length = min(rng.choice((8, 64, 512, 4096)), len(data) - at)
        data[at : at + length] = bytes(length) if kind == "zeros" else rng.randbytes(length)


def look_at(path: Path, answer: "multiprocessing.SimpleQueue[str]") -> None:
    """Do with a store what the command line and the app do, and say how it went."""
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            sound = command_line(["check", str(path)]) == 0
            command_line(["info", str(path)])
        with contextlib.suppress(UnitscopeError), open_store(path) as store:
            for layer in store.layers:
                _ = layer.measures, layer.class_mean
                for unit in range(layer.n_units):
                    _ = layer.activation(unit), layer.flips("zero", unit), layer.exemplars("top", unit)
            _ = [store.experiment(name)[part] for name in store.experiments for part in store.experiment(name)]
        answer.put("no fault was found" if sound else "refused or listed")
    except BaseException as error:
        places = [f"{Path(frame.filename).name}:{frame.lineno}" for frame in traceback.extract_tb(error.__traceback__)]
        answer.put(f"fault: {type(error).__name__}: {error} at {' '.join(places[-6:])}")


def stores(folder: Path, rng: random.Random, n_trials: int) -> Iterator[str]:
    """Damaged stores are refused, listed, or read as what they were; they never hang, crash or end in a traceback."""
    base = make_store(folder / "base.h5", Recipe(n_classes=3, per_class=10, layers=(("conv", 4, (5, 5)),), k=4))
    command_line(["experiment", "statistics", str(base)])
    whole, expected = base.read_bytes(), contents(base)
    for trial in range(n_trials):
        data, path = bytearray(whole), folder / f"damaged{trial}.h5"
        damage(data, rng)
        path.write_bytes(data)
        answer: multiprocessing.SimpleQueue[str] = multiprocessing.SimpleQueue()
        child = multiprocessing.Process(target=look_at, args=(path, answer))
        child.start()
        child.join(LIMIT_S)
        ended = "fault: it hung" if child.is_alive() else "fault: it crashed" if answer.empty() else answer.get()
        child.kill()
        child.join()
        if ended == "no fault was found" and contents(path) != expected:
            ended = "fault: other contents passed the check"
        yield ended
        path.unlink()


# Killed runs


def kills(folder: Path, rng: random.Random, n_trials: int) -> Iterator[str]:
    """A killed run leaves the earlier store as it was, and --resume ends in the store of one never killed."""
    model, images = write_network(folder), write_images(folder / "images", per_class=40)
    words = ["run", model, "--images", images, "--layer", "features.4", "--layer", "signed", "--workers", 0]
    words += ["--shard-size", 15, "--ablation", "zero", "--ablation", "mean", "--attribution", "gradient"]
    whole, began = folder / "whole.h5", time.monotonic()
    run(*words, "--out", whole).communicate()
    seconds, expected = time.monotonic() - began, contents(whole)
    for trial in range(n_trials):
        place = folder / f"kill{trial}"
        place.mkdir()
        out = place / "s.h5"
        out.write_bytes(b"an earlier store")
        started = run(*words, "--out", out)
        time.sleep(rng.uniform(0, 1.1 * seconds))
        started.send_signal(rng.choice((signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGINT)))
        started.communicate()
        between = out.read_bytes() == b"an earlier store" or contents(out) == expected
        again = run(*words, "--out", out, "--resume")
        said = again.communicate()[0]
        left = [path.name for path in place.iterdir() if path != out]
        if again.returncode or "Traceback" in said:
            ended = f"fault: --resume ended with {again.returncode}: {said[-300:]}"
        elif not between or contents(out) != expected or left:
            ended = f"fault: another store, or files left over {left}"
        else:
            ended = "the same store"
        yield ended
        shutil.rmtree(place)


# Two writers


def writers(folder: Path, rng: random.Random, n_trials: int) -> Iterator[str]:
    """Of experiments started side by side, and stopped at random for a while, each is in the store afterwards."""
    base = make_store(folder / "base.h5")
    names = ("statistics", "selectivity", "correlations")
    for trial in range(n_trials):
        path = folder / f"written{trial}.h5"
        shutil.copyfile(base, path)
        at_work = [run("experiment", name, path) for name in names]
        for _ in range(4):
            time.sleep(rng.uniform(0, 2))
            one = rng.choice(at_work)
            if one.poll() is None:
                one.send_signal(signal.SIGSTOP)
                time.sleep(rng.uniform(0, 1))
                one.send_signal(signal.SIGCONT)
        said = [one.communicate()[0] for one in at_work]
        with open_store(path) as store:
            held = set(store.experiments)
        whole = not any(one.returncode for one in at_work) and held == set(names) and not check(path)
        yield "all are there" if whole else f"fault: {held} {said}"
        path.unlink()


# A disk that fills up


def disk(folder: Path, rng: random.Random, n_trials: int) -> Iterator[str]:
    """A full disk leaves the earlier store, and the run goes on with --resume when there is room."""
    small = folder / "small"
    small.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(small)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode:
        yield "skipped: a small disk can be mounted by root only"
        return
    try:
        model, images = write_network(folder), write_images(folder / "images", per_class=40)
        words = ["run", model, "--images", images, "--layer", "features.4", "--shard-size", 15, "--workers", 0]
        for _ in range(n_trials):
            out, filler = small / "s.h5", small / "filler"
            out.write_bytes(b"an earlier store")
            free = os.statvfs(small)
            filler.write_bytes(bytes(max(0, free.f_bavail * free.f_frsize - rng.randrange(3_000_000))))
            first = run(*words, "--out", out)
            said = first.communicate()[0]
            kept = not first.returncode or out.read_bytes() == b"an earlier store"
            filler.unlink()
            again = run(*words, "--out", out, "--resume")
            said += again.communicate()[0]
            whole = kept and not again.returncode and not check(out) and "Traceback" not in said
            yield "goes on" if whole else f"fault: {said[-300:]}"
            out.unlink(missing_ok=True)
    finally:
        subprocess.run(["umount", str(small)], check=True)


CAMPAIGNS: dict[str, tuple[Callable[[Path, random.Random, int], Iterator[str]], int]] = {
    "stores": (stores, 500),
    "kills": (kills, 40),
    "writers": (writers, 20),
    "disk": (disk, 20),
}


def carry_out(name: str, n_trials: int, seed: int) -> bool:
    """Carry out a campaign, print its faults and then its figures, also where it is stopped; say if all was well."""
    tally, stopped = Counter[str](), ""
    with tempfile.TemporaryDirectory() as place:
        try:
            for trial, ended in enumerate(CAMPAIGNS[name][0](Path(place), random.Random(seed), n_trials)):
                fault = ended.startswith("fault")
                tally["faults" if fault else ended] += 1
                if fault:
                    print(f"{name} {trial}: {ended}", flush=True)
        except KeyboardInterrupt:
            stopped = f" (stopped; {n_trials} were asked for)"
    print(f"{name}: {', '.join(f'{count} {ended}' for ended, count in tally.items())}{stopped}", flush=True)
    return not tally["faults"] and not stopped


def main() -> int:
    """Carry out the campaigns that are named, or all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("campaigns", nargs="*", metavar="NAME", help=", ".join(CAMPAIGNS))
    parser.add_argument("--trials", type=int, help="of each campaign")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    well = [
        carry_out(name, options.trials or CAMPAIGNS[name][1], options.seed) for name in options.campaigns or CAMPAIGNS
    ]
    return int(not all(well))


if __name__ == "__main__":
    sys.exit(main())
