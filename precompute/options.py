"""What a run was asked to do, read once at the edge."""

from dataclasses import dataclass, field
from pathlib import Path

from precompute.errors import OptionError
from precompute.images.decoding import Decoding
from precompute.store.place import place_of


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """The options of ``python -m precompute run``.

    Parameters
    ----------
    model
        A torchvision name, ``timm:NAME``, ``hf:FOLDER`` or ``file.py:function``.
    images
        A folder with one sub-folder of images for each class, or that the paths of `labels` begin in; None where that
        is the folder of `labels`.
    layers
        The layers whose units to look at.
    out
        The store to write.
    weights
        ``DEFAULT``, the name of published weights, a local checkpoint (``FILE`` or ``FILE::ENTRY``), or
        ``none``; None for the model's own.
    labels
        A list of images with their classes, CSV, in place of class folders; None for none.
    train_images
        A folder of training images with the same class folders, to be looked at in the same way; None for none.
    classes_file
        JSON object from class to network output; None to match them by their order or WordNet id.
    class_order
        How the names of the classes are sorted to be outputs 0, 1, 2 ...: ``text``, ``number`` or ``natural``; None
        where these agree.
    allow_low_accuracy
        Go on where the network's answers say that the classes may have the wrong outputs.
    units_on
        What a person says of where units lie: ``1``, ``last``, or one of them for a layer, as ``features.7=last``.
    device
        ``auto``, ``cpu``, ``cuda`` or ``mps``.
    batch_size
        Images that go through the network together.
    workers
        Processes that decode images; None to choose by their number.
    precision
        What the sweep computes changed rows in: ``float32``, ``tf32`` (CUDA) or ``bfloat16``. Predictions are exact in
        each; log-probabilities only in float32.
    ablation
        Kinds of ablation: ``zero``, ``mean``.
    attribution
        Attribution methods; empty for none; None for the default, bounded in cost.
    top_k
        Exemplars of each kind.
    limit
        Number of images to take, spread evenly over the classes; None for all. As many training images.
    allow_bad
        Go on when more than 5 % of the images cannot be read.
    shard_size
        Images of one shard.
    resume
        Go on with a run that was stopped.
    decoding
        How image files become pictures.
    """

    model: str
    images: Path | None
    layers: tuple[str, ...]
    out: Path
    weights: str | None = None
    labels: Path | None = None
    train_images: Path | None = None
    classes_file: Path | None = None
    class_order: str | None = None
    allow_low_accuracy: bool = False
    units_on: tuple[str, ...] = ()
    device: str = "auto"
    batch_size: int = 64
    workers: int | None = None
    precision: str = "float32"
    ablation: tuple[str, ...] = ("zero",)
    attribution: tuple[str, ...] | None = None
    top_k: int = 25
    limit: int | None = None
    allow_bad: bool = False
    shard_size: int = 256
    resume: bool = False
    decoding: Decoding = field(default_factory=Decoding)

    def __post_init__(self) -> None:
        for name in ("batch_size", "top_k", "shard_size"):
            if getattr(self, name) < 1:
                raise OptionError(f"--{name.replace('_', '-')} must be at least 1, but it is {getattr(self, name)}.")
        if self.workers is not None and self.workers < 0:
            raise OptionError(f"--workers must be 0 or more, but it is {self.workers}.")
        if self.limit is not None and self.limit < 1:
            raise OptionError(f"--limit must be at least 1, but it is {self.limit}.")
        if not self.layers:
            raise OptionError("Name at least one layer by --layer; `python -m precompute layers MODEL` lists them.")
        place_of(self.out)  # refuses what a store must not replace
