"""The class scores in what a network returns, and whether they are logits, probabilities or something else.

A network that returns more than one tensor, or probabilities in place of logits, gets a hook on its root module. Every
caller then receives class scores alone, and the paths of its layers do not change.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

import torch
from torch import nn

from precompute.errors import ModelError
from precompute.models import operations as op
from precompute.models.autograd_graph import Value
from precompute.models.forward import copy_for, run
from precompute.words import first_few

LOGITS = "logits"
LOG_OF_PROBABILITIES = "log of probabilities"
"""Values of the attribute ``log_prob`` of a store's baseline; any other text is the reason why they are left out."""

_NAMES = ("logits", "out")
# Below it float32 loses digits, and some devices round to zero.
_SMALLEST = torch.finfo(torch.float32).tiny


def has_log_prob(kind: str) -> bool:
    """Say whether log-probabilities follow from outputs of this kind."""
    return kind in (LOGITS, LOG_OF_PROBABILITIES)


# Which tensor


@torch.no_grad()
def take_scores(network: nn.Module, inputs: torch.Tensor) -> str | None:
    """Make a network return its class scores alone.

    Parameters
    ----------
    network
        A network in evaluation mode. Where it returns a dictionary, a tuple, a list or a dataclass in which one tensor
        must be the class scores, it gets a hook that picks this tensor. Where it returns a tensor (image, output) with
        further dimensions of length 1, it gets a hook that removes them.
    inputs
        (image, channel, height, width): a few images.

    Returns
    -------
    str or None
        A sentence that says what was taken; None where nothing had to be done.

    Raises
    ------
    ModelError
        Where the network fails on the images, or where no tensor, or more than one, could be the scores.
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
    """A hook that picks one entry of what a network returns."""

    key: str | int

    def __call__(self, _network: nn.Module, _inputs: Any, output: Any) -> torch.Tensor:
        entries = _entries(output)
        assert entries is not None
        return entries[self.key]


def _entries(output: Any) -> dict[str | int, Any] | None:
    """Return the entries of a container; None where `output` is not a container."""
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
    held = first_few((f"{_quoted(key)}: {_shape(value)}" for key, value in entries.items()), 3)
    if not possible:
        n = len(inputs)
        way = "Wrap it in a module that returns the class scores alone."
        if len(entries) > 1 and all(_shape(value) in (f"({n}, 1)", f"({n},)") for value in entries.values()):
            way = (
                "If each is the score of one class, let the network join them, as by torch.stack(scores, 1).flatten(1)."
            )
        raise ModelError(
            f"The network returns no tensor of shape (images, outputs), here ({n}, outputs), among {held}. {way}"
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
    """Say whether the first of several tensors is computed from all the others, and has another shape than each.

    Then it is the scores, and the others are features that the network returns with them. Two heads do not pass.
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
    """Give a reloaded network the hooks that the run gave it: class scores alone, logarithms in place of probabilities.

    Parameters
    ----------
    network
        The network in evaluation mode, as it is loaded.
    inputs
        (image, channel, height, width): a few images.
    log_prob
        What the run found its outputs to be: the attribute ``log_prob``.

    Raises
    ------
    ModelError
        As :func:`take_scores`.
    """
    take_scores(network, inputs)
    if log_prob == LOG_OF_PROBABILITIES:
        take_logs(network)


def take_logs(network: nn.Module) -> None:
    """Make a network that returns probabilities return their logarithms."""
    network.register_forward_hook(_log)


def _log(_network: nn.Module, _inputs: Any, output: torch.Tensor) -> torch.Tensor:
    return output.float().clamp_min(_SMALLEST).log()


def last_operation(network: nn.Module, inputs: torch.Tensor) -> str | None:
    """Return autograd's name of the last operation that decides what the outputs are; None where autograd has none.

    Views, means, and sums or products with constants are passed over.
    """
    with torch.enable_grad():
        output = run(network, copy_for(network, inputs).detach().requires_grad_())
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
_BENT = {
    **{"Sigmoid": "a sigmoid", "LogSigmoid": "the logarithm of a sigmoid", "Tanh": "a hyperbolic tangent"},
    "Hardsigmoid": "a hard sigmoid",
}


def output_kind(scores: torch.Tensor, operation: str | None, *, precision: float) -> str:
    """Find out what a network's outputs are, from the outputs of a few images.

    Parameters
    ----------
    scores
        (image, output).
    operation
        The operation that made them, by :func:`last_operation`.
    precision
        The machine epsilon of the network's numbers.

    Returns
    -------
    str
        ``LOGITS``; ``LOG_OF_PROBABILITIES`` where the outputs are probabilities; or, as a clause that follows
        "because", why no log-probabilities follow from them.
    """
    scores = scores.cpu().double()
    total = scores.sum(1)
    constant = bool((scores == scores.flatten()[0]).all())
    if operation in op.WEIGHTED_SUMS or (constant and operation not in _BENT):
        return LOGITS
    if operation in _BENT:
        return f"the network ends in {_BENT[operation]}, so that the softmax of its outputs is not its probabilities"
    sums_to_1 = bool(((total - 1).abs() <= max(1e-4, precision * 8)).all())
    if operation == "Softmax" and sums_to_1:
        return LOG_OF_PROBABILITIES
    if bool((scores == scores.round()).all()):
        return "the network's outputs are whole numbers, rounded scores or votes, from which no probability follows"
    if bool((scores < 0).any()):
        return LOGITS
    if sums_to_1:
        return "the network's outputs are rounded probabilities" if _are_rounded(scores) else LOG_OF_PROBABILITIES
    if bool((scores <= 1).all()):
        return "the network's outputs lie between 0 and 1 and do not add up to 1, as with one sigmoid for each class"
    if bool(((total - total[0]).abs() <= 1e-4 * total[0]).all()):
        return f"the network's outputs add up to {total[0]:.4g} on every image, neither logits nor probabilities"
    return LOGITS


def _are_rounded(scores: torch.Tensor) -> bool:
    """Say whether all numbers are rounded to four or fewer decimals."""
    for n_digits in range(1, 5):
        shifted = scores * 10**n_digits
        whole = shifted.round()
        if bool(((shifted - whole).abs() < 1e-3).all() and ((whole == 0) == (scores == 0)).all()):
            return True
    return False
