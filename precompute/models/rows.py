"""A trial of whether each row of a module's output belongs to the image of that row, and to it alone.

A network may reorder the images of a batch inside, and restore the order at its end. Its outputs do not show it, but an
activation in between would be taken for another image's.
"""

from collections.abc import Collection

import torch
from torch import Tensor, nn

from precompute.models.calls import watched_calls
from precompute.models.forward import run

# Relative to a row's norm. In a batch of the same size, the same image gives the same numbers, or nearly so.
_ROUNDING = 1e-3
# Which of the four images are changed in each pass. No reordering keeps both sets where they are, except none.
_CHANGED = ([1, 3], [2, 3])

Place = tuple[str, int]


@torch.no_grad()
def misplaced(network: nn.Module, inputs: Tensor, places: Collection[Place]) -> set[Place]:
    """Find the module calls whose output changes in a row although the image of that row does not change.

    Parameters
    ----------
    network
        A network in evaluation mode.
    inputs
        (image, channel, height, width); at least one image.
    places
        Paths of modules, each with the number of the call.

    Returns
    -------
    set of (str, int)
        The calls in `places` whose rows are not the images in their order, or depend on other images.
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
    """Return a checksum for each row of each output, and the norm of each row."""
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
