"""Networks by their torchvision name."""

# Before any torchvision.
import precompute.models.torchvision_ops  # noqa: F401

# isort: split
import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
import torchvision
from torch import nn

from precompute.errors import ModelError
from precompute.models.checkpoints import Checkpoint, parameters_for, read_checkpoint, split_entry
from precompute.models.model import Model
from precompute.models.random_weights import RANDOM_NOTE, seeded
from precompute.models.state_dict import load_into
from precompute.models.transforms import describe
from precompute.words import close_matches


def from_torchvision(name: str, weights: str) -> Model:
    """Make the classifier that torchvision calls `name`.

    Parameters
    ----------
    name
        As in ``torchvision.models.list_models(module=torchvision.models)``.
    weights
        ``DEFAULT``, ``none``, a name such as ``IMAGENET1K_V1`` or ``AlexNet_Weights.IMAGENET1K_V1``, or a
        checkpoint file.

    Raises
    ------
    ModelError
        Where there is no such network or no such weights, or they cannot be fetched or do not fit.
    """
    known = torchvision.models.list_models(module=torchvision.models)
    name = name.lower()
    if name not in known:
        raise ModelError(
            f"There is no torchvision classifier called {name!r}.{close_matches(name, known)} MODEL is a torchvision "
            "name, timm:NAME, hf:FOLDER, or path/to/file.py:function."
        )
    choices = torchvision.models.get_model_weights(name)
    default = choices.DEFAULT.transforms()
    if weights == "none":
        network = _random(name)
        return Model(name, network, default, describe(default), weights="none", notes=(RANDOM_NOTE,))
    chosen = _weights_called(weights, choices)
    if chosen is not None:
        transform = chosen.transforms()
        return Model(name, _downloaded(name, chosen), transform, describe(transform), weights=str(chosen))
    known_weights = f"{name} has {', '.join(choices.__members__)} and none (random ones)"
    network, source, notes = _from_checkpoint(name, checkpoint_called(weights, known_weights))
    return Model(name, network, default, describe(default), weights=source, notes=notes)


def checkpoint_called(weights: str, choices: str) -> Checkpoint:
    """Read the checkpoint that `weights` names; where there is no such file, the error names the other choices."""
    path, _ = split_entry(weights)
    if re.match(r"\w+://", weights):
        raise ModelError(f"{weights} is an address, from which nothing is fetched. Download it and give the file.")
    if not path.exists():
        raise ModelError(f"There are no weights {weights!r}: {choices}, and {path} is not a file.")
    return read_checkpoint(weights)


def output_count(state: Mapping[str, torch.Tensor], last: str, source: str) -> int:
    """Return the number of outputs of a checkpoint's layer, whose parameter `last` has one row for each."""
    if state[last].dim() == 0:
        raise ModelError(
            f"The checkpoint {source} does not fit the network: {last} of its last layer is a single number, where one "
            "row for each output is expected. Give the network that it was saved from."
        )
    return len(state[last])


def _weights_called(weights: str, choices: Any) -> Any:
    enumeration, _, member = weights.rpartition(".")
    if enumeration in ("", choices.__name__) and member in choices.__members__:
        return choices[member]
    return None


def _downloaded(name: str, weights: Any) -> nn.Module:
    try:
        return torchvision.models.get_model(name, weights=weights)
    except Exception as error:  # the connection can fail in any way, and so can a half-written file
        folder = Path(torch.hub.get_dir()) / "checkpoints"
        raise ModelError(
            f"The weights {weights} could not be fetched ({error}). Put {weights.url} into {folder}, or give "
            "--weights FILE for a checkpoint that you have, or --weights none for random ones."
        ) from error


def _random(name: str, **options: int | bool) -> nn.Module:
    # Two of torchvision's networks warn of a future change of their initialisation, which does not matter here.
    with seeded(), warnings.catch_warnings(action="ignore", category=FutureWarning):
        return torchvision.models.get_model(name, weights=None, **options)


def _from_checkpoint(name: str, checkpoint: Checkpoint) -> tuple[nn.Module, str, tuple[str, ...]]:
    network = _random(name)
    options: dict[str, int | bool] = {}
    notes = []
    if hasattr(network, "aux_logits"):
        options["aux_logits"] = any(
            part in ("aux1", "aux2", "AuxLogits") for tensor in checkpoint.tensors for part in tensor.split(".")
        )
        network = _random(name, **options)
        notes.append(
            f"{name} takes its input as the transform leaves it (transform_input=False), as networks trained from "
            "scratch do; the downloaded ImageNet weights expect another scale, so use those by name."
        )
    found = parameters_for(network, checkpoint)
    own = network.state_dict()
    last = list(own)[-1]
    n_outputs = output_count(found.state, last, found.source)
    if n_outputs != len(own[last]):
        network = _random(name, num_classes=n_outputs, **options)
    load_into(network, found.state, found.source)
    return network, found.source, (*notes, *found.notes)
