"""A check that a network is a fixed function from one image to its outputs.

Every result rests on this: a network gives an image the same outputs every time, whatever other images are in the
batch, at whatever place of the batch, and whatever images came before. Otherwise no number in the store means what it
says.
"""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import isfinite
from time import perf_counter

import numpy as np
import torch
from torch import Tensor, nn

from precompute.errors import ModelError
from precompute.measures.evenly_spread import evenly_spread
from precompute.models.failure_causes import lost_batch
from precompute.models.forward import in_float64, input_dtype, logits, run
from precompute.models.unstable_module import drawing_place, place

_PROBED = 2
# Passes over the same images. A network that decides by tossing a coin answers all of them alike once in 2 ** 16.
_REPEATS = 16
# Rounding steps (machine epsilons), relative to the largest output. Batches of 1 and of 8 differ by 1 to 3 in
# torchvision's networks. A difference below this limit matters no more than another batch size does.
_ROUNDINGS = 16
# How many images of each batch are run alone too.
_ALONE = 4
# At most this many passes, for at most this many seconds, of a network that draws random numbers.
_DRAWN = 256
_PATIENCE_S = 5.0
# Where float64 cannot decide: the largest relative effect of rounding in deep networks.
_SURE = 1e-4
# From float32 to float64 rounding becomes smaller by a factor of 5e8. A real difference stays as large as it is.
_SHRINKS = 100

Pass = Callable[[Tensor], Tensor]
Check = Callable[[Pass, Tensor], tuple[Tensor, Tensor]]


def refuse_changing(network: nn.Module, inputs: Tensor) -> None:
    """Refuse a network that does not give an image the same outputs every time.

    Parameters
    ----------
    network
        A classifier in evaluation mode.
    inputs
        (image, channel, height, width); a few of the images are used.

    Raises
    ------
    ModelError
        The message says what the outputs depend on, and names the module where the dependence begins.
    """
    chosen = inputs[evenly_spread(len(inputs), _PROBED)]
    # Changed copies are added, so that the images of a batch differ even where the files do not.
    varied = torch.cat([chosen, chosen.flip(-1) / 2])
    _refuse_one_alone(network, varied)
    for check, tell in ((_again, _tell_unsteady), (_alone, _tell_of_batch), (_turned, _tell_of_batch)):
        gap = true_gap(network, check, varied)
        if gap is not None:
            raise ModelError(tell(network, varied, gap))


def refuse_mixing(network: nn.Module, inputs: Tensor) -> None:
    """Refuse a network whose outputs for an image differ between a batch and the image alone.

    Some networks do so only on some images, such as one that exits early where an image of the batch is certain.

    Parameters
    ----------
    network
        A classifier in evaluation mode.
    inputs
        (image, channel, height, width): a batch; a few of its images are used.

    Raises
    ------
    ModelError
        The message names the module where the difference begins.
    """
    generator = torch.Generator().manual_seed(0)
    rows = torch.randperm(len(inputs), generator=generator)[:_ALONE].sort().values.tolist()

    def among(passes: Pass, batch: Tensor) -> tuple[Tensor, Tensor]:
        return passes(batch)[rows], torch.cat([passes(batch[[row]]) for row in rows])

    gap = true_gap(network, among, inputs)
    if gap is not None:
        refuse_changing(network, inputs)  # names its own cause where the network is not even steady
        raise ModelError(_tell_of_batch(network, inputs, gap))


def refuse_drawing(network: nn.Module, inputs: Tensor) -> str | None:
    """Refuse a network that draws random numbers, as soon as they change an output in many passes.

    A dropout of one number in a thousand leaves most answers as they are, so that a few passes may not show it.

    Parameters
    ----------
    network
        A classifier in evaluation mode.
    inputs
        (image, channel, height, width): some images.

    Returns
    -------
    str or None
        A sentence where the network draws random numbers that change no output; None where it draws none.

    Raises
    ------
    ModelError
        Where random numbers change an output; the message names the module that draws them.
    """
    where = drawing_place(network, lambda: run(network, inputs))
    if where is None:
        return None
    gap = true_gap(network, _many_times, inputs)
    if gap is not None:
        raise ModelError(_tell_unsteady(network, inputs, gap))
    return (
        f"The network draws random numbers, in {where}. Many passes over {len(inputs)} of the images gave the same "
        "outputs. Where the numbers change an output of another image, what the store says of it is chance."
    )


def _many_times(passes: Pass, inputs: Tensor) -> tuple[Tensor, Tensor]:
    """Run the same images again and again, until an output differs or time is up."""
    first = again = passes(inputs)
    deadline = perf_counter() + _PATIENCE_S
    for _ in range(_DRAWN):
        again = passes(inputs)
        if not torch.equal(first, again) or perf_counter() > deadline:
            break
    return first, again


def _again(passes: Pass, inputs: Tensor) -> tuple[Tensor, Tensor]:
    """Run the same images again: at once, after other images, and many times."""
    half = len(inputs) // 2
    first, small, second = passes(inputs), passes(inputs[:half]), passes(inputs)
    passes(inputs[half:])
    repeats = [passes(inputs[:half]) for _ in range(_REPEATS)]
    return torch.cat([first[:half], *[small] * _REPEATS]), torch.cat([second[:half], *repeats])


def _alone(passes: Pass, inputs: Tensor) -> tuple[Tensor, Tensor]:
    return passes(inputs), torch.cat([passes(inputs[[row]]) for row in range(len(inputs))])


def _turned(passes: Pass, inputs: Tensor) -> tuple[Tensor, Tensor]:
    return passes(inputs), passes(inputs.flip(0)).flip(0)


@torch.no_grad()
def true_gap(network: nn.Module, check: Check, inputs: Tensor) -> str | None:
    """Say by how much two answers that should be equal differ; None where the difference is rounding.

    Parameters
    ----------
    network
        A classifier in evaluation mode.
    check
        Is given a pass, from a batch to outputs, and the inputs; returns two answers, (image, output) each.
    inputs
        (image, channel, height, width).
    """
    here = _gap(check, lambda batch: logits(network, batch), inputs)
    if here.relative <= _ROUNDINGS * torch.finfo(input_dtype(network)).eps:
        return None
    if not isfinite(here.absolute):
        return str(here)
    try:
        there = _gap(check, in_float64(network, inputs), inputs)
    except Exception:  # a network may hold numbers that stay in float32
        there = None
    if there is None or there.in_float32:
        return here.beyond_rounding(network)
    return None if there.relative <= here.relative / _SHRINKS else str(here)


def sure_gap(network: nn.Module, one: Tensor, other: Tensor) -> str | None:
    """Say by how much two answers of a network differ, (image, output) each; None where rounding could be the cause."""
    return _Gap.between(one, other).beyond_rounding(network)


@dataclass(frozen=True)
class _Gap:
    """The largest difference between two answers, and the largest output."""

    absolute: float
    largest: float
    in_float32: bool

    @classmethod
    def between(cls, one: Tensor, other: Tensor) -> "_Gap":
        # On the CPU, because not every device has float64.
        one, other = one.detach().cpu(), other.detach().cpu()
        as_float32 = one.dtype != torch.float64 or bool((one.float().double() == one).all())
        apart = (one.double() - other.double()).abs()
        apart[one.isnan() & other.isnan()] = 0
        return cls(float(apart.nan_to_num(torch.inf).max()), float(one.abs().max()), as_float32)

    @property
    def relative(self) -> float:
        return self.absolute / self.largest if self.largest else 0.0

    def beyond_rounding(self, network: nn.Module) -> str | None:
        rounding = max(_SURE, _ROUNDINGS * torch.finfo(input_dtype(network)).eps)
        return None if self.relative <= rounding else str(self)

    def __str__(self) -> str:
        if not isfinite(self.absolute):
            return "in that some are NaN or infinite in one case alone"
        return f"by up to {self.absolute:.2g}, where the largest output is {self.largest:.2g}"


def _gap(check: Check, passes: Pass, inputs: Tensor) -> _Gap:
    return _Gap.between(*check(passes, inputs))


def _refuse_one_alone(network: nn.Module, inputs: Tensor) -> None:
    """Refuse a network that runs on some images but not on one of them."""
    try:
        logits(network, inputs[:1])
    except ModelError as error:
        try:
            output = run(network, inputs[:1])
        except ModelError:
            output = None
        shape = tuple(output.shape) if isinstance(output, Tensor) else None
        raise ModelError(lost_batch(network, len(inputs), str(error), shape=shape)) from error


# What is the cause?


def _tell_unsteady(network: nn.Module, inputs: Tensor, gap: str) -> str:
    where = drawing_place(network, lambda: run(network, inputs))
    if where is not None and _is_steady_when_seeded(network, inputs):
        what = (
            f"It draws random numbers, in {where}. Usual causes are a dropout that stays in training mode, a "
            "functional dropout without training=self.training, and random choices in forward"
        )
    else:
        where = place(network, lambda: run(network, inputs), lambda: run(network, inputs))
        what = (
            f"It keeps something from one call to the next, or draws random numbers of its own, in {where}. Usual "
            "causes are a running mean or a counter that forward changes"
        )
    return (
        f"The network does not answer the same way each time: its outputs for the same images differ {gap}. {what}. "
        "Make it a fixed function of the image."
    )


def _tell_of_batch(network: nn.Module, inputs: Tensor, gap: str) -> str:
    alone = [int(row) for row in range(len(inputs))]
    gaps = [
        _gap(_first_alone, lambda batch: logits(network, batch), _with_first(inputs, row)).relative for row in alone
    ]
    worst = _with_first(inputs, int(np.argmax(gaps)))
    where = place(network, lambda: run(network, worst), lambda: run(network, worst[:1]))
    return (
        f"The network's answer to an image depends on the other images of its batch: outputs alone and among others "
        f"differ {gap}. The difference begins in {where}. Usual causes are a batch norm that takes its statistics from "
        "the batch, and a division by the batch's maximum. Let every image be judged by itself."
    )


def _first_alone(passes: Pass, inputs: Tensor) -> tuple[Tensor, Tensor]:
    return passes(inputs)[:1], passes(inputs[:1])


def _with_first(inputs: Tensor, row: int) -> Tensor:
    return torch.cat([inputs[[row]], inputs[:row], inputs[row + 1 :]])


def _is_steady_when_seeded(network: nn.Module, inputs: Tensor) -> bool:
    with _random_numbers_restored():
        answers = []
        for _ in range(3):
            torch.manual_seed(0)
            random.seed(0)
            np.random.seed(0)  # numpy's global generator, which a network may draw from
            answers.append(logits(network, inputs))
    return all(torch.allclose(answer, answers[0], rtol=1e-4, atol=1e-6) for answer in answers)


@contextmanager
def _random_numbers_restored() -> Iterator[None]:
    ours, numpys = random.getstate(), np.random.get_state()
    with torch.random.fork_rng():
        yield
    random.setstate(ours)
    np.random.set_state(numpys)
