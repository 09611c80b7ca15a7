"""The options of an experiment, read once from the command line."""

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
    """The options of ``python -m precompute experiment``; each experiment takes some of them."""

    layers: tuple[str, ...] | None = option(
        "a layer to look at; earlier findings on other layers stay, and must have been made with the same options",
        default=None,
        written="--layer",
        value="L",
        several=each_once,
        told="all of the store's",
    )
    seed: int = option(
        "the seed of random choices: halves of the images, resamples, orders, rotations",
        default=0,
        value="N",
        read=int,
        at_least=0,
    )
    images: Path | None = option(
        "the folder of the store's images, if it has moved; their paths begin there",
        default=None,
        value="DIR",
        read=Path,
        told="where the run found them",
    )
    train_images: Path | None = option(
        "a folder of training images, with the store's class folders; `roles` silences units on them as the run did",
        default=None,
        value="DIR",
        read=Path,
        told="those of the store",
    )
    follow_links: bool = option(
        "also take training images and class folders that are links to places outside the folder of `--train-images`",
        default=False,
    )
    model: str | None = option("the network, as for `run`", default=None, value="MODEL", told="what the store names")
    weights: str | None = option(
        "its weights, as for `run`; where those that the store names are gone, it uses those that it holds itself",
        default=None,
        value="W",
        told="what the store names",
    )
    device: str = option(
        "where to compute: `auto`, `cpu`, `cuda`, `mps` or `cuda:1`. Experiments that also take `--ray` can share "
        "their sweeps among several processes: on `cuda:0,cuda:1`, on `all` (every CUDA device) or on `cpu,cpu`",
        default="auto",
        value="D",
        check=device_names,
    )
    ray: str | None = option(
        "compute the sweeps on a Ray cluster: its address, or `local` for a cluster on this machine alone",
        default=None,
        value="ADDRESS",
        told="no Ray",
    )
    rates: bool = option("show how fast each of several processes is, beside the progress", default=False)
    max_minutes: float = option(
        "about how many minutes the experiment may take. To stay within them it measures at fewer steps or fewer "
        "directions, then on fewer images, or shuffles labels less often; it says so on the screen and in the store",
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
        "a class to rank units for, by the name of its folder; it is then measured at every number of removed units",
        default=None,
        written="--class",
        value="NAME",
        several=each_once,
        told="all",
    )
    units: tuple[int, ...] | None = option(
        "a unit to compute maps for", default=None, written="--unit", value="N", read=int, several=tuple, told="all"
    )
    methods: tuple[str, ...] | None = option(
        "an attribution method",
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
        "a folder of masks of concepts", default=None, value="DIR", read=Path, told="beside the store's images"
    )
    quantile: float = option(
        "the share of all positions at which a unit counts as active",
        default=0.005,
        value="Q",
        read=float,
        above=0,
        below=1,
    )
    entropy_rule: Rule = option(
        "the rule of feature entropy",
        default="ours",
        value="R",
        choices=("ours", "paper", "code"),
    )

    def __post_init__(self) -> None:
        refuse_wrong(self, list(against_ray(self.device, self.ray)))

    @property
    def on_several(self) -> str:
        """The option that asks for several processes, as it is written; empty where none does."""
        if self.ray is not None:
            return f"--ray {self.ray}"
        return f"--device {self.device}" if first_of(self.device) != self.device else ""

    def whole(self, spec: ExperimentSpec) -> dict[str, Any]:
        """Return the options that an experiment takes, defaults included, as values that JSON can hold."""
        return as_json_values(self, spec.options)

    def only(self, spec: ExperimentSpec) -> "ExperimentOptions":
        """Return these options with those that an experiment does not take set to their defaults.

        An experiment that computes on one device gets the first of several.
        """
        taken = {name: getattr(self, name) for name in spec.options}
        if "device" in taken and not spec.is_shared:
            taken["device"] = first_of(self.device)
        return ExperimentOptions(**taken)

    def refuse_unused(self, spec: ExperimentSpec) -> None:
        """Refuse options that an experiment does not take, and several devices where it computes on one.

        Raises
        ------
        OptionError
            It names these options, and those that the experiment takes.
        """
        if self.on_several and "device" in spec.options and not spec.is_shared:
            because = f", because {spec.on_one_device}" if spec.on_one_device else ""
            raise OptionError(
                f"{self.on_several}: the experiment {spec.name} computes on one device{because}. "
                "Name one with --device."
            )
        said = [field.name for field in fields(self) if getattr(self, field.name) != field.default]
        written = {name: each.written for name, each in options_of(ExperimentOptions).items()}
        unused = [written[name] for name in said if name not in spec.options]
        if unused:
            takes = ", ".join(written[name] for name in spec.options)
            raise OptionError(f"The experiment {spec.name} takes no {', '.join(unused)}. It takes {takes}.")
