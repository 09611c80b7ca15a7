"""Stores with damaged bytes or a changed structure, each looked at in a process of its own."""

import contextlib
import io
import multiprocessing
import os
import random
import shutil
import traceback
from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np

from precompute.__main__ import main as command_line
from precompute.errors import UnitscopeError
from precompute.store.reader import open_store
from tests.campaign.trials import contents
from tests.factory import Recipe, make_store

LIMIT_S = 300  # by the clock: a busy machine is not a fault


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


def change(path: Path, elsewhere: Path, rng: random.Random) -> None:
    """Do to the structure of a store what a program with a fault, or a person with a purpose, does."""
    with h5py.File(path, "r+") as file:
        names: list[str] = []
        file.visit(names.append)
        at, kind = rng.choice(names), rng.choice(("gone", "link", "records", "type"))
        if kind == "type":
            file[f"{at}-type"] = np.dtype("f4")
            return
        shape = getattr(file[at], "shape", (3,))
        del file[at]
        if kind == "link":
            file[at] = h5py.ExternalLink(str(elsewhere), at)
        elif kind == "records":
            file.create_dataset(at, shape=shape, dtype=[("a", "i4"), ("b", "f4")])


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
                    _ = [layer.attribution(of.method, unit) for of in layer.attributions if of.n_exemplars]
                    _ = layer.activation(unit), layer.flips("zero", unit), layer.exemplars("top", unit)
            _ = [store.experiment(name)[part] for name in store.experiments for part in store.experiment(name)]
        copy = path.with_suffix(".copy.h5")
        shutil.copyfile(path, copy)
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            command_line(["experiment", "selectivity", str(copy)])
        copy.unlink()
        answer.put("no fault was found" if sound else "refused or listed")
    except BaseException as error:
        places = [f"{Path(frame.filename).name}:{frame.lineno}" for frame in traceback.extract_tb(error.__traceback__)]
        answer.put(f"fault: {type(error).__name__}: {error} at {' '.join(places[-6:])}")


def stores(folder: Path, rng: random.Random, n_trials: int) -> Iterator[str]:
    """Damaged stores are refused, listed, or read as what they were; they never hang, crash or end in a traceback."""
    base = make_store(folder / "base.h5", Recipe(n_classes=3, per_class=10, layers=(("conv", 4, (5, 5)),), k=4))
    command_line(["experiment", "statistics", str(base)])
    whole, expected = base.read_bytes(), contents(base)
    if hasattr(os, "mkfifo"):
        os.mkfifo(folder / "pipe")  # who opens it waits for ever
    for trial in range(n_trials):
        data, path = bytearray(whole), folder / f"damaged{trial}.h5"
        if rng.random() < 0.4:
            path.write_bytes(data)
            change(path, folder / "pipe", rng)
        else:
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
