"""Checks by a few passes over the first images, before a run, that a network's answers can be relied on."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from precompute.errors import ModelError
from precompute.models import outputs as of
from precompute.models.device import exact_float32
from precompute.models.first_images import State, refuse_kept
from precompute.models.fixed import refuse_changing, refuse_drawing
from precompute.models.forward import input_dtype, logits
from precompute.models.ready import unseen_parts
from precompute.words import first_few


@dataclass(frozen=True)
class Trusted:
    """What a network's outputs are, as far as the first images show.

    Parameters
    ----------
    n_outputs
        The number of outputs.
    log_prob
        What kind of numbers they are: ``logits``, ``log of probabilities``, or a clause that can follow "because" and
        says why log-probabilities are left out.
    conditions
        Sentences that must be shown about the network.
    """

    n_outputs: int
    log_prob: str
    conditions: tuple[str, ...]


@exact_float32()
@torch.no_grad()
def trusted(network: nn.Module, inputs: Tensor, names: Sequence[str]) -> Trusted:
    """Find out what a network's outputs are, or refuse the network.

    Parameters
    ----------
    network
        A network in evaluation mode. Where it returns more than class scores, or probabilities, it gets hooks that make
        it return what the run needs; see `precompute.models.outputs`.
    inputs
        (image, channel, height, width): the first images, at least two.
    names
        Names of the images, for messages.

    Returns
    -------
    Trusted

    Raises
    ------
    ModelError
        Where the outputs of an image are not the same every time, are not numbers, or are not scores of two or more
        classes. The message names the cause, and the modules where it can.
    """
    before = State.of(network)
    taken = of.take_scores(network, inputs)
    scores = logits(network, inputs)
    if scores.shape[1] == 0:
        raise ModelError("The network has no output: expected a score for each of two classes or more.")
    if scores.shape[1] == 1:
        raise ModelError(
            "The network has one output, so it is binary: the largest of one output is always that one, and no "
            "ablation could change a prediction. Wrap it in a module that returns two scores, (0, the logit)."
        )
    refuse_not_numbers(inputs, scores.cpu().numpy(), names)
    refuse_changing(network, inputs)
    refuse_kept(network, before, inputs)
    drawing = refuse_drawing(network, inputs)
    kind = _settle_kind(network, inputs, scores)
    conditions = [taken, drawing, _sentence(kind), *_oddities(network, scores), *unseen_parts(network)]
    return Trusted(scores.shape[1], kind, tuple(filter(None, conditions)))


def refuse_not_numbers(inputs: Tensor, scores: np.ndarray, names: Sequence[str]) -> None:
    """Refuse outputs that are NaN or infinite.

    Parameters
    ----------
    inputs
        (image, channel, height, width).
    scores
        (image, output): the network's outputs for them.
    names
        Names of the images, for messages.

    Raises
    ------
    ModelError
        Where an output is; the message names the images, or the outputs that are minus infinity on every image.
    """
    wrong = np.flatnonzero(~np.isfinite(scores).all(axis=1))
    if not len(wrong):
        return
    bad_inputs = [row for row in wrong.tolist() if not bool(torch.isfinite(inputs[row]).all())]
    if bad_inputs:
        raise ModelError(
            f"The transform makes NaN or infinity of {first_few((names[row] for row in bad_inputs), 3)}. "
            "Look at what it divides by, or leave the files out."
        )
    masked = np.flatnonzero(np.isneginf(scores).all(axis=0)).tolist()
    if len(masked) < scores.shape[1] and np.isfinite(np.delete(scores, masked, axis=1)).all():
        raise ModelError(
            f"Outputs {first_few(map(str, masked), 3)} of the network are minus infinity for every image, "
            "perhaps because classes are masked. Return a low score for them, such as -1e4, or only the other outputs."
        )
    raise ModelError(
        f"The network's outputs are NaN or infinite for {len(wrong)} of {len(scores)} images, "
        f"{first_few((names[row] for row in wrong.tolist()), 3)}. Expected finite scores; look at its weights, its "
        "precision and what it divides by."
    )


def refuse_units_not_numbers(layer: str, of_units: np.ndarray, names: Sequence[str]) -> None:
    """Refuse a layer whose units are NaN or infinite, though the outputs of the network are not.

    Parameters
    ----------
    layer
        Its name.
    of_units
        (unit, image): a number made of the unit's whole map.
    names
        Names of the images, for messages.

    Raises
    ------
    ModelError
        Where a unit is.
    """
    unit, image = np.nonzero(~np.isfinite(of_units))
    if len(unit):
        units = first_few(map(str, np.unique(unit).tolist()), 3)
        raise ModelError(
            f"In layer {layer} the units {units} are NaN or infinite on {len(np.unique(image))} of {of_units.shape[1]} "
            f"images, {first_few((names[row] for row in np.unique(image).tolist()), 3)}. Expected finite activations; "
            "look at what the layer divides by, or leave the layer out."
        )


def _settle_kind(network: nn.Module, inputs: Tensor, scores: Tensor) -> str:
    try:
        operation = of.last_operation(network, inputs[:2])
    except ModelError:  # the network does not run with gradients
        operation = None
    kind = of.output_kind(scores, operation, precision=torch.finfo(input_dtype(network)).eps)
    if kind == of.LOG_OF_PROBABILITIES:
        of.take_logs(network)
    return kind


def _sentence(kind: str) -> str | None:
    if kind == of.LOGITS:
        return None
    if kind == of.LOG_OF_PROBABILITIES:
        return (
            "The network returns probabilities: its outputs add up to 1 on the first images. Their logarithms are "
            "taken as its log-probabilities. Predictions do not change."
        )
    return (
        f"Log-probabilities and all that is computed from them are left out, because {kind}. Predictions and drops do "
        "not depend on them."
    )


def _oddities(network: nn.Module, scores: Tensor) -> Iterator[str]:
    """Yield a sentence for each odd property of a network that is a fixed function nevertheless."""
    n_images = len(scores)
    training = [path or "the network itself" for path, module in network.named_modules() if module.training]
    if training:
        yield (
            f"{first_few(training, 3)}: in training mode even after eval(). On the first {n_images} images it makes no "
            "difference to any output."
        )
    if bool((scores == scores[0]).all()):
        yield f"The network gives each of the first {n_images} images the same outputs, whatever they show."
    highest = scores.topk(2, dim=1).values
    n_tied = int((highest[:, 0] == highest[:, 1]).sum())
    if n_tied and not bool((scores == scores[0]).all()):
        yield (
            f"For {n_tied} of the first {n_images} images two outputs share the highest value: the first of them "
            "counts as the prediction."
        )
