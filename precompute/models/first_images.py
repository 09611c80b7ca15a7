"""A check that a network keeps nothing of the first images that it is given.

A network that takes a scale, a range or a codebook from its first batch answers every later image by it. Each process
would then have answers of its own, from the images that it happens to begin with.
"""

from collections import OrderedDict, defaultdict, deque
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from precompute.errors import ModelError
from precompute.models.fixed import sure_gap
from precompute.models.forward import logits
from precompute.words import first_few

# What torch keeps in every module for itself, but for what a forward function may set.
_TORCHS = set(vars(nn.Module())) - {"_parameters", "_buffers", "_modules"}
# These can be emptied and filled again. Classes derived from them may refuse it, as outputs of Hugging Face's do.
_PLAIN = (dict, OrderedDict, defaultdict, list, deque)


@dataclass(frozen=True, eq=False)
class State:
    """What the modules of a network held at some moment: attributes, their dictionaries and lists, and all numbers.

    What a network keeps elsewhere, such as in a global variable, is no part of it.

    Parameters
    ----------
    places
        The path of a module, a dictionary or a list of it, and a copy of that.
    numbers
        The path of a module, a tensor of it, and a copy on the CPU.
    """

    places: tuple[tuple[str, Any, Any], ...]
    numbers: tuple[tuple[str, Tensor, Tensor], ...]

    @classmethod
    def of(cls, network: nn.Module) -> "State":
        """Return what the modules of a network hold now."""
        places = [(path, held, held.copy()) for path, module in network.named_modules() for held in _held_by(module)]
        tensors = {id(each): (path, each) for path, held, _ in places for each in _tensors(held)}
        copies = [(path, each, each.detach().to("cpu", copy=True)) for path, each in tensors.values()]
        return cls(tuple(places), tuple(copies))

    def changed(self) -> list[str]:
        """Return the paths of the modules that hold something else now."""
        others = [path for path, now, before in self.places if not _is_same(now, before)]
        others += [path for path, now, before in self.numbers if not _is_equal(now, before)]
        return list(dict.fromkeys(others))

    @torch.no_grad()
    def restore(self) -> None:
        """Let every module hold again what it held then."""
        for _, now, before in self.places:
            now.clear()
            if isinstance(now, dict):
                now.update(before)
            else:
                now.extend(before)
        for _, now, before in self.numbers:
            if not _is_equal(now, before):
                now.data.copy_(before)


def refuse_kept(network: nn.Module, before: State, inputs: Tensor) -> None:
    """Refuse a network whose answers depend on which images it was given first.

    The network is put back to what it held before its first pass, and then given the images first; the same once more,
    with others first. One that keeps nothing of them answers the same, however much of what it holds was put back.

    Parameters
    ----------
    network
        A classifier in evaluation mode.
    before
        What it held before its first pass.
    inputs
        (image, channel, height, width).

    Raises
    ------
    ModelError
        The message names the modules that hold something else since.
    """
    others = _stark(inputs)
    with suppress(ModelError):
        logits(network, others)
    where, now = before.changed(), State.of(network)
    if not where:
        return
    try:
        answers = [_answer_after(network, before, first, inputs) for first in (inputs, others)]
    except (ModelError, RuntimeError):  # put back in part, it may not run
        return
    finally:
        now.restore()
    gap = sure_gap(network, *answers)
    if gap is not None:
        named = first_few([path or "the network itself" for path in where], 3)
        raise ModelError(
            f"The network keeps something of the first images that it is given, in {named}: where others come first, "
            f"its outputs for the same images differ {gap}. Usual causes are numbers that are set by the first batch, "
            "an observer of ranges that was left on, and a result that forward keeps for later. Set them for good "
            "before you return the network."
        )


def _stark(inputs: Tensor) -> Tensor:
    """Return images of each channel's lowest and highest value alone, which widen any range that is observed."""
    axes = (0, *range(2, inputs.ndim))
    lowest, highest = inputs.amin(axes, keepdim=True), inputs.amax(axes, keepdim=True)
    return torch.where(inputs > inputs.mean(axes, keepdim=True), highest, lowest)


def _answer_after(network: nn.Module, before: State, first: Tensor, inputs: Tensor) -> Tensor:
    before.restore()
    logits(network, first)
    return logits(network, inputs)


def _held_by(module: nn.Module) -> Iterator[Any]:
    """Yield the attributes of a module, and those of them that are dictionaries or lists of Python's own kinds."""
    held = vars(module)
    yield held
    yield from (value for name, value in held.items() if name not in _TORCHS and type(value) in _PLAIN)


def _tensors(held: Any) -> Iterator[Tensor]:
    for value in held.values() if isinstance(held, dict) else held:
        if isinstance(value, Tensor) and value.layout is torch.strided and not (value.is_meta or value.is_quantized):
            yield value


def _is_same(one: Any, other: Any) -> bool:
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(one[key] is other[key] for key in one)
    return len(one) == len(other) and all(a is b for a, b in zip(one, other, strict=True))


def _is_equal(now: Tensor, before: Tensor) -> bool:
    there = now.detach().cpu()
    return there.shape == before.shape and bool(((there == before) | ((there != there) & (before != before))).all())
