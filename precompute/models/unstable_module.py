"""A search for the module that makes two passes of a network differ."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from precompute.models.calls import watched_calls

# Relative to the largest number of a tensor: the largest effect of rounding in deep networks.
_ROUNDING = 1e-4


def place(network: nn.Module, one: Callable[[], Any], other: Callable[[], Any]) -> str:
    """Name the innermost module whose outputs differ between two passes although its inputs do not.

    Parameters
    ----------
    network
        A network.
    one, other
        Each runs one pass of the network. Where one pass has more images than the other, the first images are compared.

    Returns
    -------
    str
        The module's path and kind, and what is unusual about it; the network itself where no single module is the
        cause.
    """
    first, second = _calls(network, one), _calls(network, other)
    for (path, given, returned), (other_path, other_given, other_returned) in zip(first, second, strict=False):
        if path != other_path:
            break
        if _same(given, other_given) and not _same(returned, other_returned):
            return _named(path, network.get_submodule(path))
    return _named("", network)


def drawing_place(network: nn.Module, work: Callable[[], Any]) -> str | None:
    """Name the innermost module that draws random numbers from torch, Python or numpy; None where none does.

    Parameters
    ----------
    network
        A network.
    work
        Runs one pass of the network.
    """
    starts: list[RandomState] = []
    found: list[str] = []
    paths = [path for path, _ in network.named_modules()]

    def on_start(_path: str, _inputs: Any) -> None:
        starts.append(RandomState.now())

    def on_call(path: str, _call: int, _output: Any) -> None:
        # Modules end from the inside out.
        if starts.pop() != RandomState.now():
            found.append(path)

    with torch.no_grad(), watched_calls(network, paths, on_call, on_start=on_start):
        work()
    return _named(found[0], network.get_submodule(found[0])) if found else None


@dataclass(frozen=True)
class RandomState:
    """The state of the random generators of torch, Python and numpy; it changes when a number is drawn."""

    states: tuple[object, ...]

    @staticmethod
    def now() -> "RandomState":
        """Return the state at this moment."""
        torchs = [torch.random.get_rng_state()]
        if torch.cuda.is_initialized():
            torchs += torch.cuda.get_rng_state_all()
        if torch.backends.mps.is_available():
            torchs.append(torch.mps.get_rng_state())
        numpys: Any = np.random.get_state()
        others = random.getstate(), numpys[1].tobytes(), numpys[2:]
        return RandomState((*(state.numpy().tobytes() for state in torchs), *others))


_Call = tuple[str, list[Tensor], list[Tensor]]


def _calls(network: nn.Module, work: Callable[[], Any]) -> list[_Call]:
    """List the calls of modules in the order in which they end, each with its arguments and its output."""
    found: list[_Call] = []
    given: list[list[Tensor]] = []
    paths = [path for path, _ in network.named_modules()]

    def on_start(_path: str, inputs: Any) -> None:
        given.append(_tensors(inputs))

    def on_call(path: str, _call: int, output: Any) -> None:
        found.append((path, given.pop(), _tensors(output)))

    with torch.no_grad(), watched_calls(network, paths, on_call, on_start=on_start):
        work()
    return found


def _tensors(value: Any) -> list[Tensor]:
    values = value.values() if isinstance(value, dict) else value if isinstance(value, (tuple, list)) else [value]
    return [each.detach().double().cpu() for each in values if isinstance(each, Tensor) and not each.is_complex()]


def _same(one: list[Tensor], other: list[Tensor]) -> bool:
    """Say whether tensors are equal up to rounding, in the rows that both have."""
    if len(one) != len(other):
        return False
    for first, second in zip(one, other, strict=True):
        n_rows = min(len(first), len(second)) if first.ndim and second.ndim else None
        if n_rows is not None:
            first, second = first[:n_rows], second[:n_rows]
        if first.shape != second.shape:
            return False
        if bool(((first - second).abs() > _ROUNDING * first.abs().amax()).any()):
            return False
    return True


def _named(path: str, module: nn.Module) -> str:
    kind = type(module).__name__
    if not path:
        return f"the forward function of the network itself ({kind})"
    if isinstance(module, nn.modules.batchnorm._BatchNorm) and module.running_mean is None:
        return f"{path} ({kind} without running statistics)"
    return f"{path} ({kind} in training mode)" if module.training else f"{path} ({kind})"
