"""A trial of whether the rows of a module's output are the images, in their order and each alone.

A network may turn the images of a batch round, look at them, and turn its answers back. Nothing outside sees that, and
an activation would be another image's.
"""

from collections.abc import Collection

import torch
from torch import Tensor, nn

from precompute.models.calls import watched_calls
from precompute.models.forward import run

# Relative to the length of a row; the same numbers in a batch of the same size differ by nothing, or by little.
_ROUNDING = 1e-3
# Of four images, those that are changed in each pass. Only if no row moves is each set found where it is.
_CHANGED = ([1, 3], [2, 3])

Place = tuple[str, int]


@torch.no_grad()
def misplaced(network: nn.Module, inputs: Tensor, places: Collection[Place]) -> set[Place]:
    """Find calls of modules of whose output a row changes although its image does not.

    Parameters
    ----------
    network
        A network in evaluation mode.
    inputs
        (image, channel, height, width): one image at least.
    places
        Paths of modules, with the number of the call.

    Returns
    -------
    set of (str, int)
        Those of `places` where the rows are not the images in their order, or change with other images.
    """
    two = inputs[:2] if len(inputs) > 1 else torch.cat([inputs, inputs.flip(-2) * 0.8])
    images = torch.cat([two, two.flip(-1) * 0.7])
    first = _sketches(network, images, places)
    found = {place for place, (sketch, _) in first.items() if len(sketch) != len(images)}
    for changed in _CHANGED:
        again = images.clone()
        again[changed] = again[changed].flip(-2) / 2
        second = _sketches(network, again, places)
        kept = [row for row in range(len(images)) if row not in changed]
        for place in (first.keys() & second.keys()) - found:
            (one, length), (other, _) = first[place], second[place]
            if len(other) != len(one) or bool(((one - other).abs() > _ROUNDING * length)[kept].any()):
                found.add(place)
    return found


def _sketches(network: nn.Module, images: Tensor, places: Collection[Place]) -> dict[Place, tuple[Tensor, Tensor]]:
    """Return a number for each row of each output, which other rows hardly share, and the rows' lengths."""
    found: dict[Place, tuple[Tensor, Tensor]] = {}

    def on_call(path: str, call: int, output: Tensor) -> None:
        if (path, call) in wanted and isinstance(output, Tensor):
            rows = output.detach().flatten(1).float()
            weights = torch.cos(1.7 * torch.arange(rows.shape[1], device=rows.device))
            found[path, call] = (rows @ weights).cpu(), torch.linalg.vector_norm(rows, dim=1).cpu()

    wanted = set(places)
    with watched_calls(network, {path for path, _ in wanted}, on_call):
        run(network, images)
    return found
