"""One operation of a forward pass, seen from the dimensions of its arguments."""

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from precompute.models import dimensions as d
from precompute.models.dimensions import Dimensions

_NAME = "_unitscope_dimensions"


def dimensions_of(tensor: Tensor) -> Dimensions | None:
    """Return what a tensor's dimensions hold; None where it does not depend on the images as far as was followed."""
    return getattr(tensor, _NAME, None)


def mark(tensor: Tensor, dimensions: Dimensions) -> None:
    """Say what a tensor's dimensions hold."""
    setattr(tensor, _NAME, dimensions)


class Operation:
    """One operation: its arguments by name, and what their dimensions held before it ran."""

    def __init__(self, func: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> None:
        self.name = str(func.overloadpacket).removeprefix("aten.").rstrip("_")
        self.is_pointwise = torch.Tag.pointwise in func.tags
        names = [argument.name for argument in func._schema.arguments]
        self.given = {argument.name: argument.default_value for argument in func._schema.arguments}
        self.given |= dict(zip(names, args, strict=False)) | kwargs
        self.tensors = list(tensors_in((args, kwargs)))
        self.shapes = {id(tensor): tuple(tensor.shape) for tensor in self.tensors}
        self.before = {id(tensor): dimensions_of(tensor) for tensor in self.tensors}
        self.followed = any(self.before.values())

    def nothing(self, output: Tensor) -> Dimensions:
        """Return dimensions of which nothing is known; images stay where there are as many as before."""
        first = next((found[0] for found in self.before.values() if found), ())
        lost = tuple(d.unknown(size, self.name) for size in output.shape)
        as_before = d.roles(first) == {d.IMAGE} and output.ndim > 0 and d.size_of(first) == len(output)
        return (first, *lost[1:]) if as_before else lost

    def of(self, name: str) -> Dimensions | None:
        """Return what the dimensions of an argument held."""
        tensor = self.given[name]
        return self.before[id(tensor)] if isinstance(tensor, Tensor) else None

    def shape(self, name: str) -> tuple[int, ...]:
        """Return the shape that an argument had."""
        return self.shapes[id(self.given[name])]

    @property
    def first(self) -> Dimensions:
        """The dimensions of the first tensor among the arguments, as far as they depend on the images."""
        return self.before[id(self.tensors[0])] or tuple(d.plain(d.ANY, n) for n in self.shapes[id(self.tensors[0])])

    def axes(self, name: str) -> list[int]:
        """Return an argument that names dimensions, counted from 0; all where it is None."""
        n, given = len(self.first), self.given.get(name)
        if given is None or given == []:
            return list(range(n))
        return [axis % n for axis in (given if isinstance(given, list | tuple) else [given])]


def tensors_in(tree: Any) -> Iterator[Tensor]:
    """Yield the tensors in nested lists, tuples and dictionaries, in order; not those that have no shape."""
    if isinstance(tree, Tensor):
        if not tree.is_nested:
            yield tree
    elif isinstance(tree, list | tuple):
        for each in tree:
            yield from tensors_in(each)
    elif isinstance(tree, dict):
        yield from tensors_in(list(tree.values()))
