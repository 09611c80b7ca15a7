"""Choose how to sweep a layer: by the engine where the network can be captured, otherwise by the plain method."""

from torch import Tensor, nn

from precompute.ablation.ablations import Ablater, each_unit
from precompute.ablation.batch_sizes import memory_budget
from precompute.ablation.capture import CannotCapture, capture
from precompute.ablation.engine import Engine
from precompute.ablation.executor import ROUNDING
from precompute.ablation.plain import PlainAblater
from precompute.ablation.plan import plan_layer
from precompute.ablation.precision import Precision
from precompute.models.error_causes import words_of
from precompute.models.forward import copy_for
from precompute.models.sites import Site


def make_ablater(
    network: nn.Module,
    site: Site,
    example_inputs: Tensor,
    *,
    batch_size: int,
    memory_bytes: int | None = None,
    precision: Precision = Precision.FLOAT32,
) -> tuple[Ablater, str | None]:
    """Return the fastest exact way to sweep a layer, tried out on a few images.

    Parameters
    ----------
    network
        A classifier in evaluation mode.
    site
        The layer.
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
    tuple
        The ablater; and the reason where it is the plain method, a clause that can follow "because", otherwise None.
    """
    plain = PlainAblater(network, site, batch_size=batch_size)
    device = copy_for(network, example_inputs).device
    try:
        plan = plan_layer(capture(network, [site], example_inputs), site.name)
        budget = memory_bytes or memory_budget(device)
        _check_on(Engine(plan, plain, memory_bytes=budget), example_inputs)
    except CannotCapture as error:
        return plain, str(error)
    return Engine(plan, plain, memory_bytes=budget, precision=precision), None


def _check_on(engine: Engine, example_inputs: Tensor) -> None:
    """Refuse an engine whose outputs on the examples, with a few units ablated, are not those of the plain method."""
    try:
        error, largest = engine.compare(example_inputs, each_unit([0.0] * engine.plain.site.n_units))
    except (RuntimeError, LookupError, TypeError) as failure:
        raise CannotCapture(f"its graph does not run on a few ablated images ({words_of(failure)})") from failure
    # `not <=` refuses an error of NaN too; `>` would let it pass.
    if not error <= ROUNDING * largest:
        raise CannotCapture(f"the outputs of its graph differ from its own by {error:.2g}")
