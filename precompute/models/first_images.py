"""A check that a network keeps nothing of the first images that it is given.

A network that takes a scale, a range or a codebook from its first batch answers every later image by it. Each process
would then have answers of its own, from the images that it happens to begin with.
"""

from contextlib import suppress
from contextvars import Context, copy_context
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from precompute.errors import ModelError
from precompute.models.fixed import sure_gap
from precompute.models.forward import logits
from precompute.models.kept import Kept, environment, kept_in
from precompute.models.reach import NOTHING, reached
from precompute.words import first_few


@dataclass(frozen=True, eq=False)
class State:
    """What a network held at some moment, wherever it can reach; see `precompute.models.reach`.

    What it keeps in a file or in a generator is not included.

    Parameters
    ----------
    places
        Words for the place, and what was kept there.
    context
        The values of all context variables.
    """

    places: tuple[tuple[str, Kept], ...]
    context: Context

    @classmethod
    def of(cls, network: nn.Module) -> "State":
        """Return what a network holds now."""
        places = [("the environment variables", environment())]
        for place, found in reached(network):
            with suppress(Exception):  # an object of a person's own may refuse to be read in any way
                places += [(place, kept) for kept in kept_in(found)]
        return cls(tuple(places), copy_context())

    def changed(self) -> list[str]:
        """Return words for the places that hold something else now."""
        context = dict(self.context.items())
        by_context = any(context.get(name, NOTHING) is not value for name, value in copy_context().items())
        found = [place for place, kept in self.places if kept.is_changed()]
        return list(dict.fromkeys([*found, *["a context variable"] * by_context]))

    @torch.no_grad()
    def restore(self) -> None:
        """Let every place hold again what it held then, as far as it lets itself be written."""
        for _, kept in self.places:
            if kept.is_changed():
                with suppress(Exception):  # as above
                    kept.restore()
        for variable, value in self.context.items():
            variable.set(value)


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
    others = _of_extremes(inputs)
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


def _of_extremes(inputs: Tensor) -> Tensor:
    """Return images of each channel's lowest and highest value alone, which widen any range that is observed."""
    axes = (0, *range(2, inputs.ndim))
    lowest, highest = inputs.amin(axes, keepdim=True), inputs.amax(axes, keepdim=True)
    return torch.where(inputs > inputs.mean(axes, keepdim=True), highest, lowest)


def _answer_after(network: nn.Module, before: State, first: Tensor, inputs: Tensor) -> Tensor:
    def answer() -> Tensor:
        before.restore()
        logits(network, first)
        return logits(network, inputs)

    # Context variables that were not set cannot be unset again, but a copy of the earlier context has none of them.
    return before.context.copy().run(answer)
