"""The time of a run, stage by stage, on one device and on several, estimated from short trials of all that it does."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import torch

from precompute.ablation_kinds import kind_of
from precompute.images.loading import read_batches
from precompute.measures.exemplars import path_checksums
from precompute.measures.log_prob_tests import wilcoxon
from precompute.measures.selectivity import class_means
from precompute.models.clock import work_clock
from precompute.run.attribution_choice import showing_seconds
from precompute.run.class_outputs import class_output_sample
from precompute.run.plan import Plan
from precompute.run.run_stages import ANSWERS, CHECK, DIVIDED, EXEMPLARS, MEANS, MERGE, STATISTICS, SWEEP
from precompute.run.size_sample import packed
from precompute.run.store_size import Contents, side_file_bytes
from precompute.stages.exemplars import choose

# In every shard the sweep checks that the network's answer for an image does not depend on the other images: it runs
# the shard's first batch, and then a few of its images alone.
_ALONE = 4
_READ, _UNITS, _AT_ONCE = 16, 4, 50_000
# With a usual disk: bytes of side files written and checksummed per second; seconds to begin and end a shard.
_BYTES_A_SECOND, _OF_SHARD = 200e6, 0.05
# Seconds for a layer and kind of ablation of any size: to merge it, to compute its statistics, and to check them.
_MERGED, _TESTED, _CHECKED = 0.06, 0.15, 0.5


@dataclass(frozen=True)
class RunSeconds:
    """The estimated time of a run, in seconds.

    Parameters
    ----------
    stages
        The seconds of each stage, by the names in `precompute.run.run_stages`.
    """

    stages: Mapping[str, float]

    def on(self, n_devices: int) -> "RunSeconds":
        """Return the time on several devices of one kind, which share the stages in `DIVIDED`."""
        if n_devices < 1:
            raise ValueError(f"Expected at least one device, but got {n_devices}.")
        return RunSeconds(
            MappingProxyType(
                {name: took / n_devices if name in DIVIDED else took for name, took in self.stages.items()}
            )
        )

    @property
    def total(self) -> float:
        """The seconds of all stages together."""
        return sum(self.stages.values())

    def and_then(self, other: "RunSeconds") -> "RunSeconds":
        """Return the time of two sets of images, one after the other."""
        names = [*self.stages, *(name for name in other.stages if name not in self.stages)]
        return RunSeconds({name: self.stages.get(name, 0.0) + other.stages.get(name, 0.0) for name in names})


def run_seconds(plan: Plan, stores: list[Contents]) -> RunSeconds:
    """Estimate the time of a run on one device.

    Parameters
    ----------
    plan
        The plan of the run, with its sweeps and attributions timed.
    stores
        What its store holds of the images, then of training images if there are any; see `contents_of`.
    """
    found = _of_images(plan, stores[0], _read_seconds(plan))
    training = plan.of_training()
    if training is None:
        return found
    more = dict(_of_images(training, stores[1], _read_seconds(training)).stages)
    for name in (ANSWERS, MEANS, STATISTICS):  # these stages are about the run's own images alone
        more.pop(name, None)
    return found.and_then(RunSeconds(more))


def _of_images(plan: Plan, contents: Contents, read: float) -> RunSeconds:
    n_images, a_pass = len(plan.candidates), plan.pass_seconds
    n_shards = -(-n_images // plan.options.shard_size)
    held = images_checked(n_images, plan.options.shard_size, plan.options.batch_size) * a_pass
    of_files = side_file_bytes(contents) / _BYTES_A_SECOND + n_shards * _OF_SHARD
    showing = showing_seconds(plan) + plan.attribution.seconds
    of_unit, tested = _unit_seconds(plan, contents)
    n_units = sum(site.n_units for site in plan.sites)
    kinds = contents.n_kinds
    n_tables = len(plan.sites) * kinds
    needs_means = any(kind_of(kind).needs_means for kind in plan.options.ablation)
    stages = {
        ANSWERS: _together(plan, read, a_pass, len(class_output_sample(plan.candidates))),
        MEANS: _together(plan, read, a_pass, n_images) if needs_means else 0.0,
        SWEEP: _together(plan, read, (plan.sweep_seconds + held + of_files) / n_images, n_images),
        MERGE: n_tables * _MERGED + n_units * of_unit,
        EXEMPLARS: _together(plan, read, showing / contents.n_shown, contents.n_shown),
        STATISTICS: n_tables * _TESTED + n_units * kinds * tested,
        CHECK: n_tables * _CHECKED + n_units * of_unit,
    }
    return RunSeconds({name: took for name, took in stages.items() if took})


def images_checked(n_images: int, shard_size: int, batch_size: int) -> int:
    """Return how many images pass through the network for the checks of all shards; see `refuse_mixing`."""
    in_shards = (min(shard_size, n_images - start) for start in range(0, n_images, shard_size))
    return sum(min(held, batch_size) + min(held, batch_size, _ALONE) for held in in_shards)


def _together(plan: Plan, read: float, work: float, n_images: float) -> float:
    """Return the seconds for reading images and working on them; if other processes read, both happen at once."""
    a_piece = max(read / plan.workers, work) if plan.workers else read + work
    return n_images * a_piece


def _read_seconds(plan: Plan) -> float:
    """Return the seconds from the file of an image to the input of the network."""
    positions = np.array(plan.candidates.spread(_READ)).tolist()
    seconds = work_clock(torch.device("cpu"))
    for _ in read_batches(plan.candidates, plan.model.transform, [positions], workers=0):
        pass
    return seconds() / len(positions)


def _unit_seconds(plan: Plan, contents: Contents) -> tuple[float, float]:
    """Return the seconds per unit to rank, average and compress its numbers on all images, and to test its changes."""
    n_images, rng = len(plan.candidates), np.random.default_rng(0)
    values = np.maximum(rng.normal(size=(_UNITS, n_images)), 0).astype(np.float32)
    checksum = path_checksums(plan.candidates.paths)
    clock = work_clock(torch.device("cpu"))
    choose(values, values, checksum, k=contents.top_k)
    for _ in range(1 + contents.layers[0].signed):
        class_means(values, plan.candidates.labels, contents.n_classes)
    for _ in range(contents.layers[0].numbers_on_image):
        for start in range(0, n_images, _AT_ONCE):
            packed(values[:, start : start + _AT_ONCE])
    merged = clock() / _UNITS
    clock = work_clock(torch.device("cpu"))
    if contents.log_prob:
        wilcoxon(-values, plan.candidates.labels, contents.n_classes)
    return merged, clock() / _UNITS
