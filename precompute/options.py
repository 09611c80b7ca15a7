"""The options of a run, read once at the edge."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from precompute import ablation_kinds
from precompute.attribution_methods import METHODS, as_named, refuse_unknown
from precompute.device_names import against_ray, device_names
from precompute.images.decoding import DEFAULT_MEGAPIXELS, Decoding, colour
from precompute.option_fields import as_json_values, option, options_of, refuse_wrong
from precompute.store.foreign import refuse_foreign
from precompute.store.keep import ALL, KEPT

MODEL_HELP = "a torchvision name (`resnet50`), `timm:NAME`, `hf:FOLDER`, or `path/to/file.py:function`"


def each_once(values: Sequence[str]) -> tuple[str, ...]:
    """Return values without those that were given before."""
    return tuple(dict.fromkeys(values))


def _methods(names: Sequence[str]) -> tuple[str, ...]:
    named = as_named(names)
    return () if named == ("none",) else named


# What decides by itself, without a look at the network or the images, what a run computes.
_DECIDING = (
    *("weights", "units_on", "ablation", "attribution", "top_k", "limit", "shard_size", "batch_size", "precision"),
    *("background", "white", "max_megapixels", "follow_links", "keep"),
)


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """The options of ``python -m precompute run``. Each field says what it does; None where nothing was said."""

    model: str = option(MODEL_HELP, written="MODEL")
    images: Path | None = option(
        "one sub-folder of images for each class; or where the paths of `--labels` begin",
        default=None,
        value="DIR",
        read=Path,
        told="that of `--labels`",
    )
    labels: Path | None = option(
        "a list of images with their classes, in place of class folders", default=None, value="FILE.csv", read=Path
    )
    layers: tuple[str, ...] = option("a layer to look at", written="--layer", value="L", several=each_once)
    out: Path = option(
        "the store to write; an existing one is replaced when the new one is whole", value="STORE.h5", read=Path
    )
    weights: str | None = option(
        "`DEFAULT`, a name of published weights, FILE or FILE::ENTRY, or `none` for random ones",
        default=None,
        value="W",
        told="the network's own",
    )
    train_images: Path | None = option(
        "training images in the same class folders, to be looked at in the same way",
        default=None,
        value="DIR",
        read=Path,
        told="none",
    )
    classes_file: Path | None = option(
        "JSON: class folder to network output, or the classes in the order of the outputs",
        default=None,
        written="--classes",
        value="FILE.json",
        read=Path,
        told="by order or name",
    )
    class_order: str | None = option(
        "how names are sorted to be outputs 0, 1, 2 ...",
        default=None,
        value="ORDER",
        choices=("text", "number", "natural"),
        told="where all agree",
    )
    allow_low_accuracy: bool = option(
        "go on where the network's answers say that the classes may have the wrong outputs", default=False
    )
    units_on: tuple[str, ...] = option(
        "`1`, `last` or `last:14x14`, of a layer `LAYER=last`: where units lie that the network does not show",
        default=(),
        value="WHERE",
        several=tuple,
        told="by the network",
    )
    device: str = option(
        "where to compute: `auto`, `cpu`, `cuda`, `mps` or `cuda:1`; several processes share the shards on "
        "`cuda:0,cuda:1`, on `all` (every CUDA device) or on `cpu,cpu`",
        default="auto",
        value="D",
        check=device_names,
    )
    ray: str | None = option(
        "compute the shards on a Ray cluster: its address, or `local` for one of this machine alone",
        default=None,
        value="ADDRESS",
        told="no Ray",
    )
    rates: bool = option("show beside the progress how fast each of several processes is", default=False)
    batch_size: int = option("images that go through the network together", default=64, value="N", read=int, at_least=1)
    workers: int | None = option(
        "processes that decode images", default=None, value="N", read=int, at_least=0, told="by images and cores"
    )
    precision: str = option(
        "of the sweep; predictions are exact in each, and `tf32` needs CUDA",
        default="float32",
        value="P",
        choices=("float32", "tf32", "bfloat16"),
    )
    ablation: tuple[str, ...] = option(
        "what units are set to (a mean is over images and space, of a token apart from the picture over images)",
        default=("zero",),
        value="KIND",
        choices=ablation_kinds.names,
        several=each_once,
    )
    attribution: tuple[str, ...] | None = option(
        f"{', '.join(f'`{name}`' for name in METHODS)}, or `none`",
        default=None,
        value="METHOD",
        several=_methods,
        told="all, fewer where they would cost too much",
        check=partial(refuse_unknown, "--attribution"),
    )
    keep: str = option(
        "what the store keeps of every unit on every image; sums are for many images",
        default=ALL,
        value="WHAT",
        choices=KEPT,
    )
    top_k: int = option("exemplars of each kind", default=25, value="N", read=int, at_least=1)
    limit: int | None = option(
        "take N images, spread evenly over the classes; of `--train-images` N too",
        default=None,
        value="N",
        read=int,
        at_least=1,
        told="all",
    )
    background: str | None = option(
        "what transparent pictures are laid on, such as `white` or `#808080`",
        default=None,
        value="COLOUR",
        told="transparency is dropped",
        check=colour,
    )
    white: float | None = option(
        "the value of a white pixel in grey of more than 8 bits",
        default=None,
        value="N",
        read=float,
        above=0,
        below=float("inf"),
        bounds="above 0, the value of a white pixel",
        told="by the files",
    )
    max_megapixels: float = option(
        "larger pictures are left out, with the reason",
        default=DEFAULT_MEGAPIXELS,
        value="N",
        read=float,
        above=0,
        below=float("inf"),
        bounds="above 0",
        told=f"{DEFAULT_MEGAPIXELS:g}",
    )
    follow_links: bool = option(
        "take images and class folders that are links leading out of the image folder", default=False
    )
    allow_bad: bool = option("go on with more than 5 % unreadable images", default=False)
    shard_size: int = option(
        "images of one shard; an interrupted run loses only the shards being computed",
        default=256,
        value="N",
        read=int,
        at_least=1,
    )
    resume: bool = option("go on with a run that was stopped", default=False)

    def __post_init__(self) -> None:
        unnamed = "Name at least one layer with --layer; `python -m precompute layers MODEL` lists them."
        refuse_wrong(self, [*([] if self.layers else [unnamed]), *against_ray(self.device, self.ray)])
        refuse_foreign(self.out)

    def identity(self) -> dict[str, Any]:
        """Return the options that decide by themselves what a run computes, as they are written."""
        written, values = options_of(RunOptions), as_json_values(self, _DECIDING)
        return {written[name].written: values.get(name) for name in _DECIDING}

    @staticmethod
    def defaults() -> dict[str, str]:
        """Return what it means that an option was not given, as it is written."""
        return {said.written: said.default for said in options_of(RunOptions).values()}

    @cached_property
    def decoding(self) -> Decoding:
        """How image files become pictures."""
        return Decoding.asked(self.background, self.white, self.max_megapixels)
