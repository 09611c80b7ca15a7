"""The main job on the embedded example, from nothing: draw the pictures, train the network, run."""

import shutil
from collections.abc import Callable
from pathlib import Path
from time import monotonic

import precompute.models.demo as network
from precompute.images.demo import DEMO_CLASSES, draw_demo_images, is_drawn
from precompute.options import RunOptions
from precompute.pipeline import Summary
from precompute.progress import Progress
from precompute.runs import carry_out, stages
from precompute.words import duration

_TRAINING_IMAGES = 100 * len(DEMO_CLASSES)  # of those drawn; more than the images themselves, which are all taken

_SHARES = {"pictures": 0.15, "training": 0.45} | {stage: 0.15 * share for stage, share in stages(training=True).items()}


def build_demo(out: Path, *, seed: int, command: str, say: Callable[[str], None]) -> Summary:
    """Build the demo store; its pictures, part masks and weights are written beside it.

    Parameters
    ----------
    out
        The store to write.
    seed
        Decides the pictures, the network's first weights and the order of training.
    command
        The command line, for the store's provenance.
    say
        Receives sentences for the person who waits.
    """
    started = monotonic()
    progress = Progress(_SHARES)
    images, weights = out.parent / "demo-images", out.parent / "demo-network.pt"
    options = RunOptions(
        model=f"{network.__file__}:build",
        images=images / "val",
        train_images=images / "train",
        limit=_TRAINING_IMAGES,
        layers=network.LAST_LAYERS,
        out=out,
        weights=str(weights),
    )
    out.parent.mkdir(parents=True, exist_ok=True)
    if not is_drawn(images, seed=seed):
        with progress.stage("pictures", 1) as stage:
            draw_demo_images(images, seed=seed, progress=stage.reach)
    with progress.stage("training", 1, unit="steps") as stage:
        trained = network.train_demo_network(images / "train", images / "val", seed=seed, progress=stage.reach)
    network.save_weights(trained.network, weights)
    say(f"Trained to {trained.validation_accuracy:.1%} of the validation images in {duration(trained.seconds)}")
    shutil.rmtree(out.with_name(out.name + ".shards"), ignore_errors=True)  # what a stopped demo left
    summary = carry_out(options, command=command, say=say, progress=progress, seeds={"demo": seed})
    say(f"The demo took {duration(monotonic() - started)}")
    return summary
