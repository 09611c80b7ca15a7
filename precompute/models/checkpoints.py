"""Checkpoint files in, plain tensors out. No code that a file may carry is ever run."""

import hashlib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from precompute.errors import ModelError

# Under which a training script may have put the parameters, beside its optimiser, epoch and so on.
_ENTRIES = ("state_dict", "model_state_dict", "model")
_SHOWN = 4


def read_checkpoint(path: str | Path) -> dict[str, torch.Tensor]:
    """Read the parameters of a network from a file that ``torch.save`` wrote.

    Parameters
    ----------
    path
        A file that holds the parameters by name, or a dictionary that has them under ``state_dict``,
        ``model_state_dict`` or ``model``.

    Returns
    -------
    dict of str to torch.Tensor
        On the CPU, without the prefixes that ``DataParallel`` (``module.``) and ``torch.compile`` (``_orig_mod.``)
        put before the names.

    Raises
    ------
    ModelError
        Where the file is missing, is no checkpoint, holds no parameters or would have to run code to be read.
    """
    path = Path(path).expanduser().absolute()
    content = _load(path)
    for entry in _ENTRIES:
        if isinstance(content, Mapping) and isinstance(content.get(entry), Mapping):
            content = content[entry]
            break
    if not _is_state(content):
        raise ModelError(f"{path} holds no parameters: expected tensors by name, found {_describe(content)}.")
    return _without_prefixes(content)


def load_into(network: nn.Module, state: Mapping[str, torch.Tensor], source: str | Path) -> None:
    """Copy the parameters `state`, read from `source`, into `network`, or change nothing.

    Raises
    ------
    ModelError
        Where names or shapes do not fit; the first few of each kind are named.
    """
    own = {name: tensor for name, tensor in network.state_dict().items() if isinstance(tensor, torch.Tensor)}
    # A count that no evaluation uses, and that checkpoints of torch before 0.4.1 lack.
    missing = [name for name in own if name not in state and not name.endswith("num_batches_tracked")]
    unexpected = [name for name in state if name not in own]
    misshapen = [
        f"{name} is {_size(state[name])} where the network has {_size(own[name])}"
        for name in own
        if name in state and state[name].shape != own[name].shape
    ]
    problems = [
        _listed("lacks", missing),
        _listed("has the unknown", unexpected),
        _listed("differs in shape:", misshapen),
    ]
    if any(problems):
        raise ModelError(
            f"The checkpoint {source} does not fit the network. It {'; it '.join(filter(None, problems))}. "
            "Give the network that it was saved from."
        )
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


def plain_tensors(network: nn.Module) -> dict[str, np.ndarray]:
    """Return all parameters and buffers as numpy arrays, by name; bfloat16, which numpy lacks, becomes float32."""
    return {
        name: (tensor.float() if tensor.dtype == torch.bfloat16 else tensor).numpy()
        for name, tensor in _tensors(network)
    }


def _load(path: Path) -> Any:
    if not path.is_file():
        raise ModelError(f"There is no checkpoint file {path}.")
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a file that is no checkpoint can fail in any way
        code = re.search(r"GLOBAL (\S+)", str(error))
        if code is None:
            reason = "is not a checkpoint that torch can read"
        else:
            reason = f"is more than tensors: reading it would run code that it names ({code[1]})"
        raise ModelError(
            f"{path} {reason}. Save the parameters alone, with torch.save(network.state_dict(), FILE), and give that."
        ) from error


def _is_state(content: Any) -> bool:
    return (
        isinstance(content, Mapping)
        and len(content) > 0
        and all(isinstance(name, str) and isinstance(value, torch.Tensor) for name, value in content.items())
    )


def _describe(content: Any) -> str:
    if not isinstance(content, Mapping):
        return f"an object of type {type(content).__name__}"
    entries = [str(name) for name in content]
    return f"the entries {', '.join(entries[:_SHOWN])}{' ...' * (len(entries) > _SHOWN)}" if entries else "nothing"


def _without_prefixes(state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    state = {name.replace("_orig_mod.", ""): tensor for name, tensor in state.items()}
    # Only where all names have it: a network may well have a child of its own that is called module.
    if all(name.startswith("module.") for name in state):
        state = {name.removeprefix("module."): tensor for name, tensor in state.items()}
    return state


def _tensors(network: nn.Module) -> Iterator[tuple[str, torch.Tensor]]:
    for name, tensor in sorted(network.state_dict().items()):
        if isinstance(tensor, torch.Tensor):
            yield name, tensor.detach().cpu().contiguous()


def _size(tensor: torch.Tensor) -> str:
    return "×".join(map(str, tensor.shape)) or "a single number"


def _listed(problem: str, names: list[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"{problem} {', '.join(names[:_SHOWN])}{more}" if names else ""
