"""The main job on the embedded example, from nothing: draw the pictures, train the network, run."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

import precompute.models.demo as network
from precompute.errors import StoreError
from precompute.images.demo import DEMO_CLASSES, draw_demo_images, is_drawn
from precompute.options import RunOptions
from precompute.progress import Progress
from precompute.run.pipeline import carry_out
from precompute.run.run_stages import stage_shares
from precompute.run.shards import side_files_of, start_over
from precompute.store.place import place_of
from precompute.store.reader import open_store
from precompute.words import duration, size

_TRAINING_IMAGES = 100 * len(DEMO_CLASSES)  # of those drawn; more than the images themselves, which are all taken

_SHARES = {"pictures": 0.15, "training": 0.45} | {
    stage: 0.15 * share for stage, share in stage_shares(training=True).items()
}

# Of one variant, as measured on two quiet cores.
_SECONDS, _BYTES = 72, 32e6


@dataclass(frozen=True)
class Variant:
    """One way to build and train the demo's network; everything else is the same, the seed too.

    Parameters
    ----------
    ending
        What the names of its files have that those of the plain one have not.
    function
        The function of `precompute.models.demo` that builds it.
    batch_norm, dropout
        See `precompute.models.demo.DemoNetwork`.
    """

    ending: str
    function: str
    batch_norm: bool
    dropout: bool

    def store(self, out: Path) -> Path:
        """Return where its store goes, beside the plain one's."""
        return out.parent / f"{out.stem}{self.ending}{out.suffix}"

    @property
    def model(self) -> str:
        """Its MODEL on the command line."""
        return f"{network.__file__}:{self.function}"


PLAIN = Variant("", "build", batch_norm=False, dropout=True)
VARIANTS = (
    PLAIN,
    Variant("-batch-norm", "build_batch_norm", batch_norm=True, dropout=True),
    Variant("-no-dropout", "build_no_dropout", batch_norm=False, dropout=False),
)


def build_demo(
    out: Path,
    *,
    seed: int,
    command: str,
    say: Callable[[str], None],
    train: bool = False,
    variant: Variant = PLAIN,
) -> None:
    """Build a demo store; its pictures, part masks and weights are written beside it.

    Parameters
    ----------
    out
        The plain variant's store; another variant's is written beside it.
    seed
        Decides the pictures, the network's first weights and the order of training.
    command
        The command line, for the store's provenance.
    say
        Shows the user a sentence.
    train
        Train the network also where its weights ship with the program: trained on another processor it would be
        another network, and every number of the store another.
    variant
        Which network.
    """
    started = monotonic()
    progress = Progress(_SHARES)
    images, weights = out.parent / "demo-images", out.parent / f"demo{variant.ending}-network.pt"
    options = RunOptions(
        model=variant.model,
        images=images / "val",
        train_images=images / "train",
        limit=_TRAINING_IMAGES,
        layers=network.LAST_LAYERS,
        out=variant.store(out),
        weights=str(weights),
    )
    start_over(side_files_of(place_of(options.out)))
    out.parent.mkdir(parents=True, exist_ok=True)
    if not is_drawn(images, seed=seed):
        with progress.stage("pictures", 1) as stage:
            draw_demo_images(images, seed=seed, progress=stage.reach)
    with progress.stage("training", 1, unit="steps") as stage:
        if variant is PLAIN and seed == network.SHIPPED_SEED and not train:
            shutil.copyfile(network.SHIPPED_WEIGHTS, weights)
            say("The network's weights are those that ship with the program; --train trains it anew")
            stage.reach(1, 1)
        else:
            _train(images, weights, seed, variant, say, stage.reach)
    carry_out(options, command=command, say=say, progress=progress, seeds={"demo": seed})
    say(f"The demo took {duration(monotonic() - started)}")


def _train(
    images: Path,
    weights: Path,
    seed: int,
    variant: Variant,
    say: Callable[[str], None],
    progress: Callable[[int, int], None],
) -> None:
    trained = network.train_demo_network(
        images / "train",
        images / "val",
        seed=seed,
        batch_norm=variant.batch_norm,
        dropout=variant.dropout,
        progress=progress,
    )
    network.save_weights(trained.network, weights)
    say(f"Trained to {trained.validation_accuracy:.1%} of the validation images in {duration(trained.seconds)}")


def build_variants(out: Path, *, seed: int, command: str, say: Callable[[str], None], train: bool = False) -> None:
    """Build the demo store of every variant, on the same pictures; those that are there and whole stay.

    Parameters are those of `build_demo`.
    """
    kept = [variant for variant in VARIANTS if _is_built(variant, out, seed=seed)]
    missing = [variant for variant in VARIANTS if variant not in kept]
    for variant in kept:
        say(f"{variant.store(out)} is there and whole; remove it to have it made anew")
    if not missing:
        return
    names = ", ".join(variant.store(out).name for variant in missing)
    say(
        f"To make: {names}, one network to train for each. Estimated on two quiet cores: "
        f"{duration(len(missing) * _SECONDS)}, {size(len(missing) * _BYTES)}"
    )
    for variant in missing:
        say(f"{variant.store(out).name}:")
        build_demo(out, seed=seed, command=command, say=say, train=train, variant=variant)


def _is_built(variant: Variant, out: Path, *, seed: int) -> bool:
    """Tell whether a variant's store of that seed is there and complete."""
    try:
        with open_store(variant.store(out)) as store:
            named = store.model.spec.rpartition(":")[2]
            return named == variant.function and store.provenance.get("seeds") == {"demo": seed}
    except StoreError:
        return False
