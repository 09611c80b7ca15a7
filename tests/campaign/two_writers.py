"""Programs that write one store, or one file beside a store, at the same time."""

import multiprocessing
import random
import shutil
import signal
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from explorer.labels import LABELS, Label
from explorer.saved_what_ifs import load, save
from precompute.run.shards import side_files_of
from precompute.store.check import check
from precompute.store.reader import open_store
from tests.campaign.commands import Command, ending, run
from tests.campaign.killed_runs import DEVICES, earlier_store, outcome
from tests.campaign.trials import EARLIER, small_job
from tests.factory import make_store

N_SAID = 25
REFUSED = ("another run is writing the same store", "holds the shards of a run")


def writers(folder: Path, rng: random.Random, n_trials: int) -> Iterator[str]:
    """Of experiments started side by side, and stopped at random for a while, each is in the store afterwards."""
    base = make_store(folder / "base.h5")
    names = ("statistics", "selectivity", "correlations")
    for trial in range(n_trials):
        path = folder / f"written{trial}.h5"
        shutil.copyfile(base, path)
        at_work = [run("experiment", name, path) for name in names]
        stand_still(at_work, rng)
        said = [ending(one) for one in at_work]
        with open_store(path) as store:
            held = set(store.experiments)
        whole = not any(one.returncode for one in at_work) and held == set(names) and not check(path)
        yield "all are there" if whole else f"fault: {held} {said}"
        path.unlink()


def stand_still(at_work: Sequence[Command], rng: random.Random) -> None:
    """Let processes stand still for a while, one after the other."""
    for _ in range(4):
        time.sleep(rng.uniform(0, 2))
        one = rng.choice(at_work)
        if one.poll() is None:
            one.send_signal(signal.SIGSTOP)
            time.sleep(rng.uniform(0, 1))
            one.send_signal(signal.SIGCONT)


def drivers(folder: Path, rng: random.Random, n_trials: int) -> Iterator[str]:
    """Two runs are started on one output, and one may be killed: one store in the end, and a sentence for the other."""
    job = small_job(folder / "job")
    for trial in range(n_trials):
        out = earlier_store(folder / f"drivers{trial}")
        first = job.start(out, *rng.choice(DEVICES))
        time.sleep(rng.uniform(0, 1.2 * job.seconds) if rng.random() < 0.7 else 0)
        both = [first, job.start(out, *rng.choice(DEVICES), *rng.choice(((), ("--resume",))))]
        stand_still(both, rng)
        killed = rng.choice((None, None, *both))
        if killed is not None:
            killed.kill()
        said = [ending(one) for one in both]
        kind = _of_both(both, killed, said)
        if not kind.startswith("fault"):
            finished = out.read_bytes() != EARLIER and not side_files_of(out).exists()
            wrong = job.wrong_with(out) if finished else outcome(job, out, done="")
            kind = f"fault: {wrong}" if wrong else kind
        yield kind
        shutil.rmtree(out.parent)


def _of_both(both: Sequence[Command], killed: Command | None, said: Sequence[str]) -> str:
    """Say how two runs to one output ended; a fault where one ended otherwise than well, killed or refused."""
    kinds = []
    for one, words in zip(both, said, strict=True):
        if one is killed:
            kinds.append("killed")
        elif one.returncode == 0:
            kinds.append("finished")
        elif any(sentence in words for sentence in REFUSED):
            kinds.append("refused")
        else:
            kinds.append(f"{one.returncode}, {words[-400:]}")
    known = all(kind in ("killed", "finished", "refused") for kind in kinds)
    return " and ".join(sorted(kinds)) + ", the same store" if known else f"fault: {kinds}"


def words(folder: Path, rng: random.Random, n_trials: int) -> Iterator[str]:
    """Four processes, as of as many servers, write labels and what-ifs beside one store; one may be killed."""
    context = multiprocessing.get_context("fork")
    for trial in range(n_trials):
        place = folder / f"words{trial}"
        place.mkdir()
        tellers = [context.Process(target=tell, args=(place / "s.h5", number)) for number in range(4)]
        for teller in tellers:
            teller.start()
        killed = rng.random() < 0.5
        if killed:
            time.sleep(rng.uniform(0, 4))
            tellers[0].kill()
        for teller in tellers:
            teller.join()
        lost = [missing for number in range(4) if (missing := _lost(place, number, whole=not (killed and not number)))]
        kind = "one was killed, all that was said is there" if killed else "all that was said is there"
        yield f"fault: {lost}" if lost else kind
        shutil.rmtree(place)


def tell(store: Path, number: int) -> None:
    """Say some things, and note each that is said and kept."""
    with store.with_name(f"said{number}").open("w") as noted:
        for unit in range(N_SAID):
            LABELS.put(store, Label("conv", unit, f"rater {number}", "stripes"))
            save(store, f"{number} {unit}", {"layer": "conv", "units": str(unit)})
            print(unit, file=noted, flush=True)


def _lost(place: Path, number: int, *, whole: bool) -> str:
    """Name what a process was told is kept, and is not there."""
    noted = (place / f"said{number}").read_text().split() if (place / f"said{number}").exists() else []
    labels = {label.of for label in LABELS.load(place / "s.h5")}
    saved = {each.name for each in load(place / "s.h5")}
    gone = [unit for unit in noted if ("conv", int(unit), f"rater {number}") not in labels]
    gone += [f"what-if {unit}" for unit in noted if f"{number} {unit}" not in saved]
    short = f"ended after {len(noted)}" if whole and len(noted) < N_SAID else ""
    return f"rater {number}: {gone} {short}".strip() if gone or short else ""
