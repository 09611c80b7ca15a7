"""Activations of every unit of every layer on a batch of images, and the network's outputs."""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn

from precompute.models.forward import logits
from precompute.models.hooks import observe_whole
from precompute.models.sites import Site


@dataclass(frozen=True, eq=False)
class SpatialSummary:
    """One layer's response to some images; arrays are (unit, image) float32 unless said otherwise.

    Parameters
    ----------
    max, mean
        Maximum and mean of the unit's map over space.
    positive_mean
        Mean over space of max(activation, 0); None where no activation was below zero.
    other_tokens
        (unit, image, token): the activations of tokens apart from the picture; None where there are none.
    """

    max: np.ndarray
    mean: np.ndarray
    positive_mean: np.ndarray | None
    other_tokens: np.ndarray | None = None


@dataclass(frozen=True, eq=False)
class Answer:
    """A network's outputs and activations on some images.

    Parameters
    ----------
    logits
        (image, output).
    responses
        The responses of every layer.
    outputs
        The whole outputs of the layers in `keep`, (image, unit, ...) as `Site.units_first` gives them, on the network's
        device.
    """

    logits: np.ndarray
    responses: dict[Site, SpatialSummary]
    outputs: dict[Site, Tensor]


def answer(
    network: nn.Module, sites: Sequence[Site], batches: Iterable[Tensor], *, keep: Collection[Site] = ()
) -> Answer:
    """Run the network over batches and summarise every layer on the way.

    Parameters
    ----------
    network
        A classifier in evaluation mode.
    sites
        The layers.
    batches
        Preprocessed images, (image, channel, height, width) each.
    keep
        The layers whose whole outputs to return.
    """
    said: list[np.ndarray] = []
    seen: dict[Site, list[SpatialSummary]] = {site: [] for site in sites}
    kept: dict[Site, list[Tensor]] = {site: [] for site in sites if site in keep}
    callbacks = {site: _keeper(site, seen[site], kept.get(site)) for site in sites}
    with torch.no_grad(), observe_whole(network, callbacks):
        for batch in batches:
            said.append(logits(network, batch).cpu().numpy())
        outputs = {site: torch.cat(kept.pop(site)) for site in list(kept)}
    return Answer(np.concatenate(said), {site: join(parts) for site, parts in seen.items()}, outputs)


def summarise(output: Tensor) -> SpatialSummary:
    """Reduce a layer's output, (image, unit, height, width) or (image, unit), to one number per unit and image."""
    maps = output.float().flatten(2) if output.ndim > 2 else output.float().unsqueeze(2)
    positive = maps.clamp_min(0).mean(2) if bool((maps < 0).any()) else None
    return SpatialSummary(
        max=_by_unit(maps.amax(2)),
        mean=_by_unit(maps.mean(2)),
        positive_mean=None if positive is None else _by_unit(positive),
    )


def join(parts: Sequence[SpatialSummary]) -> SpatialSummary:
    """Join responses to successive images.

    Where a part is nowhere below zero, its positive mean is its mean.
    """
    others = [part.other_tokens for part in parts if part.other_tokens is not None]
    signed = any(part.positive_mean is not None for part in parts)
    positive = [part.mean if part.positive_mean is None else part.positive_mean for part in parts]
    return SpatialSummary(
        max=np.concatenate([part.max for part in parts], axis=1),
        mean=np.concatenate([part.mean for part in parts], axis=1),
        positive_mean=np.concatenate(positive, axis=1) if signed else None,
        other_tokens=np.concatenate(others, axis=1) if others else None,
    )


N_HIGHEST = 5
"""How many of the network's highest outputs are kept for each image; all outputs where there are fewer."""


def highest_outputs(values: np.ndarray) -> np.ndarray:
    """Return the highest outputs (image, rank) of logits (image, output), highest first; the lower of equals first."""
    return np.argsort(-values, axis=1, kind="stable")[:, :N_HIGHEST]


def log_softmax(values: np.ndarray) -> np.ndarray:
    """Log-probabilities of logits (image, output), in float64."""
    shifted = values.astype(np.float64) - values.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


def _keeper(site: Site, parts: list[SpatialSummary], whole: list[Tensor] | None) -> Callable[[Tensor], None]:
    def keep(output: Tensor) -> None:
        others = site.others(output)
        responses = summarise(site.maps(output))
        parts.append(responses if others is None else replace(responses, other_tokens=_by_unit(others.float())))
        if whole is not None:
            whole.append(output)

    return keep


def _by_unit(values: Tensor) -> np.ndarray:
    return np.ascontiguousarray(values.transpose(0, 1).cpu().numpy())
