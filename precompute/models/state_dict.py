"""The parameters and buffers in a network's state dict: hashed, listed, and replaced by those of a checkpoint."""

import hashlib
from collections.abc import Iterator, Mapping
from itertools import chain
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn.parameter import is_lazy

from precompute.errors import ModelError
from precompute.models.parameter_marks import told_by
from precompute.words import first_few

SHOWN = 4
"""How many names a message lists for each problem."""


def load_into(network: nn.Module, state: Mapping[str, torch.Tensor], source: str | Path) -> None:
    """Copy the parameters `state`, read from `source`, into `network`. Where an error is raised, nothing is changed.

    Raises
    ------
    ModelError
        Where names, sizes or kinds of number do not fit; the message names the first few of each.
    """
    own = own_tensors(network)
    needed = needed_names(network)
    loaded = {first for name, first in needed.items() if name in state}
    missing = [name for name, first in needed.items() if first not in loaded]
    unexpected = [name for name in state if name not in own]
    shared = [name for name in own if name in state]
    misshapen = [
        f"{name} is {_size(state[name])} where the network has {_size(own[name])}"
        for name in shared
        if differ_in_shape(state[name], own[name])
    ]
    used = [name for name in shared if name in needed]
    unusable = [f"{name} is {kind}" for name in used if (kind := _unusable_kind(state[name], own[name])) is not None]
    apart = [
        f"{name} and {first}"
        for name, first in needed.items()
        if name in state and first in state and not equal(state[name], state[first])
    ]
    problems = [
        problem("lacks", missing),
        problem("has the unknown", unexpected),
        problem("differs in shape:", misshapen),
        problem("holds no ordinary numbers:", unusable),
        problem("has different values where the network has one tensor under two names:", apart),
    ]
    if any(problems):
        raise ModelError(
            f"The checkpoint {source} does not fit the network. It {'; it '.join(filter(None, problems))}."
            f"{told_by(unexpected)} Give the network that it was saved from."
        )
    _refuse_without_values(network)
    network.load_state_dict(state, strict=False)


def state_digest(network: nn.Module) -> str:
    """Return the SHA-256, in hexadecimal, of the names, types, shapes and bytes of all parameters and buffers.

    It depends neither on the order in which they were registered nor on the device that they are on.
    """
    digest = hashlib.sha256()
    for name, tensor in _tensors(network):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def refuse_other_weights(network: nn.Module, digest: str, *, of: str) -> None:
    """Refuse a network that was loaded a second time, by another process, and came with other weights.

    Parameters
    ----------
    network
        As it was loaded here.
    digest
        The :func:`state_digest` of the first.
    of
        What loads it.

    Raises
    ------
    ModelError
    """
    if state_digest(network) != digest:
        raise ModelError(
            f"{of}: the network that another process loads has other weights than that of the first. "
            "Let its function return the same weights every time, or compute on one device."
        )


def plain_tensors(network: nn.Module) -> dict[str, np.ndarray]:
    """Return all parameters and buffers as numpy arrays, by name; bfloat16, which numpy lacks, becomes float32.

    None at all where a name has a slash, as of networks that came from ONNX: a store has no place for it.
    """
    found = {
        name: (tensor.float() if tensor.dtype == torch.bfloat16 else tensor).numpy()
        for name, tensor in _tensors(network)
    }
    return found if all(set(name).isdisjoint("/\0") for name in found) else {}


# Single tensors


def own_tensors(network: nn.Module) -> dict[str, torch.Tensor]:
    """Return the tensors of a state dict, which may hold other things too."""
    return {name: tensor for name, tensor in network.state_dict().items() if isinstance(tensor, torch.Tensor)}


def needed_names(network: nn.Module) -> dict[str, str]:
    """Return the names that a checkpoint must have: one of those that a tensor of the network has.

    Returns
    -------
    dict of str to str
        For each name of a tensor, the first of the tensor's names: the same, but where a tensor has several.
    """
    firsts: dict[int, str] = {}
    every = chain(network.named_parameters(remove_duplicate=False), network.named_buffers(remove_duplicate=False))
    same = {name: firsts.setdefault(id(tensor), name) for name, tensor in every}
    # num_batches_tracked is not used in evaluation, and checkpoints of torch before 0.4.1 lack it.
    return {name: same.get(name, name) for name in own_tensors(network) if not name.endswith("num_batches_tracked")}


def equal(a: torch.Tensor, b: torch.Tensor) -> bool:
    """Say whether two tensors have the same values or NaN; quantised ones, which torch cannot compare, have not."""
    try:
        return torch.equal(a, b) or (torch.equal(a.isnan(), b.isnan()) and torch.equal(a[~a.isnan()], b[~b.isnan()]))
    except RuntimeError:
        return False


def _refuse_without_values(network: nn.Module) -> None:
    empty = [name for name, tensor in own_tensors(network).items() if tensor.is_meta]
    if empty:
        raise ModelError(
            f"The network's {first_few(empty, SHOWN)} have no values to be replaced (they are on the meta device). "
            "Build the network on the CPU."
        )


def _unusable_kind(tensor: torch.Tensor, own: torch.Tensor) -> str | None:
    if tensor.is_meta:
        return "on the meta device, without values"
    if tensor.is_quantized:
        return "quantised"
    if tensor.layout != torch.strided or tensor.is_nested:
        return "sparse"
    if tensor.is_floating_point() != own.is_floating_point():
        return f"{_type(tensor)} where the network has {_type(own)}"
    return None


def _type(tensor: torch.Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")


def differ_in_shape(tensor: torch.Tensor, own: torch.Tensor) -> bool:
    """Say whether a tensor has another shape than the one that it is to replace."""
    # A lazy module takes its size from the parameters that are loaded.
    return not is_lazy(own) and tensor.shape != own.shape


def _tensors(network: nn.Module) -> Iterator[tuple[str, torch.Tensor]]:
    for name, tensor in sorted(network.state_dict().items()):
        if isinstance(tensor, torch.Tensor):
            yield name, tensor.detach().cpu().contiguous()


def _size(tensor: torch.Tensor) -> str:
    return "×".join(map(str, tensor.shape)) or "a single number"


def problem(words: str, names: list[str]) -> str:
    """Return a clause of some words and the first few names; empty where there are no names."""
    return f"{words} {first_few(names, SHOWN)}" if names else ""
