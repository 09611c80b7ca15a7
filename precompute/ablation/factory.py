"""Choose how to sweep layers: by the engine where the network can be recorded, otherwise by the plain method."""

from collections.abc import Collection
from contextlib import suppress

from torch import Tensor, nn

from precompute.ablation.ablations import Ablater, each_unit
from precompute.ablation.batch_sizes import memory_budget
from precompute.ablation.capture import CannotCapture, Recording, capture
from precompute.ablation.engine import Engine
from precompute.ablation.executor import ROUNDING
from precompute.ablation.graph import Program
from precompute.ablation.plain import PlainAblater
from precompute.ablation.plan import plan_layer
from precompute.ablation.precision import Precision
from precompute.models.error_causes import words_of
from precompute.models.forward import copy_for
from precompute.models.sites import Site


def make_ablaters(
    network: nn.Module,
    sites: Collection[Site],
    example_inputs: Tensor,
    *,
    batch_size: int,
    memory_bytes: int | None = None,
    precision: Precision = Precision.FLOAT32,
) -> dict[Site, tuple[Ablater, str | None]]:
    """Return the fastest exact way to sweep each of some layers, tried out on a few images.

    Parameters
    ----------
    network
        A classifier in evaluation mode.
    sites
        The layers.
    example_inputs
        (image, channel, height, width): a few images of the size that will be swept.
    batch_size
        Images in one forward pass of the plain method.
    memory_bytes
        About how many bytes the engine may hold at a time; by default as `memory_budget` says.
    precision
        The precision of the engine's changed rows. Predictions are exact in every precision.

    Returns
    -------
    dict
        For each layer the ablater; and the reason where it is the plain method, a clause that can follow "because",
        otherwise None.
    """
    budget = memory_bytes or memory_budget(copy_for(network, example_inputs).device)
    try:
        together = Recording(network, sites, example_inputs) if len(sites) > 1 else None
    except CannotCapture:
        together = None

    def try_out(program: Program, plain: PlainAblater) -> Engine:
        plan = plan_layer(program, plain.site.name)
        _check_on(Engine(plan, plain, memory_bytes=budget), example_inputs)
        return Engine(plan, plain, memory_bytes=budget, precision=precision)

    def choose(site: Site) -> tuple[Ablater, str | None]:
        plain = PlainAblater(network, site, batch_size=batch_size)
        if together is not None:
            with suppress(CannotCapture):  # the marks of other layers may be the reason: record this one alone
                return try_out(together.program(site.name), plain), None
        try:
            return try_out(capture(network, [site], example_inputs), plain), None
        except CannotCapture as error:
            return plain, str(error)

    return {site: choose(site) for site in sites}


def _check_on(engine: Engine, example_inputs: Tensor) -> None:
    """Refuse an engine whose outputs on the examples, with a few units ablated, are not those of the plain method."""
    try:
        error, largest = engine.compare(example_inputs, each_unit([0.0] * engine.plain.site.n_units))
    except (RuntimeError, LookupError, TypeError) as failure:
        raise CannotCapture(f"its graph does not run on a few ablated images ({words_of(failure)})") from failure
    # `not <=` refuses an error of NaN too; `>` would let it pass.
    if not error <= ROUNDING * largest:
        raise CannotCapture(f"the outputs of its graph differ from its own by {error:.2g}")
