"""Networks by their torchvision name."""

# Before any torchvision.
import precompute.models.torchvision_ops  # noqa: F401

# isort: split
import difflib
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
import torchvision
from torch import nn

from precompute.errors import ModelError
from precompute.models.checkpoints import load_into, read_checkpoint
from precompute.models.model import Model
from precompute.models.transforms import describe

RANDOM_NOTE = "The weights are random (seed 0): what the units seem to mean is chance."


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
            "name, timm:NAME, or path/to/file.py:function."
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
    path = checkpoint_path(weights, f"{name} has {', '.join(choices.__members__)} and none (random ones)")
    network, notes = _from_checkpoint(name, path)
    return Model(name, network, default, describe(default), weights=str(path), notes=notes)


def close_matches(name: str, known: list[str]) -> str:
    """Return a sentence with the known names that are spelt most like `name`, nothing where none is."""
    close = difflib.get_close_matches(name, known, n=5)
    return f" Close to it: {', '.join(close)}." if close else ""


def checkpoint_path(weights: str, choices: str) -> Path:
    """Return the absolute path of the checkpoint that `weights` names; the error names the other choices."""
    path = Path(weights).expanduser().absolute()
    if not path.is_file():
        raise ModelError(f"There are no weights {weights!r}: {choices}, and {path} is no file.")
    return path


def output_count(state: Mapping[str, torch.Tensor], last: str, path: Path) -> int:
    """Return the number of outputs of a checkpoint's layer, whose parameter `last` has one row for each."""
    if last not in state:
        raise ModelError(
            f"The checkpoint {path} does not fit the network. It lacks {last}, a parameter of its last layer."
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
    except Exception as error:  # the network may fail in any way, and so may a file that it left half-written
        folder = Path(torch.hub.get_dir()) / "checkpoints"
        raise ModelError(
            f"The weights {weights} could not be fetched ({error}). Put {weights.url} into {folder}, or give "
            "--weights FILE for a checkpoint that you have, or --weights none for random ones."
        ) from error


def _random(name: str, **options: int | bool) -> nn.Module:
    # Two of torchvision's networks announce a change of their initialisation that is none of the user's business.
    with torch.random.fork_rng(devices=[]), warnings.catch_warnings(action="ignore", category=FutureWarning):
        torch.manual_seed(0)
        return torchvision.models.get_model(name, weights=None, **options)


def _from_checkpoint(name: str, path: Path) -> tuple[nn.Module, tuple[str, ...]]:
    state = read_checkpoint(path)
    network = _random(name)
    own = network.state_dict()
    last = list(own)[-1]
    options: dict[str, int | bool] = {"num_classes": output_count(state, last, path)}
    notes = []
    if hasattr(network, "aux_logits"):
        options["aux_logits"] = any(entry.startswith(("aux", "AuxLogits")) for entry in state)
        notes.append(
            f"{name} takes its input as the transform leaves it (transform_input=False), as networks trained from "
            "scratch do; the downloaded ImageNet weights expect another scale, so use those by name."
        )
    if options["num_classes"] != len(own[last]) or "aux_logits" in options:
        network = _random(name, **options)
    load_into(network, state, path)
    return network, tuple(notes)
