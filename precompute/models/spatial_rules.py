"""Rules for operations on rows and columns: what they hold afterwards, and which part of the picture they cover."""

from collections.abc import Sequence
from dataclasses import replace

from torch import Tensor

from precompute.models import dimensions as d
from precompute.models.dimensions import Dimension, Dimensions, Window
from precompute.models.operation import Operation

# Padding of what was not followed, up to this part of its length, leaves places where they were.
_LITTLE = 8


def padded(call: Operation, outputs: list[Tensor]) -> Sequence[Dimensions]:
    """Follow padding with constants."""
    pad, n = list(call.given["pad"]), len(call.first)
    before = [pad[2 * (n - 1 - axis)] if n - 1 - axis < len(pad) // 2 else 0 for axis in range(n)]
    each = zip(call.first, outputs[0].shape, before, strict=True)
    return [tuple(_with_padding(held, size, added, call.name) for held, size, added in each)]


def _with_padding(held: Dimension, size: int, before: int, name: str) -> Dimension:
    n = d.size_of(held)
    if d.roles(held) == {d.UNKNOWN} and max(abs(before), abs(size - n - before)) > max(1, n / _LITTLE):
        return d.unknown(size, "slice")  # it may have held rows, and would not cover the same part any more
    return d.resized(held, size, name, (1, -before))


def gathered(call: Operation, outputs: list[Tensor]) -> Sequence[Dimensions]:
    """Follow an operation such as pooling, which combines neighbours on the last two dimensions within each unit."""
    found = list(call.first)
    for axis in (-2, -1):
        found[axis] = d.resized(found[axis], outputs[0].shape[axis], call.name, _window(call, axis))
    return [tuple(found)] * len(outputs)


def _window(call: Operation, axis: int) -> Window | None:
    """Return how an operation moves over rows (-2) or columns (-1); None where it resizes them as a whole."""
    if call.name in ("reflection_pad2d", "replication_pad2d"):
        return 1, -call.given["padding"][-2 * axis - 2]
    size = call.given.get("kernel_size")
    if size is None or "output_size" in call.given:
        return None
    stride = call.given.get("stride") or size
    return _moving(
        _at(size, axis),
        _at(stride, axis),
        _at(call.given.get("padding") or 0, axis),
        _at(call.given.get("dilation") or 1, axis),
    )


def _at(values: int | Sequence[int], axis: int) -> int:
    """Return one of the settings for rows and columns, which may be given as one number for both."""
    return values if isinstance(values, int) else values[axis if len(values) > 1 else 0]


def _moving(size: int, stride: int, padding: int, dilation: int) -> Window:
    return stride, dilation * (size - 1) / 2 - padding


def fourier(call: Operation, outputs: list[Tensor]) -> Sequence[Dimensions]:
    """Follow a Fourier transform, behind which places are frequencies; the inverse one makes places of them again."""
    inverse = call.name == "_fft_c2r" or not call.given.get("forward", True)
    found = list(call.first)
    for axis in call.axes("dim"):
        moved = d.cause_behind([found[axis]], "")  # places that were moved before are moved behind the inverse one too
        if moved not in d.MOVING or moved.startswith("_fft"):
            moved = "_fft_c2r" if inverse else call.name
        found[axis] = d.unknown(outputs[0].shape[axis], moved)
    return [tuple(found)]


def convolved(call: Operation, outputs: list[Tensor]) -> Sequence[Dimensions]:
    """Follow a convolution, transposed or not."""
    found, shape = list(call.first), outputs[0].shape
    if call.of("weight") is not None or len(found) != len(shape):  # or the weights depend on the images
        return []
    found[1] = d.contracted(call.first, 1, shape[1], call.name)
    space = found[2:]
    # A convolution defines rows and columns, unless its two last dimensions hold something else or were reordered.
    in_place = all(d.is_mute(each) or _is_in_place(each) for each in space) and not d.is_turned(call.first)
    in_place &= not has_lost_side(space)
    kernel = call.shape("weight")[2:]
    for i, (held, size) in enumerate(zip(space, shape[2:], strict=True)):
        if len(space) == 2 and in_place:
            role = (d.ROW, d.COLUMN)[i]
            if d.is_mute(held):
                found[2 + i] = (d.of_picture(role, size),)
                continue
            held = (d.of_picture(role, d.size_of(held)),)
        found[2 + i] = d.resized(held, size, call.name, _kernel(call, kernel, i))
    return [tuple(found)]


def _kernel(call: Operation, kernel: Sequence[int], axis: int) -> Window:
    settings = [call.given.get(name, 0) for name in ("stride", "padding", "dilation")]
    stride, padding, dilation = (
        _at(each, axis) if each else default for each, default in zip(settings, (1, 0, 1), strict=True)
    )
    step, centre = _moving(kernel[axis], stride, padding, dilation)
    return (1 / step, -centre / step) if call.given.get("transposed") else (step, centre)


def has_lost_side(space: Sequence[Dimension]) -> bool:
    """Say whether one of two sides holds nothing in particular, as where rows were taken apart and stacked again."""
    mute = [d.is_mute(each) for each in space]
    return len(mute) == 2 and mute[0] != mute[1] and d.size_of(space[mute.index(True)]) > 1


def _is_in_place(dimension: Dimension) -> bool:
    """Say whether an operation that was not followed may have left rows and columns in their order."""
    return d.UNKNOWN in d.roles(dimension) and not any(f.shift or f.cause in d.MOVING for f in dimension)


def patches(call: Operation, outputs: list[Tensor]) -> Sequence[Dimensions]:
    """Follow ``unfold``: the windows of a picture, as columns."""
    if len(call.first) != 4 or not all(d.is_picture(each) and len(each) == 1 for each in call.first[2:]):
        return []
    found: list[d.Factor] = []
    for axis, (factor,) in enumerate(call.first[2:]):
        kernel, dilation, padding, stride = (
            call.given[name][axis] for name in ("kernel_size", "dilation", "padding", "stride")
        )
        n = (factor.size + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1
        found += d.resized((factor,), n, call.name, _moving(kernel, stride, padding, dilation))
    return [(call.first[0], d.contracted(call.first, 1, outputs[0].shape[1], call.name), d.joined(found))]


def windows(call: Operation, outputs: list[Tensor]) -> Sequence[Dimensions]:
    """Follow ``Tensor.unfold`` where windows lie side by side: it divides a dimension, as a reshape does."""
    axis, size = call.given["dimension"] % len(call.first), call.given["size"]
    divided = call.first[axis]
    if call.given["step"] != size or d.size_of(divided) % size or len(divided) != 1:
        return []
    (factor,) = divided
    outer = replace(factor, size=factor.size // size, step=factor.step * size)
    return [(*call.first[:axis], (outer,), *call.first[axis + 1 :], (replace(factor, size=size),))]
