"""How the network's answers change when each unit of a layer is silenced in turn."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from precompute.ablation.ablations import Ablation, Sweeper
from precompute.errors import ModelError
from precompute.stages.float16 import half
from precompute.words import first_few


@dataclass(frozen=True, eq=False)
class Effect:
    """The effect of every ablation on some images.

    Parameters
    ----------
    flip_unit, flip_image, flip_prediction
        (flip,) int32: the predictions that change, in order of unit, then image: by which ablation, on which of these
        images, and to which output.
    log_prob_change
        (ablation, image) float16: log-probability of the true class under the ablation, minus that without it.
    """

    flip_unit: np.ndarray
    flip_image: np.ndarray
    flip_prediction: np.ndarray
    log_prob_change: np.ndarray


def sweep(
    ablater: Sweeper,
    inputs: Tensor,
    ablations: Sequence[Ablation],
    *,
    baseline: np.ndarray,
    target: np.ndarray,
    at_layer: Tensor | None = None,
    advance: Callable[[int], None] | None = None,
) -> Effect:
    """Carry out each ablation in turn and record the changes.

    Parameters
    ----------
    ablater
        The plain method or the engine.
    inputs
        (image, channel, height, width), preprocessed.
    ablations
        The ablations; the results number them by their places in this list.
    baseline
        (image, output) logits with nothing ablated.
    target
        (image,) the output that is right for each image.
    at_layer
        The layer's unablated output for the images, where the caller has it; see
        `precompute.ablation.ablations.Sweeper`.
    advance
        Called with the number of (ablation, image) pairs done since the last call.
    """
    right = torch.from_numpy(target)
    prediction, log_prob = _read_off(torch.from_numpy(baseline), right)
    change = np.zeros((len(ablations), len(target)), dtype=np.float16)
    flips: list[np.ndarray] = []
    done = 0
    for changed in ablater.sweep(inputs, ablations, at_layer):
        unit, image = changed.ablation.numpy(), changed.image.numpy()
        now, now_log_prob = _read_off(changed.logits, right[changed.image])
        _refuse_not_numbers(now_log_prob, unit, ablations)
        change[unit, image] = half(now_log_prob - log_prob[image])
        flipped = now != prediction[image]
        flips.append(np.stack([unit[flipped], image[flipped], now[flipped]]))
        done += len(changed)
        if advance is not None:
            advance(len(changed))
    if advance is not None:
        advance(change.size - done)
    unit, image, new = np.concatenate([*flips, np.empty((3, 0), dtype=np.int64)], axis=1).astype(np.int32)
    order = np.lexsort((image, unit))
    return Effect(unit[order], image[order], new[order], change)


def _refuse_not_numbers(log_prob: np.ndarray, ablation: np.ndarray, ablations: Sequence[Ablation]) -> None:
    wrong = np.flatnonzero(~np.isfinite(log_prob))
    if len(wrong):
        units = ablations[int(ablation[wrong[0]])].units
        raise ModelError(
            f"With {'unit' if len(units) == 1 else 'units'} {first_few(map(str, units), 3)} silenced the network's "
            "outputs are NaN or infinite for some images, for example because it divides by the output of these units. "
            "Choose another layer, or change the network so that it stays finite without them."
        )


@torch.inference_mode()
def _read_off(logits: Tensor, right: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Return each row's predicted output, and the log-probability of its right output."""
    # On the device that holds the outputs: moving a thousand outputs a row costs more than a row in closed form does.
    highest, prediction = logits.max(1)
    total = (logits - highest.unsqueeze(1)).exp_().sum(1)
    log_prob = logits.gather(1, right.to(logits.device).unsqueeze(1)).squeeze(1) - highest - total.log_()
    return prediction.cpu().numpy(), log_prob.cpu().numpy()
