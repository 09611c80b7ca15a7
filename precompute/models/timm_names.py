"""Networks by their timm name, where timm is installed."""

from typing import Any

import torch
from torch import nn

from precompute.errors import ModelError
from precompute.models.checkpoints import load_into, read_checkpoint
from precompute.models.model import Model
from precompute.models.torchvision_names import RANDOM_NOTE, checkpoint_path, close_matches, output_count
from precompute.models.transforms import describe


def from_timm(name: str, weights: str) -> Model:
    """Make the classifier that timm calls `name`.

    Parameters
    ----------
    name
        Without the ``timm:``; the weights' tag may be part of it, as in ``resnet18.a1_in1k``.
    weights
        ``DEFAULT``, ``none`` or a checkpoint file.

    Raises
    ------
    ModelError
        Where timm is not installed, there is no such network, or its weights cannot be fetched or do not fit.
    """
    timm = _timm()
    if not timm.is_model(name):
        raise ModelError(f"There is no timm network called {name!r}.{close_matches(name, timm.list_models())}")
    if weights == "DEFAULT":
        network = _downloaded(timm, name)
        source = network.pretrained_cfg
        return _model(timm, name, network, f"timm {source['architecture']}.{source['tag']}".rstrip("."))
    if weights == "none":
        return _model(timm, name, _random(timm, name), "none", RANDOM_NOTE)
    path = checkpoint_path(
        weights, f"timm:{name} has DEFAULT, others by a tag in its name (timm:NAME.TAG), and none (random ones)"
    )
    state = read_checkpoint(path)
    n_outputs = output_count(state, _last_parameter(_random(timm, name)), path)
    network = _random(timm, name, num_classes=n_outputs)
    load_into(network, state, path)
    return _model(timm, name, network, str(path))


def _timm() -> Any:
    try:
        import timm
    except ImportError as error:
        raise ModelError("timm is not installed. Install it with: pip install timm") from error
    return timm


def _downloaded(timm: Any, name: str) -> Any:
    try:
        return timm.create_model(name, pretrained=True)
    except Exception as error:  # the network, the hub's client and the file can fail in any way
        raise ModelError(
            f"The weights of timm:{name} could not be fetched ({error}). Give --weights FILE for a checkpoint that you "
            "have, or --weights none for random ones."
        ) from error


def _random(timm: Any, name: str, **options: int) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return timm.create_model(name, pretrained=False, **options)


def _last_parameter(network: Any) -> str:
    classifier = network.get_classifier()
    path = next(path for path, module in network.named_modules() if module is classifier)
    return f"{path}.weight"


def _model(timm: Any, name: str, network: nn.Module, weights: str, *notes: str) -> Model:
    settings = timm.data.resolve_model_data_config(network)
    transform = timm.data.create_transform(**settings, is_training=False)
    return Model(f"timm:{name}", network, transform, describe(transform), weights, notes)
