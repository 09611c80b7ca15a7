"""The class scores among the things that a network returns, and what kind of numbers they are.

A network that returns more than one tensor, or probabilities in place of logits, is given a hook on itself, at its very
end. Everything that runs it then sees class scores alone, and the paths of its layers stay as they are.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

import torch
from torch import nn

from precompute.errors import ModelError
from precompute.models.autograd_graph import Value
from precompute.models.forward import fit, run
from precompute.models.ready import listed

LOGITS = "logits"
LOG_OF_PROBABILITIES = "log of probabilities"
"""What the attribute ``log_prob`` of a store's baseline says; anything else is the reason why they are left out."""

_NAMES = ("logits", "out")
# Below it float32 keeps fewer digits, and some devices none.
_SMALLEST = torch.finfo(torch.float32).tiny


def has_log_prob(kind: str) -> bool:
    """Say whether outputs of a kind have log-probabilities."""
    return kind in (LOGITS, LOG_OF_PROBABILITIES)


# Which tensor


@torch.no_grad()
def take_scores(network: nn.Module, inputs: torch.Tensor) -> str | None:
    """Let a network return its class scores alone.

    Parameters
    ----------
    network
        A network in evaluation mode. Where it returns a dictionary, a tuple, a list or a dataclass with one tensor that
        must be the class scores, it is given a hook that picks it; where it returns a tensor (image, output) with more
        dimensions of 1, one that takes these off.
    inputs
        (image, channel, height, width): a few images.

    Returns
    -------
    str or None
        A sentence on what was taken; None where the network returns one tensor anyway.

    Raises
    ------
    ModelError
        Where the network cannot take the images, or several tensors, or none, could be the scores.
    """
    output = run(network, inputs)
    if _is_flat_but_for_ones(output, len(inputs)):
        network.register_forward_hook(_flat)
        shape = ", ".join(map(str, output.shape[1:]))
        return f"The network returns a tensor (image, {shape}): its dimensions of 1 are taken off."
    entries = _entries(output)
    if entries is None:
        return None
    key = _key_of_scores(network, inputs, entries)
    network.register_forward_hook(_Pick(key))
    return (
        f"The network returns {_described(output)}; {_quoted(key)} is taken as the class scores, and the rest is not "
        "looked at."
    )


@dataclass(frozen=True)
class _Pick:
    """A hook that takes one thing of what a network returns."""

    key: str | int

    def __call__(self, _network: nn.Module, _inputs: Any, output: Any) -> torch.Tensor:
        entries = _entries(output)
        assert entries is not None
        return entries[self.key]


def _entries(output: Any) -> dict[str | int, Any] | None:
    """Return what a container holds; None where `output` is none."""
    if isinstance(output, Mapping):
        return dict(output)
    if isinstance(output, tuple) and hasattr(output, "_fields"):
        return dict(zip(output._fields, output, strict=True))
    if isinstance(output, (tuple, list)):
        return dict(enumerate(output))
    if is_dataclass(output) and not isinstance(output, type):
        return {field.name: getattr(output, field.name) for field in fields(output)}
    return None


def _is_flat_but_for_ones(output: Any, n_images: int) -> bool:
    if not isinstance(output, torch.Tensor) or output.ndim < 3 or len(output) != n_images:
        return False
    return sorted(output.shape[1:])[:-1] == [1] * (output.ndim - 2)


def _flat(_network: nn.Module, _inputs: Any, output: torch.Tensor) -> torch.Tensor:
    return output.flatten(1)


def _key_of_scores(network: nn.Module, inputs: torch.Tensor, entries: Mapping[str | int, Any]) -> str | int:
    possible = [key for key, value in entries.items() if _may_be_scores(value, len(inputs))]
    called = [key for key in possible if key in _NAMES]
    if len(called) == 1:
        return called[0]
    if len(possible) == 1:
        return possible[0]
    held = listed(f"{_quoted(key)}: {_shape(value)}" for key, value in entries.items())
    if not possible:
        raise ModelError(
            f"The network returns no tensor of shape (images, outputs), here ({len(inputs)}, outputs), among {held}. "
            "Wrap it in a module that returns the class scores alone."
        )
    if 0 in entries and possible[0] == 0 and _first_is_last(network, inputs, possible):
        return 0
    raise ModelError(
        f"The network returns {held}: {len(possible)} of them could be the class scores. Wrap it in a module that "
        "returns the one that is meant."
    )


def _may_be_scores(value: Any, n_images: int) -> bool:
    return isinstance(value, torch.Tensor) and value.ndim == 2 and len(value) == n_images and value.shape[1] > 1


def _first_is_last(network: nn.Module, inputs: torch.Tensor, possible: list[str | int]) -> bool:
    """Say whether the first of several tensors is computed from the others, being wider or narrower than each.

    Features that are returned beside the scores which follow from them are known by that. Two heads are not.
    """
    with torch.enable_grad():
        entries = _entries(run(network, inputs))
        assert entries is not None
        first, others = entries[0], [entries[key] for key in possible[1:]]
        if not first.requires_grad or any(other.shape == first.shape or not other.requires_grad for other in others):
            return False
        gradients = torch.autograd.grad(first.sum(), others, allow_unused=True)
    return all(gradient is not None for gradient in gradients)


def _described(output: Any) -> str:
    name = type(output).__name__
    return f"{'an' if name[0] in 'AEIOUaeiou' else 'a'} {name}"


def _quoted(key: str | int) -> str:
    return f"entry {key}" if isinstance(key, int) else f"{key!r}"


def _shape(value: Any) -> str:
    return str(tuple(value.shape)) if isinstance(value, torch.Tensor) else type(value).__name__


# What kind of numbers


def settle(network: nn.Module, inputs: torch.Tensor, log_prob: str) -> None:
    """Make a network once more what a run has made of it: class scores alone, and logarithms of probabilities.

    Parameters
    ----------
    network
        The network in evaluation mode, as it was loaded.
    inputs
        (image, channel, height, width): a few images.
    log_prob
        What the run has found its outputs to be.

    Raises
    ------
    ModelError
        As :func:`take_scores`.
    """
    take_scores(network, inputs)
    if log_prob == LOG_OF_PROBABILITIES:
        take_logs(network)


def take_logs(network: nn.Module) -> None:
    """Let a network that returns probabilities return their logarithms."""
    network.register_forward_hook(_log)


def _log(_network: nn.Module, _inputs: Any, output: torch.Tensor) -> torch.Tensor:
    return output.float().clamp_min(_SMALLEST).log()


def last_operation(network: nn.Module, inputs: torch.Tensor) -> str | None:
    """Return autograd's name of the operation that makes the outputs; None where autograd does not see it."""
    with torch.enable_grad():
        output = run(network, fit(network, inputs).detach().requires_grad_())
    if not isinstance(output, torch.Tensor) or output.grad_fn is None:
        return None
    value = Value(output.grad_fn, output.output_nr)
    while value.operation in _PASSING:
        above = [parent for parent in value.parents if not parent.is_input]
        if len(above) != 1:
            break
        value = above[0]
    return value.operation


_PASSING = frozenset(
    {
        *("Alias", "Clone", "ToCopy", "View", "UnsafeView", "ReshapeAlias", "Squeeze", "Unsqueeze", "Select", "Slice"),
        *("Mean", "AdaptiveAvgPool2D", "Add", "Sub", "Mul", "Div", "Permute", "Transpose"),
    }
)
_LINEAR = frozenset({"Addmm", "Mm", "Bmm", "Baddbmm", "Linear", "Convolution"})
_BENT = {
    **{"Sigmoid": "a sigmoid", "LogSigmoid": "the logarithm of a sigmoid", "Tanh": "a hyperbolic tangent"},
    "Hardsigmoid": "a hard sigmoid",
}


def kind_of(scores: torch.Tensor, operation: str | None, *, precision: float) -> str:
    """Tell what a network's outputs are, by the outputs of a few images.

    Parameters
    ----------
    scores
        (image, output).
    operation
        What made them, by :func:`last_operation`.
    precision
        Relative rounding of the network's numbers.

    Returns
    -------
    str
        ``LOGITS``, ``LOG_OF_PROBABILITIES``, or why neither can be had: a clause that follows "because".
    """
    scores = scores.cpu().double()
    total = scores.sum(1)
    constant = bool((scores == scores.flatten()[0]).all())
    if operation in _LINEAR or (constant and operation not in _BENT):
        return LOGITS
    if operation in _BENT:
        return f"the network ends in {_BENT[operation]}, so that the softmax of its outputs is not what it believes"
    sums_to_1 = bool(((total - 1).abs() <= max(1e-4, precision * 8)).all())
    if operation == "Softmax" and sums_to_1:
        return LOG_OF_PROBABILITIES
    if bool((scores == scores.round()).all()):
        return "the network's outputs are whole numbers, rounded scores or votes, of which no probability follows"
    if bool((scores < 0).any()):
        return LOGITS
    if sums_to_1:
        return "the network's outputs are rounded probabilities" if _are_rounded(scores) else LOG_OF_PROBABILITIES
    if bool((scores <= 1).all()):
        return "the network's outputs lie between 0 and 1 and do not add up to 1, as those of a sigmoid, one a class"
    if bool(((total - total[0]).abs() <= 1e-4 * total[0]).all()):
        return f"the network's outputs add up to {total[0]:.4g} on every image, neither logits nor probabilities"
    return LOGITS


def _are_rounded(scores: torch.Tensor) -> bool:
    """Say whether numbers have been rounded to a few digits after the point."""
    for n_digits in range(1, 5):
        shifted = scores * 10**n_digits
        whole = shifted.round()
        if bool(((shifted - whole).abs() < 1e-3).all() and ((whole == 0) == (scores == 0)).all()):
            return True
    return False
