"""What an experiment was asked to do, read once at the edge."""

from dataclasses import dataclass, fields
from pathlib import Path

from precompute.errors import OptionError
from precompute.measures.entropy import Rule
from precompute.store.experiments.spec import ExperimentSpec

DEFAULT_MINUTES = 30.0
_WRITTEN = {"layers": "--layer", "classes": "--class", "units": "--unit", "methods": "--method"}


@dataclass(frozen=True, kw_only=True)
class ExperimentOptions:
    """The options of ``python -m precompute experiment``; None for what was not said.

    Parameters
    ----------
    layers
        The layers to look at; all of the store's by default.
    seed
        What all random choices come from; 0 by default.
    images
        Where the store's images lie now; by default where they lay at the time of the run.
    train_images
        A folder of training images, for experiments that compare with them.
    model, weights
        What loads the network; by default what the store names.
    device
        ``auto``, ``cpu``, ``cuda`` or ``mps``; ``auto`` by default.
    max_minutes
        How long the experiment may take, about; it cuts itself down to that. 30 by default.
    images_per_class
        Use so many images of each class; all by default.
    by
        The measure that ranks units; the experiment's own choice by default.
    masks
        A folder of masks of concepts; by default the one beside the store's images.
    quantile
        The share of all positions at which a unit counts as active.
    entropy_rule
        Which reading of feature entropy: ``ours`` (the default), ``paper`` or ``code``.
    keep
        Share of the units that stay, from 0 to below 1; none by default.
    classes
        The classes that units are ranked for, by their folders' names; all by default.
    units
        The units whose attribution maps to compute; all by default.
    methods
        The attribution methods to compute them by; all by default.
    """

    layers: tuple[str, ...] | None = None
    seed: int | None = None
    images: Path | None = None
    train_images: Path | None = None
    model: str | None = None
    weights: str | None = None
    device: str | None = None
    max_minutes: float | None = None
    images_per_class: int | None = None
    by: str | None = None
    masks: Path | None = None
    quantile: float | None = None
    entropy_rule: Rule | None = None
    keep: float | None = None
    classes: tuple[str, ...] | None = None
    units: tuple[int, ...] | None = None
    methods: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        if self.seed is not None and self.seed < 0:
            raise OptionError(f"--seed must be 0 or more, but it is {self.seed}.")
        if self.max_minutes is not None and not self.max_minutes > 0:
            raise OptionError(f"--max-minutes must be more than 0, but it is {self.max_minutes:g}.")
        if self.images_per_class is not None and self.images_per_class < 2:
            raise OptionError(
                f"--images-per-class must be at least 2, one for each half, but it is {self.images_per_class}."
            )

        if self.quantile is not None and not 0 < self.quantile < 1:
            raise OptionError(f"--quantile must be more than 0 and less than 1, but it is {self.quantile:g}.")
        if self.keep is not None and not 0 <= self.keep < 1:
            raise OptionError(f"--keep must be a share of the units, 0 or more and below 1, but it is {self.keep:g}.")

    @property
    def minutes(self) -> float:
        """How long the experiment may take, about."""
        return self.max_minutes or DEFAULT_MINUTES

    @property
    def rule(self) -> Rule:
        """Which reading of feature entropy."""
        return self.entropy_rule or "ours"

    def said(self) -> dict[str, str | float | list[str]]:
        """Return what was said, as plain values that JSON can hold."""
        found = {field.name: getattr(self, field.name) for field in fields(self)}
        plain = {name: str(value) if isinstance(value, Path) else value for name, value in found.items()}
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in plain.items()
            if value is not None
        }

    def only(self, spec: ExperimentSpec) -> "ExperimentOptions":
        """Return those that an experiment takes; the others as if they had not been said."""
        said = {field.name: getattr(self, field.name) for field in fields(self)}
        return ExperimentOptions(**{name: value for name, value in said.items() if name in spec.options})

    def refuse_unused(self, spec: ExperimentSpec) -> None:
        """Refuse options that an experiment would not look at.

        Raises
        ------
        OptionError
            Naming them, and those that it takes.
        """
        unused = [written(name) for name in self.said() if name not in spec.options]
        if unused:
            takes = ", ".join(written(name) for name in spec.options)
            raise OptionError(f"The experiment {spec.name} takes no {', '.join(unused)}. It takes {takes}.")


def written(name: str) -> str:
    """Return an option as it is written on the command line."""
    return _WRITTEN.get(name, f"--{name.replace('_', '-')}")
