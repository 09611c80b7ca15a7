"""The attribution methods: one row each. A row added here is one in runs, stores and the app."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from precompute.errors import OptionError


@dataclass(frozen=True)
class Method:
    """An attribution method.

    Parameters
    ----------
    name : str
        Its name in the store and on the command line.
    label : str
        Its name for readers.
    captum : str
        The class of `captum.attr` that computes it.
    steps : int
        How many points of the way from the baseline to the image it begins with; 1 for methods that know the image
        alone. Each costs one forward and one backward pass: by this a run estimates its time.
    rewrites_relu : bool
        Whether it changes how ReLUs pass gradients back, and so is right only where every non-linearity is a ReLU
        module.
    arguments : mapping
        What else Captum is told.
    """

    name: str
    label: str
    captum: str
    steps: int = 1
    rewrites_relu: bool = False
    arguments: Mapping[str, object] = field(default_factory=dict)

    @property
    def sums_up(self) -> bool:
        """Whether its maps promise to sum up to what the activation changes from the baseline to the image."""
        return self.steps > 1


METHODS: dict[str, Method] = {
    method.name: method
    for method in (
        Method("gradient", "Gradient", "Saliency", arguments={"abs": False}),
        Method("deconvolution", "Deconvolution", "Deconvolution", rewrites_relu=True),
        Method("guided_backpropagation", "Guided backpropagation", "GuidedBackprop", rewrites_relu=True),
        Method("integrated_gradients", "Integrated gradients", "IntegratedGradients", steps=12),
    )
}
"""In the order in which they are shown."""


def label_of(name: str) -> str:
    """Return a method's name for readers; of an unknown one what its name says."""
    return METHODS[name].label if name in METHODS else name.replace("_", " ").capitalize()


def as_named(names: Sequence[str]) -> tuple[str, ...]:
    """Return methods by their names, each once, as they are written or with hyphens."""
    return tuple(dict.fromkeys(name.replace("-", "_") for name in names))


def refuse_unknown(option: str, names: Sequence[str]) -> None:
    """Refuse names of no method.

    Raises
    ------
    OptionError
        Naming the first, and the methods that there are.
    """
    for name in names:
        if name not in METHODS:
            raise OptionError(f"{option} {name}: there is no such method. Choose of {', '.join(METHODS)}.")
