"""The weights of single operations, seen from the units that they make."""

import torch

from precompute.models import operations as op
from precompute.models.graph import Value

# What a dimension counted from the end looks like where autograd keeps it as an unsigned number.
_WRAP = 2**64


def kernel_norms(value: Value) -> torch.Tensor | None:
    """Return the L1 norm of each unit's kernel, (unit,), where `value` is made by a convolution or linear layer.

    None for all other operations, and where the weights themselves depend on the image.
    """
    if len(value.parents) != 1:
        return None
    match value.operation:
        case "Convolution" if value.saved("transposed"):
            groups = value.saved("groups")
            # (input, unit in group, height, width), the inputs of a group one after the other
            grouped = _exact(value.saved("weight")).abs().unflatten(0, (groups, -1))
            return grouped.flatten(3).sum((1, 3)).flatten()
        case "Convolution":
            return _row_norms(value.saved("weight"))
        case "Addmm" | "Mm" if len(value.shape) == 2 and value.saved("mat2") is not None:
            return _row_norms(value.saved("mat2").T)
        case "Linear" if len(value.shape) == 2:
            return _row_norms(value.saved("weight"))
    return None


def unit_factors(value: Value) -> torch.Tensor | None:
    """Return by what an operation that keeps every unit to itself multiplies the units: (unit,) or a single number.

    It is 1 for all but batch norm and multiplication by a constant. None where the operation mixes units, or where
    they are multiplied by different amounts at different places.
    """
    if len(value.parents) != 1 or value.parents[0].shape[:2] != value.shape[:2]:
        return None
    if value.operation in op.BATCH_NORM:
        return _batch_norm_factors(value)
    if value.operation in op.SCALING:
        return _constant_unit_factors(value)
    if value.operation in op.LINEAR_POINTWISE | op.BENT_POINTWISE | op.SUM | op.POOLING | op.VIEWS:
        return torch.ones(())
    touched = _touched_dimensions(value)
    return torch.ones(()) if touched and min(touched) >= 2 else None


def constant_factor(value: Value) -> torch.Tensor | None:
    """Return what a ``Mul`` or ``Div`` multiplies by, None where that depends on the image."""
    image_first = value.node.next_functions[0][0] is not None
    if len(value.parents) != 1 or (value.operation == "Div" and not image_first):
        return None
    factor = value.saved("other") if image_first else value.saved("self")
    # Autograd does not follow comparisons: a factor of its own for each image is a mask made from it, not a constant.
    if factor is None or (factor.ndim == len(value.shape) and len(factor) > 1):
        return None
    return 1 / factor if value.operation == "Div" else factor


def _constant_unit_factors(value: Value) -> torch.Tensor | None:
    factor = constant_factor(value)
    if factor is None:
        return None
    aligned = _exact(factor).abs()[(None,) * (len(value.shape) - factor.ndim)]
    return aligned.flatten() if aligned.numel() == aligned.shape[1] else None


def _batch_norm_factors(value: Value) -> torch.Tensor | None:
    if value.saved("training"):
        return None
    eps = value.saved("eps") or value.saved("epsilon")
    factors = (_exact(value.saved("running_var")) + eps).rsqrt()
    gamma = value.saved("weight")
    return factors if gamma is None else factors * _exact(gamma).abs()


def _touched_dimensions(value: Value) -> set[int] | None:
    """Return the dimensions along which numbers change places or are summed; None where that is not known."""
    n_dimensions = len(value.parents[0].shape)
    match value.operation:
        case "Permute":
            order = _dimensions(value.saved("dims"), n_dimensions)
            return {place for place, dimension in enumerate(order) if place != dimension} or {n_dimensions}
        case "Transpose":
            return set(_dimensions((value.saved("dim0"), value.saved("dim1")), n_dimensions))
        case "ConstantPadNd":
            # Two amounts a dimension, the last dimension first.
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
