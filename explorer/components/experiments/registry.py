"""The experiments that have a presentation: one line each."""

from explorer.components.experiments import (
    compression,
    correlations,
    cumulative,
    dissection,
    entropy,
    responses,
    roles,
    rotation,
    selectivity,
    statistics,
)
from explorer.components.experiments.presentation import Presentation

PRESENTATIONS: tuple[Presentation, ...] = (
    statistics.PRESENTATION,
    selectivity.PRESENTATION,
    responses.PRESENTATION,
    cumulative.PRESENTATION,
    compression.PRESENTATION,
    rotation.PRESENTATION,
    dissection.PRESENTATION,
    entropy.PRESENTATION,
    roles.PRESENTATION,
    correlations.PRESENTATION,
)


def presentation_of(name: str) -> Presentation | None:
    """Return how an experiment is shown; None for one that this program has no figure for."""
    return next((each for each in PRESENTATIONS if each.name == name), None)
