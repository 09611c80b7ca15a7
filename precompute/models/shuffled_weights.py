"""A network without what it has learnt: the same parts, with the numbers of each weight tensor in random order."""

from collections.abc import Collection
from copy import deepcopy

import torch
from torch import Tensor, nn

from precompute.errors import ModelError
from precompute.models.fixed import sure_gap
from precompute.models.forward import logits


def with_shuffled_weights(
    network: nn.Module, inputs: Tensor, *, seed: int = 0, only: Collection[str] | None = None
) -> nn.Module:
    """Return a copy of a network in which the numbers of every weight and every running average are shuffled.

    So the network keeps the scale of its weights, whatever its layers are and however they would be initialised, and
    loses what it has learnt, which lies in the order of the numbers.

    Parameters
    ----------
    network
        The network; it is not changed.
    inputs
        (image, channel, height, width): a few images, on which a copy is tried out.
    seed
        The same seed gives the same order.
    only
        Names of the parameters and buffers to shuffle; all by default.

    Raises
    ------
    ModelError
        Where the network cannot be copied, or a copy computes with the weights of the network.
    """
    copy = _copied(network, inputs)
    own = _to_shuffle(copy, only)
    _refuse_borrowed(copy, inputs, own, _to_shuffle(network, only))
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for tensor in own.values():
            order = torch.randperm(tensor.numel(), generator=generator).to(tensor.device)
            shuffled = tensor.flatten()[order].reshape(tensor.shape)
            if _is_spread(tensor):
                tensor.data = shuffled
            else:
                tensor.copy_(shuffled)
    return copy


def _to_shuffle(network: nn.Module, only: Collection[str] | None) -> dict[str, Tensor]:
    """Return the parameters and buffers that have an order, by their names; of `only` these, if it is given."""
    held = (*network.named_parameters(), *network.named_buffers())
    return {
        name: tensor
        for name, tensor in held
        if (only is None or name in only) and tensor.is_floating_point() and tensor.numel() > 1
    }


def _is_spread(tensor: Tensor) -> bool:
    """Say whether several places of a tensor are one number in memory, so that it cannot be written."""
    return any(step == 0 and size > 1 for step, size in zip(tensor.stride(), tensor.shape, strict=True))


@torch.no_grad()
def _copied(network: nn.Module, inputs: Tensor) -> nn.Module:
    """Return a copy of a network that is a network of its own."""
    logits(network, inputs)
    try:
        copy = deepcopy(network)
    except Exception as error:  # a network may hold anything
        raise ModelError(
            f"The network cannot be copied ({type(error).__name__}: {error}), and weights are shuffled in a copy. Let "
            "it hold no lock, generator or open file."
        ) from error
    # A hook that leads to the first network leaves the copy with what that one kept of the images before.
    others = inputs.flip(-1) / 2
    try:
        gap = sure_gap(network, logits(network, others), logits(copy, others))
        gap = None if gap is None else f"its outputs differ {gap}"
    except ModelError as error:
        gap = f"it fails: {str(error).rstrip('.')}"
    if gap is not None:
        raise ModelError(
            "Weights are shuffled in a copy of the network. But a copy of this network does not answer as the network "
            f"does: {gap}. Probably a hook still uses the network that it was made for. Make the hook a method of the "
            "module whose answers it changes."
        )
    return copy


@torch.no_grad()
def _refuse_borrowed(copy: nn.Module, inputs: Tensor, own: dict[str, Tensor], firsts: dict[str, Tensor]) -> None:
    """Refuse a copy that computes with weights of the first network: they would stay as they are.

    A function around a hook or in place of a forward function leads to the first network, also in a copy. So the first
    network is without its weights for a moment, which its copy must not notice.
    """
    expected = logits(copy, inputs)
    firsts = {name: tensor for name, tensor in firsts.items() if not _is_spread(tensor)}
    try:
        for tensor in firsts.values():
            tensor.data.zero_()
        gap = sure_gap(copy, expected, logits(copy, inputs))
        gap = None if gap is None else f"the copy's outputs differ {gap}"
    except ModelError as error:
        gap = f"the copy fails: {str(error).rstrip('.')}"
    finally:
        for name, tensor in firsts.items():
            tensor.data.copy_(own[name])
    if gap is not None:
        raise ModelError(
            "Weights are shuffled in a copy of the network. But a copy of this network still computes with the weights "
            f"of the network itself: when those are set to zero, {gap}. Probably a function of your own, such as a "
            "hook, still uses the network that it was made for. Make it a method of the module whose weights it uses."
        )
