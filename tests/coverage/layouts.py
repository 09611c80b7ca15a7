"""Where the units of a module's output lie, from what its library documents; nothing here asks the product.

Four sources, in this order: rules written by hand for some modules of a family, by their path; the class of the module,
where its layout is documented; identity: what works number by number has the layout of the tensor that it was given,
and a container that returns the very tensor of a module inside has that one's; rules written by hand for the rest of a
family. Where none of them says anything the layout is not known, and nothing is claimed.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from tests.coverage.classes import CLASSES, POINTWISE
from tests.coverage.networks import Network
from tests.coverage.rules import CONVOLUTIONAL, EVERYWHERE, FIRST, LAST, Rules

NONE = "none"


@dataclass(frozen=True)
class Call:
    """What is known of one call of a module.

    Parameters
    ----------
    kind
        The module's class name.
    shape
        Of its output.
    layout
        A word as in `tests.coverage.classes`; "none" where no one dimension holds the units; None if not known.
    """

    kind: str
    shape: tuple[int, ...]
    layout: str | None

    @property
    def dimension(self) -> int | None:
        """The dimension of the units, counted from 0; None where there is none or it is not known."""
        return None if self.layout in (None, NONE) else self.layout.index("C")

    @property
    def positions(self) -> str | None:
        """What a unit's positions are: grid, tokens, none; "other" in another order; None if not known.

        A single token may be the class token or all of the picture.
        """
        if self.layout in (None, NONE) or "?" in self.layout or (len(self.shape) == 3 and 1 in self.shape[1:]):
            return None
        return (
            "other" if "X" in self.layout else {"NCHW": "grid", "NHWC": "grid", "NC": "none"}.get(self.layout, "tokens")
        )


def layouts_of(network: nn.Module, inputs: Tensor, of: Network) -> dict[str, Call]:
    """Run a network once and return what is known of every call that returns one tensor, by the layer's name."""
    trace = _Trace(of, len(inputs))
    with torch.no_grad(), _watched(network, trace.note):
        network(inputs.clone())
    return trace.calls


@dataclass
class _Trace:
    of: Network
    n_images: int
    calls: dict[str, Call] = field(default_factory=dict)
    # Keeps every tensor alive, so that no two are ever the same object.
    seen: dict[int, tuple[Tensor, str | None]] = field(default_factory=dict)

    def note(self, name: str, path: str, module: nn.Module, given: Any, output: Any) -> None:
        if isinstance(output, Tensor):
            layout = self._layout(path, module, given, output) if len(output) == self.n_images else NONE
            self.seen[id(output)] = output, layout
            self.calls[name] = Call(type(module).__name__, tuple(output.shape), layout)

    def _layout(self, path: str, module: nn.Module, given: Any, output: Tensor) -> str | None:
        first = _first(self._rules(FIRST), path, output) or (
            _first(EVERYWHERE, path, output) if output.ndim > 2 else None
        )
        if first:
            return first
        last = _first(self._rules(LAST) or CONVOLUTIONAL, path, output)
        known = self._known(module, given, output)
        if known and last and "?" in known and known.index("C") == last.index("C"):
            return last
        return known or last

    def _rules(self, table: dict[str, Rules]) -> Rules:
        return (*table.get(self.of.name, ()), *table.get(self.of.family, ()))

    def _known(self, module: nn.Module, given: Any, output: Tensor) -> str | None:
        if output.ndim == 2:
            return "NC"
        if isinstance(given, Tensor) and type(module).__name__ in POINTWISE and given.shape == output.shape:
            return self._layout_of(given)
        inside = self._layout_of(output) if len(list(module.children())) else None
        return inside or _documented(module, output)

    def _layout_of(self, tensor: Tensor) -> str | None:
        return self.seen[id(tensor)][1] if id(tensor) in self.seen else None


def _first(rules: Rules, path: str, output: Tensor) -> str | None:
    for pattern, words in rules:
        if re.search(pattern, path):
            chosen = [word for word in words.split() if word == NONE or len(word) == output.ndim]
            if chosen:
                return chosen[0]
    return None


def _documented(module: nn.Module, output: Tensor) -> str | None:
    """Return what the nearest documented class of a module says of outputs of so many dimensions."""
    for cls in type(module).__mro__:
        if cls.__name__ in CLASSES:
            return next((word for word in CLASSES[cls.__name__].split() if len(word) == output.ndim), None)
        if re.search(r"[12]d$", cls.__name__) and issubclass(cls, nn.LayerNorm):
            return None  # a variant with a layout of its own that nobody has read yet
    return None


Note = Callable[[str, str, nn.Module, Any, Any], None]


@contextmanager
def _watched(network: nn.Module, note: Note) -> Iterator[None]:
    count: Counter[str] = Counter()

    def hook_of(path: str) -> Any:
        def hook(module: nn.Module, given: Any, output: Any) -> None:
            count[path] += 1
            name = path if count[path] == 1 else f"{path}#{count[path]}"
            note(name, path, module, given[0] if given else None, output)

        return hook

    with ExitStack() as hooks:
        for path, module in network.named_modules():
            if path:
                hooks.callback(module.register_forward_hook(hook_of(path)).remove)
        yield
