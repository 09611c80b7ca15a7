"""The pass before the sweep, for mean ablation: what every unit is set to."""

import numpy as np

from precompute.images.loading import Batch
from precompute.models.sites import Site
from precompute.progress import Progress
from precompute.run.image_set import Part
from precompute.run.plan import Plan
from precompute.run.readable import unit_means
from precompute.run.shard_arrays import sum_arrays
from precompute.stages.activations import answer


def find_unit_means(part: Part, progress: Progress) -> dict[Site, np.ndarray]:
    """Find the mean activation of every unit over all images and over space.

    Parameters
    ----------
    part
        The images.
    progress
        Shows the stage ``unit means``.

    Returns
    -------
    dict of Site to np.ndarray
        For every layer (unit,), or (unit, 1 + token) where it has tokens apart from the picture: the mean over images
        and the picture's tokens, then that of each other token over images.
    """
    plan, folder = part.plan, part.folder
    shards = part.cut("means", len(plan.candidates))
    with progress.stage("unit means", len(plan.candidates)) as stage:
        for name, batch in part.read(plan.candidates, part.todo(shards)):
            folder.write(name, _sums(plan, batch))
            stage.advance(len(batch.indices) + len(batch.bad))
    return unit_means(plan.sites, folder, list(shards))


def _sums(plan: Plan, batch: Batch) -> dict[str, np.ndarray]:
    if not batch.indices:
        return sum_arrays(None)
    return sum_arrays(answer(plan.model.network, plan.sites, batch.inputs.split(plan.options.batch_size)))
