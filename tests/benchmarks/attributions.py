"""What attribution maps cost: ``python -m tests.benchmarks.attributions NETWORK LAYER IMAGES CLASSES``.

Maps of a few units by the gradient and by integrated gradients are timed, from the windows that their peaks depend on
and from the whole network. Then comes what a run with all defaults plans. Weights are random. Times are processor
times of one thread.
"""

import argparse
import resource
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from precompute.attribution_methods import METHODS
from precompute.options import RunOptions
from precompute.run.plan import Plan
from precompute.run.planning import make_plan
from precompute.stages.activation_at import WholeNetwork
from precompute.stages.exemplar_maps import attribution_maps, exemplar_maps
from precompute.stages.exemplars import Wanted
from precompute.store.schema import MAX_EXEMPLAR_MAP_SIDE

_UNITS, _TURNS = 8, 2
_METHODS = ("gradient", "integrated_gradients")


def maps_a_second(plan: Plan) -> dict[str, float]:
    """Time maps of units spread over the plan's layer, each on an image of the probe; the best of the turns."""
    (site,) = plan.sites
    unit = np.unique(np.linspace(0, site.n_units - 1, _UNITS).astype(np.int64))
    pairs = Wanted(unit, np.zeros_like(unit), np.arange(len(unit)) % len(plan.probe))
    size = plan.options.batch_size
    _, peaks = exemplar_maps(plan.model.network, {site: pairs}, plan.probe, batch_size=size, side=MAX_EXEMPLAR_MAP_SIDE)
    found: dict[str, float] = {}
    for _ in range(_TURNS):
        for name in _METHODS:
            start = time.process_time()
            attribution_maps(plan.looks[site], METHODS[name], plan.probe, pairs, peaks[site], lambda _n: None)
            found[name] = max(found.get(name, 0.0), len(pairs) / (time.process_time() - start))
    return found


def main() -> None:
    """Time the maps of one layer, and say what a run would make of them."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0] if __doc__ else None)
    parser.add_argument("network")
    parser.add_argument("layer")
    parser.add_argument("images", type=Path)
    parser.add_argument("classes", type=Path)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    options = RunOptions(
        model=asked.network,
        weights="none",
        images=asked.images,
        classes_file=asked.classes,
        layers=(asked.layer,),
        out=Path("unused.h5"),
        workers=0,
        allow_low_accuracy=True,
    )
    plan = make_plan(options)
    (site,) = plan.sites
    whole = replace(plan, activations_at={site: WholeNetwork(plan.model.network, site)})
    for words, each in (("from windows", plan), ("from the whole network", whole)):
        for name, speed in maps_a_second(each).items():
            print(f"{asked.network} {asked.layer}, {name} {words}: {speed:.3g} maps a second", flush=True)
    print(
        f"Planned for {len(plan.candidates)} images and {site.n_units} units: sweep {plan.sweep_seconds:.0f} s, "
        f"attributions {plan.attribution.seconds:.0f} s, {100 * plan.attribution.postponed:.0f} % left for later"
    )
    print(f"Peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


if __name__ == "__main__":
    main()
