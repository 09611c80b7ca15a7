"""One layer's output on all of a store's images, held in memory, so that the network can continue from the layer.

A change of units has no effect on anything before the layer. So the layer's output is computed once for every image, by
the network's own operations. A change of any number of units is then one pass over the rest of the network, on the
images whose output at the layer changes. A few images also go through the whole network, with the change made by a
hook: the plain method. The difference between the two says how close two outputs may be before rounding could exchange
them. Images with outputs as close as that are answered by the plain method.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from precompute.ablation.engine import Engine
from precompute.ablation.executor import LayerExecutor, TieTolerance
from precompute.ablation.graph import Node
from precompute.ablation.suffix import too_close
from precompute.ablation.ties import differs
from precompute.experiments.restored_run import RestoredRun
from precompute.models.device import exact_float32
from precompute.models.forward import logits
from precompute.models.hooks import edit
from precompute.models.sites import Site
from precompute.what_if.changes import Edit
from precompute.what_if.watch import Watch

_AUDITED = 4
READING = "reading the images"
CHANGING = "running the network with the change"


class Route(Protocol):
    """A way from images to the network's outputs under a change, in two steps; the result of the first is held."""

    def parts(self, inputs: Tensor) -> Iterator[dict[Any, Tensor]]:
        """Yield the tensors to hold, batch by batch, with the images on dimension 0."""
        ...

    def run(self, part: dict[Any, Tensor], change: Edit) -> tuple[Tensor, Tensor]:
        """Return the rows of a part that a change affects, (row,), and their outputs, (row, output), float32."""
        ...


@dataclass(frozen=True, eq=False)
class FromLayer:
    """The network from the layer on, in a network that the engine has captured."""

    executor: LayerExecutor

    def parts(self, inputs: Tensor) -> Iterator[dict[Node, Tensor]]:
        """Yield the layer's output and every other value that the operations after it use."""
        yield from self.executor.up_to_layer(inputs)

    def run(self, part: dict[Node, Tensor], change: Edit) -> tuple[Tensor, Tensor]:
        """Continue from the changed output of the layer, on the images where it differs; see `Route`."""
        plan = self.executor.plan
        old = part[plan.site]
        new = change(old)
        rows = (new != old).flatten(1).any(1).nonzero().flatten()
        if not len(rows):
            return rows.cpu(), torch.empty(0, plan.program.output.shape[0])
        touched = {node: value.index_select(0, rows) for node, value in part.items()}
        outputs = self.executor.from_layer(touched | {plan.site: new.index_select(0, rows)})[plan.program.output]
        return rows.cpu(), outputs.float().cpu()


@dataclass(frozen=True, eq=False)
class WholePasses:
    """The plain method: the whole network with a hook at the layer."""

    network: nn.Module
    site: Site
    batch_size: int

    def parts(self, inputs: Tensor) -> Iterator[dict[str, Tensor]]:
        """Yield the images themselves."""
        yield from ({"images": batch} for batch in inputs.split(self.batch_size))

    def run(self, part: dict[str, Tensor], change: Edit) -> tuple[Tensor, Tensor]:
        """Run every image, affected or not; see `Route`."""
        return torch.arange(len(part["images"])), self.outputs(part["images"], change)

    def outputs(self, inputs: Tensor, change: Edit) -> Tensor:
        """Return the network's outputs under a change, (image, output) in float32 on the CPU."""
        with edit(self.network, self.site, change):
            return torch.cat([logits(self.network, batch).cpu() for batch in inputs.split(self.batch_size)])


@dataclass(eq=False)
class WarmLayer:
    """A layer that is ready for changes.

    Parameters
    ----------
    restored
        The network and the images.
    site
        The layer.
    most_bytes
        About how many bytes may be held. Images beyond this limit are read again for every change.
    """

    restored: RestoredRun
    site: Site
    most_bytes: int
    held: list[tuple[np.ndarray, dict[Any, Tensor]]] = field(default_factory=list)
    n_bytes: int = 0

    def __post_init__(self) -> None:
        network, ablater = self.restored.model.network, self.restored.ablater(self.site)
        self.plain = WholePasses(network, self.site, self.restored.batch_size)
        self.route: Route = FromLayer(ablater.by_unit) if isinstance(ablater, Engine) else self.plain
        self.audited = self.restored.probe[:: max(1, len(self.restored.probe) // _AUDITED)][:_AUDITED]

    @torch.no_grad()
    @exact_float32()
    def warm_up(self, watch: Watch) -> None:
        """Read the images and hold the layer's output; images that are held already are not read again."""
        first = self._n_held
        if first == len(self.restored.images) or self.n_bytes >= self.most_bytes:
            return
        with watch.stage(READING, len(self.restored.images) - first):
            for where, part in self._read(first):
                size = sum(value.element_size() * value.nelement() for value in part.values())
                if self.n_bytes + size > self.most_bytes:
                    return
                self.held.append((where, part))
                self.n_bytes += size
                watch.advance(len(where))

    @torch.no_grad()
    @exact_float32()
    def predictions(self, change: Edit, watch: Watch) -> np.ndarray:
        """Return the network's predicted outputs under a change, (image,) int32.

        They are those of the whole network with a hook that makes the change. If the two ways disagree on one of the
        few images that go both ways, all images go through the whole network, for this change and every later one.
        """
        tolerance = self._tolerance(change)
        if tolerance is None:
            self._go_plain()
            tolerance = 0.0
        found = self.restored.prediction.astype(np.int32)
        close: list[int] = []
        for where, part in self._parts():
            rows, outputs = self.route.run(part, change)
            touched = where[rows.numpy()]
            found[touched] = outputs.argmax(1).numpy() if len(touched) else 0
            if self.route is not self.plain and len(touched):
                close += touched[too_close(outputs, tolerance).numpy()].tolist()
            watch.advance(len(where))
        for where, inputs, _ in self.restored.read(sorted(close)):
            found[where] = self.plain.outputs(inputs, change).argmax(1).numpy()
            watch.advance(0)
        return found

    def _go_plain(self) -> None:
        """Run the whole network from now on, because running it from the layer on was found to be wrong."""
        self.route = self.plain
        self.held.clear()
        self.n_bytes = 0

    @property
    def _n_held(self) -> int:
        return sum(len(where) for where, _ in self.held)

    def _parts(self) -> Iterator[tuple[np.ndarray, dict[Any, Tensor]]]:
        yield from self.held
        yield from self._read(self._n_held)

    def _read(self, first: int) -> Iterator[tuple[np.ndarray, dict[Any, Tensor]]]:
        for where, inputs, _ in self.restored.read(np.arange(first, len(self.restored.images))):
            start = 0
            for part in self.route.parts(inputs):
                n_images = len(next(iter(part.values())))
                yield where[start : start + n_images], part
                start += n_images

    @cached_property
    def _audited_parts(self) -> tuple[Tensor, list[dict[Any, Tensor]]]:
        """For the few images that go both ways: their outputs without a change, and their parts."""
        return self.plain.outputs(self.audited, torch.clone), list(self.route.parts(self.audited))

    def _tolerance(self, change: Edit) -> float | None:
        """Return how close two outputs may be, measured on a few images by both methods; None where these disagree."""
        if self.route is self.plain:
            return 0.0
        exact = self.plain.outputs(self.audited, change)
        outputs, parts = self._audited_parts
        found, start = outputs.clone(), 0
        for part in parts:
            rows, changed = self.route.run(part, change)
            found[start + rows] = changed
            start += len(next(iter(part.values())))
        tolerance = TieTolerance.of((exact - found).abs().amax().item(), exact.abs().amax().item()).usual
        doubted = differs(exact, found.argmax(1)) & ~too_close(found, tolerance)
        return None if bool(doubted.any()) else tolerance
