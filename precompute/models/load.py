"""Load the network that MODEL and ``--weights`` name on the command line."""

import os
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from precompute.errors import ModelError
from precompute.models.file_kinds import known_kind
from precompute.models.forward import input_dtype, logits
from precompute.models.hugging_face import from_hugging_face
from precompute.models.model import Model
from precompute.models.ready import evaluating
from precompute.models.timm_names import from_timm
from precompute.models.torchvision_names import from_torchvision
from precompute.models.user_file import from_user_file
from precompute.models.wrappers import unwrapped

_KINDS = "a torchvision name, timm:NAME, hf:FOLDER, or path/to/file.py:function"

__all__ = ["Model", "input_dtype", "load_model", "logits"]


def load_model(spec: str, weights: str | None = None) -> Model:
    """Load a network in evaluation mode.

    Parameters
    ----------
    spec
        A torchvision name (``resnet50``), ``timm:NAME``, ``hf:FOLDER``, or ``path/to/file.py:function``.
    weights
        ``DEFAULT`` (also None), ``none`` for random ones, a torchvision name such as ``IMAGENET1K_V1``, a local
        checkpoint file, or ``FILE::ENTRY`` for one of several sets of parameters in it.

    Raises
    ------
    ModelError
        Where the network or its weights cannot be loaded; the message says what to do.
    """
    model = _found(spec, weights or "DEFAULT")
    return replace(model, network=evaluating(unwrapped(model.network)))


def _found(spec: str, weights: str) -> Model:
    weights = {"default": "DEFAULT", "none": "none"}.get(weights.lower(), weights)
    if spec in ("", "hf:", "timm:"):
        raise ModelError(f"MODEL {spec!r} names no network. Expected {_KINDS}.")
    if spec.startswith("hf:"):
        return from_hugging_face(spec.removeprefix("hf:"), weights)
    path, _, function = spec.rpartition(":")
    if spec.startswith("timm:"):
        return from_timm(function, weights)
    if path.endswith(".py"):
        return from_user_file(path, function, weights)
    if spec.endswith(".py"):
        raise ModelError(f"Name the function of the file that returns the network: {spec}:FUNCTION.")
    _refuse_path(spec)
    return from_torchvision(spec, weights)


def _refuse_path(spec: str) -> None:
    """Refuse a path that exists and is not a Python file, and say what to give instead."""
    path = Path(spec).expanduser()
    if os.sep in spec and path.is_dir():
        raise ModelError(f"{spec} is a folder. Expected {_KINDS}; hf:{spec} where transformers saved a network there.")
    if path.is_file():
        with suppress(OSError):
            if kind := known_kind(path):
                raise ModelError(f"{spec} {kind} Expected {_KINDS}.")
        raise ModelError(
            f"{spec} is a file, and no Python file. Expected {_KINDS}; a checkpoint holds parameters and no network, "
            f"so name its network and add --weights {spec}."
        )
