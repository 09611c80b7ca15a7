"""A check that what a layer returns is not changed later through another tensor that shares its memory.

Some modules return their input itself (an empty ``Sequential``, an ``Identity``, a dropout in evaluation mode) or a
view of it. Where the network then changes the input in place, the layer's output changes too, but not the copy that a
silenced unit needs. What the copy does to the answers would be taken for what the unit does.
"""

from collections.abc import Sequence

from torch import Tensor, nn

from precompute.errors import LayerError
from precompute.models.fixed import Pass, true_gap
from precompute.models.hooks import edit
from precompute.models.sites import Site


def refuse_changed_later(network: nn.Module, sites: Sequence[Site], inputs: Tensor) -> None:
    """Refuse layers where a copy of the output, with no unit silenced, gives other answers.

    Parameters
    ----------
    network
        A classifier in evaluation mode.
    sites
        The layers.
    inputs
        (image, channel, height, width): a few images.

    Raises
    ------
    LayerError
        For the first such layer.
    """
    for site in sites:

        def copied(passes: Pass, batch: Tensor, site: Site = site) -> tuple[Tensor, Tensor]:
            as_it_is = passes(batch)
            with edit(network, site, lambda output: output):
                return as_it_is, passes(batch)

        gap = true_gap(network, copied, inputs)
        if gap is not None:
            raise LayerError(
                f"The layer {site.name!r} cannot be silenced: the network changes its output in place later, through "
                f"another tensor that shares its memory, and a copy does not follow (outputs differ {gap}). Let the "
                "module return a tensor of its own, with clone(), or choose the layer that makes that tensor."
            )
