"""One operation of a forward pass, with what the dimensions of its arguments hold."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from precompute.models import dimensions as d
from precompute.models.dimensions import Dimensions

_NAME = "_unitscope_dimensions"


def dimensions_of(tensor: Tensor) -> Dimensions | None:
    """Return what a tensor's dimensions hold; None where it is not known to depend on the images."""
    return getattr(tensor, _NAME, None)


def mark(tensor: Tensor, dimensions: Dimensions) -> None:
    """Note on a tensor what its dimensions hold."""
    setattr(tensor, _NAME, dimensions)


class Operation:
    """One operation: its arguments by name, and what their dimensions held before the operation ran."""

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
        """Return unknown dimensions for an output; the first stays that of images where its length has not changed."""
        first = next((found[0] for found in self.before.values() if found), ())
        cause = d.cause_behind([each for found in self.before.values() for each in found or ()], self.name)
        cause = cause if cause in d.MOVING else self.name
        if any(d.is_turned(found) for found in self.before.values() if found):
            cause = "permute"
        lost = tuple(d.unknown(size, cause) for size in output.shape)
        if output.ndim >= 4:
            lost = tuple((replace(factor, axis=axis * (axis < 4)),) for axis, (factor,) in enumerate(lost))
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
        """What the dimensions of the first tensor argument hold; all `ANY` where it does not depend on the images."""
        return self.before[id(self.tensors[0])] or tuple(
            d.one_factor(d.ANY, n) for n in self.shapes[id(self.tensors[0])]
        )

    def axes(self, name: str) -> list[int]:
        """Return the dimensions that an argument names, counted from 0; all of them where it is None or empty."""
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
