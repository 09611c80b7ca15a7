"""Why a network does not run on pictures, as far as the network itself shows the cause."""

import inspect
from typing import Any

import torch
from torch import nn

from precompute.models.error_causes import OF_SIZE, explain, words_of
from precompute.words import first_few

_WRAP = "Give a network of pictures, or wrap it in a module that turns a batch of pictures into its input."
_FIRST = (
    (nn.Embedding, "looks up whole numbers, such as the ids of words, where a picture has brightness"),
    (nn.Conv1d, "takes signals along one dimension, such as sound, where a picture has two"),
    (nn.Conv3d, "takes volumes or clips, (channel, depth, height, width), where a picture has no depth"),
    ((nn.LSTM, nn.GRU, nn.RNN), "takes sequences, where a picture has height and width"),
)


def refusal(network: nn.Module, inputs: torch.Tensor, error: BaseException) -> str:
    """Say in a sentence or two why a network does not take a batch of pictures, and what to do.

    Parameters
    ----------
    network
        The network.
    inputs
        (image, channel, height, width): the batch that the network was given.
    error
        The error that the network raised.
    """
    found = explain(network, error)
    cause, way = found.cause, found.way
    if known := _leaves(error) or _other_arguments(network) or _other_kind(network):
        cause, way = f"{known} ({words_of(error)})", _WRAP
    elif known := _other_channels(network, inputs):
        cause, way = f"{known} ({words_of(error)})", OF_SIZE
    return f"The network cannot take an input of {_size(inputs)}: {cause}. {way}"


def _size(inputs: torch.Tensor) -> str:
    channels, *sides = inputs.shape[1:]
    return f"{channels} channel{'s' * (channels != 1)} and {'×'.join(map(str, sides))} pixels"


def _leaves(error: BaseException) -> str | None:
    if isinstance(error, Exception):
        return None
    return f"its forward function ends the program, by {type(error).__name__}"


def _other_arguments(network: nn.Module) -> str | None:
    try:
        parameters = inspect.signature(network.forward).parameters.values()
    except (TypeError, ValueError):
        return None
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    needed = [each.name for each in parameters if each.kind in kinds and each.default is each.empty]
    if len(needed) == 1:
        return None
    return (
        f"its forward function needs {' and '.join(needed) or 'nothing'}, and here a network is given one batch of "
        "pictures and nothing else"
    )


def _other_kind(network: nn.Module) -> str | None:
    for path, module in network.named_modules():
        if isinstance(module, nn.Conv2d):
            return None
        for kinds, takes in _FIRST:
            if isinstance(module, kinds):
                return f"its first layer, {path or 'itself'} ({type(module).__name__}), {takes}"
    return None


def _other_channels(network: nn.Module, inputs: torch.Tensor) -> str | None:
    first: Any = next((item for item in network.named_modules() if isinstance(item[1], nn.Conv2d)), None)
    if first is None or inputs.ndim != 4 or first[1].in_channels == inputs.shape[1]:
        return None
    return f"its first convolution, {first[0]}, takes {first[1].in_channels} channels"


def lost_batch(network: nn.Module, n_images: int, reason: str, *, shape: tuple[int, ...] | None) -> str:
    """Say why a network that runs on several images does not run on one.

    Parameters
    ----------
    network
        The network.
    n_images
        The number of images that it does run on.
    reason
        The message of its error on one image.
    shape
        The shape of what it returns for one image; None where it returns no tensor.
    """
    begin = f"The network runs on {n_images} images together but not on one alone"
    training = [path for path, module in network.named_modules() if module.training and _is_norm(module)]
    if training:
        return (
            f"{begin}: {first_few(training, 3)} stays in training mode, so that it needs a batch to take its "
            "statistics from. Let it use its running statistics, as eval() does."
        )
    if shape is not None and len(shape) == 1:
        return (
            f"{begin}, for which it returns a tensor of shape {shape} instead of (1, outputs): a squeeze() without a "
            "dimension drops the batch too. Name the dimensions, such as flatten(1)."
        )
    return (
        f"{begin}: {reason} A size of the batch that is written into its forward function, or a squeeze() without a "
        "dimension, would do this. Let it take any number of images."
    )


def _is_norm(module: nn.Module) -> bool:
    return isinstance(module, nn.modules.batchnorm._BatchNorm)
