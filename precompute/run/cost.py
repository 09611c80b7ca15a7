"""The time that a run spends in passes without ablation and in sweeps, estimated from a few of its images."""

from dataclasses import replace

from torch import Tensor

from precompute.ablation.ablations import Ablater, each_unit
from precompute.ablation.cost import Cost, measure_cost
from precompute.ablation.no_op import no_ops
from precompute.errors import EngineDoubted
from precompute.models.clock import work_clock
from precompute.models.sites import Site
from precompute.run.plan import Plan
from precompute.stages.activations import answer

_BATCH, _LONG = 64, 2.0


def with_costs(plan: Plan) -> Plan:
    """Return the plan with the estimated time of a pass and of all sweeps: short trials are timed and scaled up."""
    n_images = len(plan.candidates)
    shard = min(plan.options.shard_size, n_images)
    clock = work_clock(plan.device)
    found = answer(plan.model.network, plan.sites, [plan.probe], keep=plan.kept)
    pass_seconds = _pass_seconds(plan, clock() / len(plan.probe))
    total = n_images * pass_seconds
    for site, ablater in plan.ablaters.items():
        cost = _cost_of_sweep(ablater, plan, site, found.outputs.get(site))
        n_ablations = site.n_units + len(no_ops(site.n_units))
        total += len(plan.options.ablation) * cost.seconds(n_images, n_ablations, shard_size=shard)
    return replace(plan, pass_seconds=pass_seconds, sweep_seconds=total)


def _pass_seconds(plan: Plan, at_most: float) -> float:
    """Return the seconds of a pass per image, timed on about as many images as a batch of the run has.

    A batch of few images fits into the processor's caches and is faster per image. Of a slow network fewer images are
    timed. The pass before this one gives `at_most`: the first pass of a network is slow.
    """
    n = min(
        plan.options.batch_size,
        len(plan.candidates),
        max(len(plan.probe), min(_BATCH, int(_LONG / max(at_most, 1e-9)))),
    )
    batch = plan.probe.repeat(-(-n // len(plan.probe)), 1, 1, 1)[:n]
    clock = work_clock(plan.device)
    answer(plan.model.network, plan.sites, [batch], keep=plan.kept)
    return clock() / n


def _cost_of_sweep(ablater: Ablater, plan: Plan, site: Site, at_layer: Tensor | None) -> Cost:
    ablations = each_unit([0.0] * site.n_units)
    try:
        return measure_cost(ablater, plan.probe, ablations, device=plan.device, at_layer=at_layer)
    except EngineDoubted:
        # The run itself will find this out, and then sweep the layer by the plain method.
        return measure_cost(ablater.plain, plan.probe, ablations, device=plan.device)
