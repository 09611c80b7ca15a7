"""Hold what runs tell of their cost to what they cost: ``python -m tests.benchmarks.estimates REAL IMAGES``.

REAL is the folder of real networks, IMAGES any folder of class folders. Times are processor times of one thread, which
are the same on a busy machine.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import torch

from precompute import progress
from precompute.options import RunOptions
from precompute.progress import Progress
from precompute.run.pipeline import carry_out
from precompute.run.planning import make_plan
from precompute.run.run_stages import CHECK, stage_shares
from precompute.run.run_time import RunSeconds, run_seconds
from precompute.run.size_sample import contents_of
from precompute.run.store_size import (
    ATTRIBUTIONS,
    EXEMPLARS,
    FLIPS,
    MARGIN,
    NETWORK,
    PICTURES,
    SUMS,
    UNITS_ON_IMAGES,
    bytes_by_part,
)
from precompute.store.schema import entry_for


def bytes_written(path: Path) -> dict[str, float]:
    """Return how much of a store each part takes; what describes the datasets is divided among them."""
    with h5py.File(path) as file:
        stored = list(_stored(file))
    of_facts = path.stat().st_size - sum(n_bytes for _, n_bytes, _ in stored)
    weight = of_facts / sum(_OF_DATASET + n_chunks for _, _, n_chunks in stored)
    found = dict.fromkeys(MARGIN, 0.0)
    for name, n_bytes, n_chunks in stored:
        found[_part(name)] += n_bytes + weight * (_OF_DATASET + n_chunks)
    return found


def _stored(file: h5py.File) -> Iterator[tuple[str, int, int]]:
    """Yield the path of every dataset, its bytes, and how many chunks it is in."""
    names: list[str] = []
    file.visit(names.append)
    for name in names:
        if isinstance(file[name], h5py.Dataset):
            held = file[name]
            yield f"/{name}", held.id.get_storage_size(), held.id.get_num_chunks() if held.chunks else 0


def _part(path: str) -> str:
    entry = entry_for(path)
    if entry is not None and entry.of_unit_and_image:
        return UNITS_ON_IMAGES
    for sign, part in _SIGNS.items():
        if sign in path:
            return part
    return SUMS


_OF_DATASET = 60  # what is kept of a dataset beside its values, in what is kept of a chunk
_SIGNS = {
    "/flip/": FLIPS,
    "/exemplar/": EXEMPLARS,
    "/attribution/": ATTRIBUTIONS,
    "/images/thumbnail": PICTURES,
    "/model/state_dict/": NETWORK,
}


def cases(real: Path, images: Path) -> dict[str, RunOptions]:
    """Return the runs: two real networks with their images, one with random weights on other images."""
    cifar, photos = (real / name for name in ("cifar10-resnet20", "photos12-mobilenetv1"))
    return {
        "ResNet-20, layer2 and layer3": _options(f"{cifar}/network.py:build", cifar / "images", "layer2", "layer3"),
        "MobileNetV1, blocks.12": _options(
            f"{photos}/network.py:build",
            photos / "images",
            "blocks.12",
            keep="sums",
            class_order="text",
            attribution=("gradient",),
        ),
        "ResNet-18, random, layer4": _options(
            "resnet18", images, "layer4", weights="none", limit=160, attribution=(), classes_file=_any_classes(images)
        ),
    }


def _options(model: str, images: Path, *layers: str, **more: Any) -> RunOptions:
    out = Path(tempfile.mkdtemp()) / "store.h5"
    return RunOptions(model=model, images=images, layers=layers, out=out, workers=0, allow_low_accuracy=True, **more)


def _any_classes(images: Path) -> Path:
    """Give class folders the outputs from 0: what random weights answer means nothing."""
    file = Path(tempfile.mkdtemp()) / "classes.json"
    folders = sorted(folder.name for folder in images.iterdir() if folder.is_dir())
    file.write_text(json.dumps({name: number for number, name in enumerate(folders)}))
    return file


def hold(options: RunOptions) -> tuple[RunSeconds, RunSeconds, dict[str, float], dict[str, float]]:
    """Carry out a run; return the time told and taken, and the bytes told and written.

    The run makes its plan once more, which is none of what it tells.
    """
    begun = time.process_time()
    plan = make_plan(options)
    stores = contents_of(plan)
    told = run_seconds(plan, stores)
    planned = time.process_time() - begun
    shown = Progress(stage_shares(training=False))
    begun = time.process_time()
    carry_out(options, command="a benchmark", say=lambda _sentence: None, progress=shown)
    rest = time.process_time() - begun - planned - sum(shown.seconds.values())
    return (
        told,
        RunSeconds({**shown.seconds, CHECK: max(0.0, rest)}),
        bytes_by_part(stores[0]),
        bytes_written(options.out),
    )


def main() -> None:
    """Carry out the runs and print a row for each."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.estimates", description=__doc__)
    parser.add_argument("real", type=Path)
    parser.add_argument("images", type=Path)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    progress.monotonic = time.process_time
    print("| run | part | told | found | found / told |\n|---|---|---|---|---|")
    for name, options in cases(asked.real, asked.images).items():
        told, took, parts, written = hold(options)
        for stage, seconds in told.stages.items():
            _row(name, stage, seconds, took.stages.get(stage, 0.0), "s")
        _row(name, "time in all", told.total, took.total, "s")
        for part, n_bytes in parts.items():
            _row(name, part, n_bytes / 1e6, written[part] / 1e6, "MB")
        _row(name, "store", sum(parts.values()) / 1e6, sum(written.values()) / 1e6, "MB")


def _row(name: str, part: str, told: float, found: float, unit: str) -> None:
    ratio = f"{found / told:.2f}" if told else ""
    print(f"| {name} | {part} | {told:.2f} {unit} | {found:.2f} {unit} | {ratio} |", flush=True)


if __name__ == "__main__":
    main()
