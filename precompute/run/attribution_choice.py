"""The attributions that a run makes: those asked for, or by default as many as there is time for."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from precompute.attribution_methods import METHODS
from precompute.images.loading import read_batches
from precompute.images.picture import thumbnail
from precompute.measures.evenly_spread import evenly_spread
from precompute.models.clock import work_clock
from precompute.models.forward import logits
from precompute.models.hooks import outputs_at
from precompute.models.sites import Site
from precompute.run.plan import AttributionPlan, Plan
from precompute.stages.activation_at import activation_at, not_right
from precompute.stages.attribution import failure_of
from precompute.stages.exemplar_maps import Look, Peak, attribution_maps, exemplar_maps
from precompute.stages.exemplars import Wanted
from precompute.store.schema import (
    EXEMPLAR_KINDS,
    MAX_EXEMPLAR_MAP_SIDE,
    MAX_THUMBNAIL_SIDE,
)

LEAST_SECONDS = 30.0
# A trial of a few maps is wrong by up to about a quarter. The second pass must not take longer than promised even then.
_MARGIN = 1.25
USUAL_EXEMPLARS = 6
# How many maps are made to know what one costs. Maps of several steps do not all take the same number of steps, so
# more of them are made: one for every 128 units of the layer, within limits.
_TRIED, _TRIED_AT_LEAST, _TRIED_AT_MOST, _ONE_IN = 8, 8, 32, 128
# A unit is tried on the strongest of so many images, which may take so many bytes. Of few images all are weak for it,
# and a weak activation takes more steps than those of exemplars.
_IMAGES, _IMAGE_BYTES = 512, 64e6
_PATIENCE = 1.0  # seconds for a trial, about
_MANY = 256

Seconds = Mapping[Site, Mapping[str, float]]


def with_attributions(plan: Plan) -> Plan:
    """Return the plan with its attributions: those asked for, or by default those that do not take too long.

    By default, the gradient on the first exemplars and integrated gradients on the very first are always made. More are
    made, in the order in which people look at them, as long as the second pass over the images, for pictures, maps and
    attributions, takes no longer than the pass without ablation and the sweeps, or than half a minute, even if the
    trial is wrong by a quarter. What the run does not make can be made later.
    """
    asked = tuple(METHODS) if plan.options.attribution is None else plan.options.attribution
    left_out = {site.name: not_right(plan.model.network, site, plan.probe, asked) for site in plan.sites}
    networks = {
        site: activation_at(plan.model.network, site, plan.probe, plan.ablaters[site].program)
        for site in plan.sites
        if len(left_out[site.name]) < len(asked)
    }
    plan = replace(plan, activations_at=networks)
    images = _images_at_hand(plan) if networks else plan.probe
    trials = {site: _Trial.of(plan, site, look, images) for site, look in plan.looks.items()}
    for site, trial in trials.items():
        left_out[site.name] |= trial.failing([name for name in asked if name not in left_out[site.name]])
    right = {site: [name for name in asked if name not in left_out[site.name]] for site in plan.sites}
    seconds = {site: trial.seconds_a_map(right[site]) for site, trial in trials.items()}
    n_exemplars = min(USUAL_EXEMPLARS, plan.options.top_k, len(plan.candidates))
    if plan.options.attribution is None:
        exemplars = _within_bounds(plan, right, seconds, n_exemplars)
    else:
        exemplars = {site: dict.fromkeys(methods, n_exemplars) for site, methods in right.items()}
    attribution = AttributionPlan(
        {site.name: methods for site, methods in exemplars.items()},
        left_out,
        n_exemplars,
        sum(_cost(site, name, n, seconds) for site, methods in exemplars.items() for name, n in methods.items()),
    )
    used = {site: network for site, network in networks.items() if right[site]}
    return replace(plan, attribution=attribution, activations_at=used)


def _within_bounds(
    plan: Plan, right: Mapping[Site, Sequence[str]], seconds: Seconds, n_exemplars: int
) -> dict[Site, dict[str, int]]:
    """Return for every layer and method how many exemplars of each unit get maps in the time that there is."""
    exemplars = {site: dict.fromkeys(methods, 0) for site, methods in right.items()}
    bound, total = max(LEAST_SECONDS, plan.sweep_seconds), showing_seconds(plan)
    for name, upto, always in _in_order(n_exemplars):
        for site, counts in exemplars.items():
            if name not in counts or upto <= counts[name]:
                continue
            cost = _cost(site, name, upto - counts[name], seconds)
            if always or _MARGIN * (total + cost) <= bound:
                counts[name], total = upto, total + cost
    return exemplars


def _in_order(n_exemplars: int) -> Iterator[tuple[str, int, bool]]:
    """Yield a method, up to which exemplar it makes maps, and whether to make them however long it takes.

    What people see first comes first.
    """
    yield "gradient", n_exemplars, True
    yield "integrated_gradients", min(1, n_exemplars), True
    yield from ((name, n_exemplars, False) for name in METHODS if name not in ("gradient", "integrated_gradients"))
    yield from (("integrated_gradients", upto, False) for upto in range(2, n_exemplars + 1))


def _cost(site: Site, name: str, n_exemplars: int, seconds: Seconds) -> float:
    return site.n_units * n_exemplars * seconds[site][name] if n_exemplars else 0.0


def _images_at_hand(plan: Plan) -> Tensor:
    """Read some images, spread over the classes: as many as pass in a second and take little memory."""
    seconds = work_clock(plan.device)
    with torch.no_grad():
        logits(plan.model.network, plan.probe).cpu()
    in_time = int(_PATIENCE * len(plan.probe) / max(seconds(), 1e-9))
    n = min(_IMAGES, len(plan.candidates), in_time, int(_IMAGE_BYTES / plan.probe[0].nbytes))
    if n <= len(plan.probe):
        return plan.probe
    batches = read_batches(plan.candidates, plan.model.transform, [plan.candidates.spread(n)], workers=0)
    readable = [batch.inputs for batch in batches if len(batch.inputs)]
    return torch.cat(readable) if readable else plan.probe


@dataclass(frozen=True, eq=False)
class _Trial:
    """Trial attributions of some units, spread over a layer, each on the image at hand on which it is most active."""

    plan: Plan
    look: Look
    n_units: int
    images: Tensor
    pairs: Wanted
    peak: Peak

    @classmethod
    def of(cls, plan: Plan, site: Site, look: Look, images: Tensor) -> "_Trial":
        unit = evenly_spread(site.n_units, _TRIED_AT_MOST)
        network, batch_size = plan.model.network, plan.options.batch_size
        outputs = (outputs_at(network, (site,), some)[site][:, unit].float() for some in images.split(batch_size))
        strongest = torch.cat([output.reshape(*output.shape[:2], -1).amax(2) for output in outputs]).argmax(0)
        shown, row = np.unique(strongest.cpu().numpy(), return_inverse=True)
        images, pairs = images[torch.from_numpy(shown)], Wanted(unit, np.zeros(len(unit), dtype=np.int64), row)
        _, peak = exemplar_maps(network, {site: pairs}, images, batch_size=batch_size, side=MAX_EXEMPLAR_MAP_SIDE)
        return cls(plan, look, site.n_units, images, pairs, peak[site])

    def failing(self, methods: Sequence[str]) -> dict[str, str]:
        """Try methods on one unit, and return those that fail, each with the reason."""
        found = {}
        for name in methods:
            try:
                self._seconds(name, 1)
            except Exception as error:  # the user's network can fail in any way
                found[name] = failure_of(error)
        return found

    def seconds_a_map(self, methods: Sequence[str]) -> dict[str, float]:
        """Return how many seconds a map takes by each method."""
        of_one_pass = [name for name in methods if not METHODS[name].sums_up]
        a_pass = min(self._seconds(of_one_pass[0], _TRIED) for _ in range(2)) if of_one_pass else 0.0
        return {name: self._seconds_of_steps(name) if METHODS[name].sums_up else a_pass for name in methods}

    def _seconds_of_steps(self, name: str) -> float:
        one = max(self._seconds(name, 1), 1e-9)
        at_least = max(_TRIED_AT_LEAST, self.n_units // _ONE_IN)
        return self._seconds(name, min(_TRIED_AT_MOST, max(at_least, int(_PATIENCE / one))))

    def _seconds(self, name: str, n: int) -> float:
        """Make n maps, of units spread over the layer, and return the seconds for one."""
        some = evenly_spread(len(self.pairs), n)
        seconds = work_clock(self.plan.device)
        at = (self.peak[0][some], self.peak[1][some])
        attribution_maps(self.look, METHODS[name], self.images, self.pairs.take(some), at, lambda _n: None)
        return seconds() / len(some)


def showing_seconds(plan: Plan) -> float:
    """Estimate the seconds of the second pass without attributions: passes, thumbnails and maps of exemplars."""
    n_images = len(plan.candidates)
    k = len(EXEMPLAR_KINDS) * min(plan.options.top_k, n_images)
    n_maps = sum(site.n_units * k for site in plan.sites)
    few, many = (_maps_of(plan, n) for n in (1, _MANY))
    times = []
    for work in (few, many, lambda: [thumbnail(plan.view.picture(one), MAX_THUMBNAIL_SIDE) for one in plan.probe]):
        seconds = work_clock(plan.device)
        work()
        times.append(seconds())
    an_image = (times[0] + times[2]) / len(plan.probe)
    a_map = max(0.0, times[1] - times[0]) / (len(plan.sites) * _MANY)
    return min(n_images, n_maps) * an_image + n_maps * a_map


def _maps_of(plan: Plan, n: int) -> Callable[[], object]:
    """Return a function that makes n maps in each layer; a layer of fewer units makes some several times."""
    slot, row = np.zeros(n, dtype=np.int64), np.arange(n) % len(plan.probe)
    wanted = {site: Wanted(np.arange(n) % site.n_units, slot, row) for site in plan.sites}
    network, size = plan.model.network, plan.options.batch_size
    return lambda: exemplar_maps(network, wanted, plan.probe, batch_size=size, side=MAX_EXEMPLAR_MAP_SIDE)
