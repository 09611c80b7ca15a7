"""The weights of single operations, by the units that they make."""

import torch

from precompute.models import operations as op
from precompute.models.autograd_graph import Value

# Autograd keeps dimensions as unsigned numbers: -1 is kept as _WRAP - 1.
_WRAP = 2**64


def kernel_norms(value: Value, axis: int) -> torch.Tensor | None:
    """Return the L1 norm of each unit's kernel, (unit,), where a convolution or linear layer makes them on `axis`.

    None for all other operations, and where the weights themselves depend on the image.
    """
    if len(value.parents) != 1:
        return None
    match value.operation:
        case "Convolution" if axis == 1 and value.saved("transposed"):
            groups = value.saved("groups")
            # (group, input in group, unit in group, height, width): the inputs of a group follow each other
            grouped = _exact(value.saved("weight")).abs().unflatten(0, (groups, -1))
            return grouped.flatten(3).sum((1, 3)).flatten()
        case "Convolution" if axis == 1:
            return _row_norms(value.saved("weight"))
        case "Addmm" | "Mm" if axis == 1 and len(value.shape) == 2 and value.saved("mat2") is not None:
            return _row_norms(value.saved("mat2").T)
        case "Bmm" if axis == 2 and value.saved("mat2") is not None and not value.saved("mat2").stride(0):
            # A linear layer on a non-contiguous argument: its weights are expanded over the batch, so the first copy is
            # enough.
            return _row_norms(value.saved("mat2")[0].T)
        case "Linear" if axis == len(value.shape) - 1:
            return _row_norms(value.saved("weight"))
    return None


def axis_before(value: Value, axis: int) -> int | None:
    """Return the dimension of an operation's argument with the units of dimension `axis` of its result, or None."""
    if len(value.parents) != 1:
        return None
    before, after = value.parents[0].shape, value.shape
    if value.operation == "Permute":
        order = _dimensions(value.saved("dims"), len(after))
        return order[axis] if order[0] == 0 else None
    if value.operation == "Transpose":
        pair = _dimensions((value.saved("dim0"), value.saved("dim1")), len(after))
        return pair[1 - pair.index(axis)] if axis in pair else axis
    if before[: axis + 1] == after[: axis + 1] and value.operation not in op.REDUCTIONS:
        return axis
    if value.operation in op.REDUCTIONS:
        return _axis_before_reduction(value, axis)
    same_end = value.operation in op.VIEWS and before[axis - len(after) :] == after[axis:]
    return axis + len(before) - len(after) if same_end else None


def _axis_before_reduction(value: Value, axis: int) -> int | None:
    before, touched = value.parents[0].shape, _touched_dimensions(value)
    if touched is None:
        return None
    kept = [i for i in range(len(before)) if len(before) == len(value.shape) or i not in touched]
    found = kept[axis] if len(kept) == len(value.shape) else None
    return None if found is None or found in touched or before[found] != value.shape[axis] else found


def unit_factors(value: Value, axis: int) -> torch.Tensor | None:
    """Return the size of the factor by which an operation multiplies each unit: (unit,) or a single number, at least 0.

    It is 1 for every operation that keeps units apart, other than batch norm and multiplication by a constant. None
    where the operation mixes units, or where the factor of a unit differs between positions.

    Parameters
    ----------
    value
        The result of the operation.
    axis
        The dimension of the result that units lie on.
    """
    if axis_before(value, axis) is None:
        return None
    if value.operation in op.BATCH_NORM:
        return _batch_norm_factors(value) if axis == 1 else None
    if value.operation in op.SCALING:
        return _constant_unit_factors(value, axis)
    if value.operation in op.POOLING and axis != 1:
        return None
    keeping = op.LINEAR_POINTWISE | op.BENT_POINTWISE | op.SUM | op.POOLING | op.VIEWS | {"Permute", "Transpose"}
    if value.operation in keeping | op.REDUCTIONS:
        return torch.ones(())
    touched = _touched_dimensions(value)
    return torch.ones(()) if touched and not {0, axis} & touched else None


def constant_factor(value: Value) -> torch.Tensor | None:
    """Return the factor of a ``Mul`` or ``Div``; None where it depends on the image."""
    image_first = value.node.next_functions[0][0] is not None
    if len(value.parents) != 1 or (value.operation == "Div" and not image_first):
        return None
    factor = value.saved("other") if image_first else value.saved("self")
    # Autograd does not follow comparisons: a factor that differs between images is a mask made from them, not a
    # constant.
    if factor is None or (factor.ndim == len(value.shape) and len(factor) > 1):
        return None
    return 1 / factor if value.operation == "Div" else factor


def _constant_unit_factors(value: Value, axis: int) -> torch.Tensor | None:
    factor = constant_factor(value)
    if factor is None:
        return None
    aligned = _exact(factor).abs()[(None,) * (len(value.shape) - factor.ndim)]
    return aligned.flatten() if aligned.numel() == aligned.shape[axis] else None


def _batch_norm_factors(value: Value) -> torch.Tensor | None:
    if value.saved("training"):
        return None
    eps = value.saved("eps") or value.saved("epsilon")
    factors = (_exact(value.saved("running_var")) + eps).rsqrt()
    gamma = value.saved("weight")
    return factors if gamma is None else factors * _exact(gamma).abs()


def _touched_dimensions(value: Value) -> set[int] | None:
    """Return the dimensions along which numbers change places or are summed; None where they are not known."""
    n_dimensions = len(value.parents[0].shape)
    match value.operation:
        case "Permute":
            order = _dimensions(value.saved("dims"), n_dimensions)
            return {place for place, dimension in enumerate(order) if place != dimension} or {n_dimensions}
        case "Transpose":
            return set(_dimensions((value.saved("dim0"), value.saved("dim1")), n_dimensions))
        case "ConstantPadNd":
            # Two amounts for each dimension, from the last dimension on.
            return {n_dimensions - 1 - i // 2 for i, amount in enumerate(value.saved("pad")) if amount}
        case operation if operation in op.REDUCTIONS | {"Slice"} and value.saved("dim") is not None:
            dim = value.saved("dim")
            return set(_dimensions(dim if isinstance(dim, tuple) else (dim,), n_dimensions))
    return None


def _dimensions(saved: tuple[int, ...], n_dimensions: int) -> list[int]:
    return [(dim - _WRAP if dim >= _WRAP // 2 else dim) % n_dimensions for dim in saved]


def _row_norms(weight: torch.Tensor) -> torch.Tensor:
    return _exact(weight).abs().flatten(1).sum(1)


def _exact(tensor: torch.Tensor) -> torch.Tensor:
    # On the CPU, since MPS has no float64.
    return tensor.detach().cpu().double()
