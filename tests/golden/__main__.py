"""Make the golden stores of the present format and record what they hold: `python -m tests.golden`.

The store is small but has every part: two kinds of ablation, training images, attributions, every experiment. Beside it
lies one of the same run that keeps sums only. They are made once for each version of the format, so that every later
version has to read what an earlier one wrote.
"""

import gzip
import json
import shutil
import sys
from pathlib import Path

import numpy as np
from PIL import Image

from precompute.__main__ import main
from precompute.store import schema
from precompute.store.experiments import registry
from precompute.store.reader import open_store
from tests.golden.values import HERE, values_of
from tests.small import write_images, write_network

STORE = HERE / f"format-{schema.VERSION}.h5.gz"
SUMS = HERE / f"format-{schema.VERSION}-sums.h5.gz"
AGAIN = "--again"
WORK = Path("/tmp/unitscope-golden")  # a store names where its images lay
LAYERS = ("features.4", "signed")


def make(path: Path, sums: Path) -> None:
    """Write the stores, as a person would, by the command line."""
    shutil.rmtree(WORK, ignore_errors=True)
    (WORK / "masks").mkdir(parents=True)
    model, images, training = write_network(WORK), write_images(WORK / "val"), write_images(WORK / "train", per_class=6)
    for number, picture in enumerate(sorted(training.rglob("*.png"))):
        pixels = np.asarray(Image.open(picture))
        Image.fromarray(np.roll(pixels, 1 + number, axis=0)).save(picture)  # other pictures than those of the run
    _write_masks(images, WORK / "masks")
    layers = [word for layer in LAYERS for word in ("--layer", layer)]
    ways = ["--ablation", "zero", "--ablation", "mean", "--attribution", "gradient", "--top-k", "5", "--device", "cpu"]
    run = ["run", model, "--images", str(images), "--train-images", str(training), "--allow-low-accuracy"]
    assert main([*run, *layers, *ways, "--out", str(path)]) == 0
    assert main([*run, *layers, *ways, "--out", str(sums), "--keep", "sums"]) == 0
    assert main(["experiment", "all", str(path), "--max-minutes", "1", "--device", "cpu"]) == 0
    with open_store(path) as store:
        assert set(store.experiments) == set(registry.NAMES), store.experiments


def _write_masks(images: Path, masks: Path) -> None:
    """Mark the upper and the lower half of every picture."""
    (masks / "parts.json").write_text(json.dumps({"place": {"1": "above", "2": "below"}}))
    halves = np.repeat(np.array([[1], [2]], np.uint8), 8, axis=0).repeat(16, axis=1)
    for picture in images.rglob("*.png"):
        place = masks / picture.relative_to(images).with_name(f"{picture.stem}-place.png")
        place.parent.mkdir(exist_ok=True)
        Image.fromarray(halves).save(place)


def record(path: Path, packed: Path) -> None:
    """Pack a store, and write down what the reader says of it: a line for each part."""
    packed.write_bytes(gzip.compress(path.read_bytes(), mtime=0))
    with open_store(path) as store:
        lines = [f"{json.dumps(name)}: {json.dumps(held)}" for name, held in values_of(store).items()]
    packed.with_name(packed.name.replace(".h5.gz", ".json")).write_text(
        "{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8"
    )


if __name__ == "__main__":
    if STORE.exists() and AGAIN not in sys.argv:
        sys.exit(f"{STORE} is there. A frozen format keeps its golden store; {AGAIN} makes it anew all the same.")
    made = {WORK / "golden.h5": STORE, WORK / "golden-sums.h5": SUMS}
    make(*made)
    for written, place in made.items():
        record(written, place)
        print(f"{place}: {place.stat().st_size / 1024:.0f} KB")
