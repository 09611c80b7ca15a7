"""The options of an experiment, read once at the edge."""

from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path
from typing import Any

from precompute.attribution_methods import as_named, refuse_unknown
from precompute.device_names import against_ray, device_names, first_of
from precompute.errors import OptionError
from precompute.measures.entropy import Rule
from precompute.option_fields import as_json_values, option, options_of, refuse_wrong
from precompute.options import each_once
from precompute.store.experiments.spec import ExperimentSpec


@dataclass(frozen=True, kw_only=True)
class ExperimentOptions:
    """The options of ``python -m precompute experiment``. Each field says what it does; each experiment takes some."""

    layers: tuple[str, ...] | None = option(
        "a layer to look at; what was found on other layers with the same options stays",
        default=None,
        written="--layer",
        value="L",
        several=each_once,
        told="all of the store's",
    )
    seed: int = option(
        "what random choices come from: halves of the images, resamples, orders, rotations",
        default=0,
        value="N",
        read=int,
        at_least=0,
    )
    images: Path | None = option(
        "where the store's images lie now: the folder that their paths begin in",
        default=None,
        value="DIR",
        read=Path,
        told="where they lay",
    )
    train_images: Path | None = option(
        "training images, in the store's class folders; they are swept as the run swept its own",
        default=None,
        value="DIR",
        read=Path,
        told="those of the store",
    )
    follow_links: bool = option(
        "take training images and class folders that are links leading out of the folder of `--train-images`",
        default=False,
    )
    model: str | None = option("what loads the network", default=None, value="MODEL", told="what the store names")
    weights: str | None = option(
        "its weights; those that are gone are taken from the store where it carries them",
        default=None,
        value="W",
        told="what the store names",
    )
    device: str = option(
        "where to compute: `auto`, `cpu`, `cuda`, `mps` or `cuda:1`; several processes share the sweeps on "
        "`cuda:0,cuda:1`, on `all` (every CUDA device) or on `cpu,cpu`, of experiments that also take `--ray`",
        default="auto",
        value="D",
        check=device_names,
    )
    ray: str | None = option(
        "compute the sweeps on a Ray cluster: its address, or `local` for one of this machine alone",
        default=None,
        value="ADDRESS",
        told="no Ray",
    )
    rates: bool = option("show beside the progress how fast each of several processes is", default=False)
    max_minutes: float = option(
        "about how long it may take; it measures at fewer steps or of fewer directions, then on fewer images, or with "
        "fewer shuffles of the labels, and says so on the screen and in the store",
        default=30.0,
        value="M",
        read=float,
        above=0,
        told="30",
    )
    images_per_class: int | None = option(
        "use N images of each class, spread evenly over it",
        default=None,
        value="N",
        read=int,
        at_least=2,
        bounds="at least 2, one for each half",
        told="all",
    )
    by: str | None = option(
        "the measure that ranks units, highest first",
        default=None,
        value="MEASURE",
        told="the overall drop on one half of the images",
    )
    classes: tuple[str, ...] | None = option(
        "a class to rank units for, by its folder; at every number of units where it is named",
        default=None,
        written="--class",
        value="NAME",
        several=each_once,
        told="all",
    )
    units: tuple[int, ...] | None = option(
        "a unit to attribute", default=None, written="--unit", value="N", read=int, several=tuple, told="all"
    )
    methods: tuple[str, ...] | None = option(
        "a method of attribution",
        default=None,
        written="--method",
        value="M",
        several=as_named,
        told="all",
        check=partial(refuse_unknown, "--method"),
    )
    keep: float = option(
        "the share of the units at which compression ends",
        default=0.0,
        value="SHARE",
        read=float,
        at_least=0,
        below=1,
        bounds="a share of the units, 0 or more and below 1",
        told="0",
    )
    masks: Path | None = option(
        "masks of concepts", default=None, value="DIR", read=Path, told="beside the store's images"
    )
    quantile: float = option(
        "share of all positions at which a unit counts as active",
        default=0.005,
        value="Q",
        read=float,
        above=0,
        below=1,
    )
    entropy_rule: Rule = option(
        "which reading of feature entropy",
        default="ours",
        value="R",
        choices=("ours", "paper", "code"),
    )

    def __post_init__(self) -> None:
        refuse_wrong(self, list(against_ray(self.device, self.ray)))

    @property
    def on_several(self) -> str:
        """What asks for more than one process, as it is written; empty where nothing does."""
        if self.ray is not None:
            return f"--ray {self.ray}"
        return f"--device {self.device}" if first_of(self.device) != self.device else ""

    def whole(self, spec: ExperimentSpec) -> dict[str, Any]:
        """Return all that an experiment was asked, by default or not, as values that JSON can hold."""
        return as_json_values(self, spec.options)

    def only(self, spec: ExperimentSpec) -> "ExperimentOptions":
        """Return those that an experiment takes; the others as if they had not been said.

        Of several devices one that computes on one alone gets the first.
        """
        taken = {name: getattr(self, name) for name in spec.options}
        if "device" in taken and not spec.is_shared:
            taken["device"] = first_of(self.device)
        return ExperimentOptions(**taken)

    def refuse_unused(self, spec: ExperimentSpec) -> None:
        """Refuse options that an experiment would not look at, and several devices where it computes on one.

        Raises
        ------
        OptionError
            Naming them, and those that it takes.
        """
        if self.on_several and "device" in spec.options and not spec.is_shared:
            because = f", because {spec.on_one_device}" if spec.on_one_device else ""
            raise OptionError(
                f"{self.on_several}: the experiment {spec.name} computes on one device{because}. Name one by --device."
            )
        said = [field.name for field in fields(self) if getattr(self, field.name) != field.default]
        written = {name: each.written for name, each in options_of(ExperimentOptions).items()}
        unused = [written[name] for name in said if name not in spec.options]
        if unused:
            takes = ", ".join(written[name] for name in spec.options)
            raise OptionError(f"The experiment {spec.name} takes no {', '.join(unused)}. It takes {takes}.")
