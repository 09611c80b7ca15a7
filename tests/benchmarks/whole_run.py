"""A whole run with all defaults beside the plain sweep: ``python -m tests.benchmarks.whole_run NETWORK LAYER``.

The run's own sentences are printed, then the time of its stages, its peak memory, and the time that the plain method
would need for the sweep alone, from a few units. Weights are random. Times are processor times of one thread. Imports
are told apart from the run.
"""

import argparse
import json
import resource
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

from precompute import progress
from precompute.ablation.ablations import each_unit
from precompute.ablation.plain import PlainAblater
from precompute.options import RunOptions
from precompute.progress import Progress
from precompute.run.pipeline import carry_out
from precompute.run.planning import make_plan
from precompute.run.run_stages import stage_shares
from tests.benchmarks.cases import pictures

_CLASSES, _HEIGHT, _WIDTH = 8, 256, 320


def draw_pictures(folder: Path, n: int) -> Path:
    """Write made pictures into class folders; return the file that gives folders their outputs."""
    drawn = F.interpolate(pictures(n, 64), size=(_HEIGHT, _WIDTH), mode="bilinear")
    levels = (drawn * 40 + 128).clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1).numpy()
    names = [f"class_{c}" for c in range(_CLASSES)]
    for at, picture in enumerate(levels):
        place = folder / names[at % _CLASSES] / f"{at:04}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(place)
    classes = folder.with_suffix(".json")
    classes.write_text(json.dumps({name: output for output, name in enumerate(names)}))
    return classes


def plain_seconds(options: RunOptions, n_units: int) -> float:
    """Return the seconds that the plain method needs for all units and images, from some units of the layer."""
    plan = make_plan(options)
    (site,) = plan.sites
    ablations = each_unit([0.0] * site.n_units)
    chosen = np.unique(np.linspace(0, site.n_units - 1, n_units).astype(int))
    ablater = PlainAblater(plan.model.network, site, batch_size=options.batch_size)
    begun = time.process_time()
    for _ in ablater.sweep(plan.probe, [ablations[unit] for unit in chosen]):
        pass
    a_row = (time.process_time() - begun) / (len(chosen) * len(plan.probe))
    return a_row * site.n_units * len(plan.candidates)


def main() -> None:
    """Carry out one run, and time the plain method on some of its rows."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.whole_run", description=__doc__)
    parser.add_argument("network")
    parser.add_argument("layer")
    parser.add_argument("--images", type=int, default=96)
    parser.add_argument("--plain-units", type=int, default=24)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    progress.monotonic = time.process_time
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "images"
        options = RunOptions(
            model=asked.network,
            weights="none",
            images=folder,
            classes_file=draw_pictures(folder, asked.images),
            layers=(asked.layer,),
            out=Path(place) / "store.h5",
            workers=0,
            allow_low_accuracy=True,
        )
        drawn = time.process_time()
        shown = Progress(stage_shares(training=False))
        carry_out(options, command="a benchmark", say=lambda sentence: print(sentence, flush=True), progress=shown)
        run = time.process_time() - drawn
        n_bytes = options.out.stat().st_size
        print({stage: round(seconds, 1) for stage, seconds in shown.seconds.items()})
        print(f"the run after its imports {run:.1f} s, imports and pictures {drawn:.1f} s, {n_bytes / 1e6:.1f} MB")
        print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB", flush=True)
        plain = plain_seconds(options, asked.plain_units)
        print(f"the plain sweep alone {plain:.0f} s: {plain / run:.1f} times the run")


if __name__ == "__main__":
    main()
