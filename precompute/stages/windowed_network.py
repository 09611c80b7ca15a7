"""The part of the network that one position of a layer depends on.

A unit's activation at one position comes from a window of the map before, which comes from a larger window of the map
before that, and so on back to the picture. `WindowedNetwork` runs the captured network on these windows alone. Each
row of a batch has its own position; the windows of all rows have one size and lie where the positions are. Where a
window extends beyond its map, it is filled with the operation's padding value, so that values and gradients are those
of the whole network.

An operation that needs more than a window, such as a mean over the picture, runs on whole maps, and so do all
operations before it. An operation whose window would be as large as its map runs on whole maps too.

A network begins with operations that are linear in the picture: its first convolution, and perhaps a batch norm. It
runs in two parts: up to the last of these, and from there on. Integrated gradients follow the straight path between two
pictures. The value between the parts then follows a straight path too, so the first part need not run at every step.
"""

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from precompute.ablation.graph import Node, Program, Stretch, image_counts, size_of, substitute
from precompute.stages.first_convolution import convolve
from precompute.stages.linear_prefix import leading_to, linear_end
from precompute.stages.windows import Constants, Span, Windowed, windowed

Window = tuple[Span, Span]
_CLIPPING = (torch.ops.aten.hardtanh.default, torch.ops.aten.clamp.default)
_CONVOLUTION = torch.ops.aten.conv2d.default
_ONE_POSITION = (Span(1, 0, 0), Span(1, 0, 0))


class WindowedNetwork(nn.Module):
    """A network that ends at one position of a layer and computes only what that position depends on.

    Gradients flow from its output to the picture. Every ReLU is a module of its own that is called once.

    Parameters
    ----------
    program
        The network, captured with the layer marked.
    layer
        The layer's name. Where its last operation clips from above, as ReLU6 does, this clipping is left out, because a
        saturated unit would have no gradient at all.
    """

    def __init__(self, program: Program, layer: str) -> None:
        super().__init__()
        self.end, self.floor = _before_clipping(program.marks[layer].args[0])
        self.images = program.images
        self.nodes = leading_to(self.end, program.nodes)
        self.constants = {node: _fixed(value) for node, value in program.constants.items()}
        for node, value in self.constants.items():
            if isinstance(value, Tensor):
                self.register_buffer(f"constant_{node.name}", value, persistent=False)
        self.linear_end = linear_end(self.nodes, self.images, self.end, self.constants)
        self.parts = (
            Stretch(leading_to(self.linear_end, self.nodes, self.images), keep=[self.linear_end]),
            Stretch(leading_to(self.end, self.nodes, self.linear_end), keep=[self.end]),
        )
        self.windows, self.rules = _windows(self.nodes, self.end, self.constants)
        self.relus = nn.ModuleDict({node.name: nn.ReLU() for node in self.nodes if _is_relu(node)})
        # A last module that is called once, for Captum to hook.
        self.out = nn.Identity()
        self.eval()

    @property
    def leaves_out_clipping(self) -> bool:
        """Whether the layer clips its values from above and this network does not."""
        return self.floor is not None

    @property
    def share(self) -> float:
        """The share of all values of the maps on the way that is computed, 0 to 1."""
        computed = sum(size_of(node) * _part(node, self.windows.get(node)) for node in self.nodes)
        return computed / max(1, sum(map(size_of, self.nodes)))

    def forward(self, images: Tensor, unit: Tensor, y: Tensor, x: Tensor) -> Tensor:
        """Return the activation of one unit at one position in each row.

        Parameters
        ----------
        images
            (row, channel, height, width), preprocessed.
        unit, y, x
            (row,) int64: the unit, and row and column of its map.

        Returns
        -------
        Tensor
            (row, 1)
        """
        return self.from_linear(self.linear(images, y, x), unit, y, x)

    def linear(self, images: Tensor, y: Tensor, x: Tensor) -> Tensor:
        """Return the value up to which the network is linear in the images, except for a constant."""
        return self._through(self.parts[0], {self.images: images}, (y.tolist(), x.tolist()))[self.linear_end]

    def from_linear(self, value: Tensor, unit: Tensor, y: Tensor, x: Tensor) -> Tensor:
        """Return the activation of one unit at one position in each row, given what `linear` returns."""
        at = y.tolist(), x.tolist()
        output = self._through(self.parts[1], {self.linear_end: value}, at)[self.end]
        if self.end not in self.windows:
            output = _cut(output, _ONE_POSITION, at, 0.0)
        row = torch.arange(len(value), device=value.device)
        chosen = output[row, unit.to(value.device), 0, 0].unsqueeze(1)
        return self.out(chosen if self.floor is None else chosen.clamp_min(self.floor))

    def _through(self, part: Stretch, given: dict[Node, Tensor], at: tuple[list[int], list[int]]) -> dict[Node, Any]:
        """Run a part, and return the values that are left, among them the one that the part keeps."""
        n_rows = len(next(iter(given.values())))
        values: dict[Node, Any] = self.constants | image_counts(self.nodes, n_rows) | given
        for node in part.steps(values):
            if node not in values:
                values[node] = self._run(node, values, at)
        return values

    def _run(self, node: Node, values: dict[Node, Any], at: tuple[list[int], list[int]]) -> Tensor:
        window = self.windows.get(node)

        def value_of(used: Node) -> Any:
            if window is None or not used.batched or _is_everywhere_the_same(used, node):
                return values[used]
            rule = self.rules[node]
            fill = rule.fill if rule.needs_fill(used.shape, node.shape) else None
            return self._window(used, _before(window, rule), values[used], at, fill)

        if _is_relu(node):
            return self.relus[node.name](value_of(node.args[0]))
        if window is not None:
            return self.rules[node].run(value_of)
        return convolve(*substitute(node.args, value_of)) if node.op is _CONVOLUTION else node.run(value_of)

    def _window(
        self, node: Node, wanted: Window, value: Tensor, at: tuple[list[int], list[int]], fill: float | None
    ) -> Tensor:
        """Cut a window out of a larger window or out of the whole map; `fill` None leaves out the filling."""
        held = self.windows.get(node)
        if held is None:
            return _cut(value, wanted, at, fill or 0.0)
        rows, columns = (slice(w.low - h.low, w.high - h.low + 1) for w, h in zip(wanted, held, strict=True))
        cut = value[..., rows, columns]
        return cut if fill is None else _filled(cut, node, wanted, at, fill)


def _before_clipping(end: Node) -> tuple[Node, float | None]:
    """Return the value that the last operation clips, and its lower bound; `end` and None where it does not clip."""
    if end.op in _CLIPPING and all(isinstance(bound, float | int) for bound in end.args[1:3]):
        return end.args[0], float(end.args[1])
    return end, None


def _fixed(value: Any) -> Any:
    return value.detach() if isinstance(value, Tensor) else value


def _is_relu(node: Node) -> bool:
    return node.op is torch.ops.aten.relu.default


def _windows(nodes: Sequence[Node], end: Node, constants: Constants) -> tuple[dict[Node, Window], dict[Node, Windowed]]:
    """Return the windows to compute and the rules to compute them; nodes without an entry are computed whole."""
    wanted: dict[Node, Window | None] = {end: _ONE_POSITION}
    windows: dict[Node, Window] = {}
    rules: dict[Node, Windowed] = {}
    for node in reversed(nodes):
        window, rule = wanted.get(node), windowed(node, constants)
        if window is None or rule is None or _part(node, window) >= 1:
            window = rule = None
        else:
            windows[node], rules[node] = window, rule
        for used in node.inputs:
            before = None
            if window is not None and rule is not None and not _is_everywhere_the_same(used, node):
                before = _before(window, rule)
            wanted[used] = before if used not in wanted else _joined(wanted[used], before)
    return windows, rules


def _before(window: Window, rule: Windowed) -> Window:
    rows, columns = (span.before(axis) for span, axis in zip(window, rule.axes, strict=True))
    return rows, columns


def _joined(one: Window | None, other: Window | None) -> Window | None:
    if one is None or other is None or any(a.step != b.step for a, b in zip(one, other, strict=True)):
        return None
    rows, columns = (a.joined(b) for a, b in zip(one, other, strict=True))
    return rows, columns


def _is_everywhere_the_same(used: Node, node: Node) -> bool:
    """Say whether an argument is one number for a whole map, such as a factor of squeeze-and-excite."""
    return used.shape[1:] == (1, 1) and used.shape[1:] != node.shape[1:]


def _part(node: Node, window: Window | None) -> float:
    if window is None or len(node.shape) != 3:
        return 1.0
    return len(window[0]) * len(window[1]) / (node.shape[1] * node.shape[2])


def _cut(value: Tensor, window: Window, at: tuple[list[int], list[int]], fill: float) -> Tensor:
    """Cut each row's window out of whole maps."""
    return torch.stack(
        [_cut_one(maps, window, position, fill) for maps, *position in zip(value.unbind(0), *at, strict=True)]
    )


def _cut_one(maps: Tensor, window: Window, position: Sequence[int], fill: float) -> Tensor:
    sides: list[int] = []
    for axis, (span, place) in enumerate(zip(window, position, strict=True)):
        size = maps.shape[axis + 1]
        first, last = span.step * place + span.low, span.step * place + span.high + 1
        start, stop = (min(max(edge, 0), size) for edge in (first, last))
        maps = maps.narrow(axis + 1, start, stop - start)
        sides = [min(start, last) - first, last - max(stop, first), *sides]
    return F.pad(maps, sides, value=fill) if any(sides) else maps


def _filled(value: Tensor, node: Node, window: Window, at: tuple[Sequence[int], Sequence[int]], fill: float) -> Tensor:
    """Write `fill` where windows extend beyond the node's map."""
    rows, columns = (_inside(span, size, places) for span, size, places in zip(window, node.shape[1:], at, strict=True))
    if rows.all() and columns.all():
        return value
    inside = (rows[:, :, None] & columns[:, None, :]).unsqueeze(1).to(value.device)
    # Not by multiplication with a mask: `fill` may be infinite, as around the argument of max pooling.
    return torch.where(inside, value, fill)


def _inside(span: Span, size: int, places: Sequence[int]) -> Tensor:
    """Say which positions of each row's span lie in the map, (row, position)."""
    position = (span.step * torch.tensor(places) + span.low)[:, None] + torch.arange(len(span))
    return (position >= 0) & (position < size)
