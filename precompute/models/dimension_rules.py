"""Rules that say, for each operation, what the dimensions of its results hold, given those of its arguments.

A rule gets the operation and its results, and returns the dimensions of the results that it can follow, in order. What
it leaves out, or gives a wrong size, is then unknown. So a rule may be short: it must never claim too much.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

from torch import Tensor

from precompute.models import dimensions as d
from precompute.models import spatial_rules as spatial
from precompute.models.dimensions import Dimension, Dimensions
from precompute.models.operation import Operation, dimensions_of, mark

Rule = Callable[[Operation, list[Tensor]], Sequence[Dimensions]]


def rule_for(call: Operation) -> Rule | None:
    """Return the rule for an operation; None where there is none."""
    return RULES.get(call.name) or (_pointwise if call.is_pointwise else None)


def _pointwise(call: Operation, outputs: list[Tensor]) -> Sequence[Dimensions]:
    found = []
    for axis, size in enumerate(outputs[0].shape):
        back = axis - outputs[0].ndim  # broadcasting aligns the arguments at their last dimensions
        there = [known[back] for known in call.before.values() if known and -back <= len(known)]
        found.append(d.matched(there, size, call.name))
    if len({d.is_turned(known) for known in call.before.values() if known and d.has_places(known)}) > 1:
        found = [
            each if d.roles(each) <= {d.IMAGE, d.UNIT} else d.unknown(d.size_of(each), "permute") for each in found
        ]
    return [tuple(found)] * len(outputs)


def _same(call: Operation, outputs: list[Tensor]) -> Sequence[Dimensions]:
    """Follow an operation that moves nothing; its second result, such as a mask, only if it has the same shape."""
    return [call.first] * sum(output.shape == outputs[0].shape for output in outputs[:2])


def _normalised(call: Operation, outputs: list[Tensor], axis: int) -> Sequence[Dimensions]:
    """Follow a normalisation with a weight for each place on a dimension: that dimension holds units."""
    found = list(call.first)
    if d.is_mute(found[axis]) or d.UNKNOWN in d.roles(found[axis]):
        found[axis] = d.one_factor(d.UNIT, outputs[0].shape[axis])
    return [tuple(found)]


def _batch_norm(call: Operation, outputs: list[Tensor]) -> Sequence[Dimensions]:
    (found,) = _normalised(call, outputs, 1)
    if d.UNIT in d.roles(found[1]):
        return [found]
    # Dimension 1 holds something else, such as tokens: nothing is known of it any more.
    return [(found[0], d.unknown(outputs[0].shape[1], call.name), *found[2:])]


def _layer_norm(call: Operation, outputs: list[Tensor]) -> Sequence[Dimensions]:
    # A norm over several dimensions at once does not tell which of them holds units.
    return _normalised(call, outputs, -1) if len(call.given["normalized_shape"]) == 1 else [call.first]


def _reshape(call: Operation, outputs: list[Tensor]) -> Sequence[Dimensions]:
    return [d.reshaped(call.first, call.shapes[id(call.tensors[0])], outputs[0].shape)]


def _squeeze(call: Operation, outputs: list[Tensor]) -> Sequence[Dimensions]:
    shape, axes = call.shapes[id(call.tensors[0])], call.axes("dim") if "dim" in call.given else range(len(call.first))
    return [tuple(each for axis, each in enumerate(call.first) if axis not in axes or shape[axis] > 1)]


def _unsqueeze(call: Operation, outputs: list[Tensor]) -> Sequence[Dimensions]:
    axis = call.given["dim"] % outputs[0].ndim
    return [(*call.first[:axis], (), *call.first[axis:])]


def _expand(call: Operation, outputs: list[Tensor]) -> Sequence[Dimensions]:
    added = outputs[0].ndim - len(call.first)
    before = ((),) * added + call.first
    return [tuple(_grown(each, size) for each, size in zip(before, outputs[0].shape, strict=True))]


def _grown(dimension: Dimension, size: int) -> Dimension:
    """Follow a dimension of size 1 that is repeated: it holds the same everywhere."""
    return dimension if d.size_of(dimension) == size else d.one_factor(d.ANY, size)


def _repeat(call: Operation, outputs: list[Tensor]) -> Sequence[Dimensions]:
    added = outputs[0].ndim - len(call.first)
    before = ((),) * added + call.first
    return [
        tuple(
            _grown(each, size) if d.size_of(each) in (1, size) else _several(each, size)
            for each, size in zip(before, outputs[0].shape, strict=True)
        )
    ]


def _several(dimension: Dimension, size: int) -> Dimension:
    """Follow a dimension that is repeated: units stay units, a picture twice in a row is none."""
    return d.unknown(size, "repeat") if d.is_picture(dimension) else d.resized(dimension, size, "repeat")


def _permute(call: Operation, outputs: list[Tensor]) -> Sequence[Dimensions]:
    return [tuple(call.first[axis] for axis in call.axes("dims"))]


def _transpose(call: Operation, outputs: list[Tensor]) -> Sequence[Dimensions]:
    n = len(call.first)
    one, other = (call.given[name] % n for name in ("dim0", "dim1")) if "dim0" in call.given else (0, n - 1)
    found = list(call.first)
    found[one], found[other] = found[other], found[one]
    return [tuple(found)]


def _select(call: Operation, outputs: list[Tensor]) -> Sequence[Dimensions]:
    axis = call.given.get("dim", 0) % len(call.first)
    return [(*call.first[:axis], *call.first[axis + 1 :])] * len(outputs)


def _with(found: Dimensions, axis: int, dimension: Dimension) -> Dimensions:
    return (*found[:axis], dimension, *found[axis + 1 :])


def _slice(call: Operation, outputs: list[Tensor]) -> Sequence[Dimensions]:
    axis = call.given["dim"] % len(call.first)
    n, start = d.size_of(call.first[axis]), call.given["start"] or 0
    begin = max(0, start + n) if start < 0 else start
    there = d.sliced(call.first[axis], outputs[0].shape[axis], begin, call.given["step"])
    return [_with(call.first, axis, there)]


def _split(call: Operation, outputs: list[Tensor]) -> Sequence[Dimensions]:
    axis, begin, found = call.given["dim"] % len(call.first), 0, []
    for output in outputs:
        size = output.shape[axis]
        found.append(_with(call.first, axis, d.sliced(call.first[axis], size, begin, 1)))
        begin += size
    return found


def _cat(call: Operation, outputs: list[Tensor]) -> Sequence[Dimensions]:
    rank, parts = outputs[0].ndim, [tensor for tensor in call.given["tensors"] if tensor.ndim == outputs[0].ndim]
    axis = call.given["dim"] % rank
    known = [
        call.before[id(part)] or tuple(d.one_factor(d.ANY, n) if n > 1 else () for n in call.shapes[id(part)])
        for part in parts
    ]
    sizes = [call.shapes[id(part)][axis] for part in parts]
    found = [d.matched([each[a] for each in known], outputs[0].shape[a], "cat") for a in range(rank)]
    return [_with(tuple(found), axis, d.concatenated([each[axis] for each in known], sizes))]


def _stack(call: Operation, outputs: list[Tensor]) -> Sequence[Dimensions]:
    axis = call.given["dim"] % outputs[0].ndim
    known = [found for found in (call.before[id(part)] for part in call.given["tensors"]) if found]
    shape = call.shapes[id(call.given["tensors"][0])]
    found = [d.matched([each[a] for each in known], size, "stack") for a, size in enumerate(shape)]
    return [(*found[:axis], d.one_factor(d.ANY, outputs[0].shape[axis]), *found[axis:])]


def _roll(call: Operation, outputs: list[Tensor]) -> Sequence[Dimensions]:
    found = list(call.first)
    for shift, axis in zip(call.given["shifts"], call.given["dims"], strict=True):
        (factor, *more) = found[axis] or (None,)
        # The shift is kept, because a later roll may take it back, as around the shifted windows of Swin.
        if factor is not None and not more and factor.role in (d.ROW, d.COLUMN):
            found[axis] = (replace(factor, shift=(factor.shift + shift) % factor.size),)
        elif factor is not None and not d.is_units(found[axis]):
            # Windows that could not be followed are rolled back to where they were: their own cause stays.
            (lost,) = d.unknown(d.size_of(found[axis]), d.cause_in([found[axis]], "roll"))
            found[axis] = (replace(lost, shift=1),)
    return [tuple(found)]


def _picked_or_reordered(call: Operation, outputs: list[Tensor]) -> Sequence[Dimensions]:
    """Follow an operation that picks or reorders places on a dimension: units stay units, rows and columns are lost."""
    axes = call.axes("dims" if "dims" in call.given else "dim")
    found = list(call.first)
    for axis in axes:
        if not (d.is_units(found[axis]) or d.is_mute(found[axis])):
            found[axis] = d.unknown(outputs[0].shape[axis], call.name)
        found[axis] = d.resized(found[axis], outputs[0].shape[axis], call.name)
    return [tuple(found)]


def _index(call: Operation, outputs: list[Tensor]) -> Sequence[Dimensions]:
    indices = call.given["indices"]
    given = [axis for axis, index in enumerate(indices) if index is not None]
    # Only a list of places on a single dimension is followed; indices on several dimensions join them.
    if len(given) != 1 or indices[given[0]].ndim != 1 or call.of("self") is None:
        return []
    axis, found = given[0], list(call.first)
    known = found[axis] if d.is_units(found[axis]) else d.unknown(outputs[0].shape[axis], "index")
    found[axis] = d.resized(known, outputs[0].shape[axis], "index")
    return [tuple(found)]


def _reduce(call: Operation, outputs: list[Tensor]) -> Sequence[Dimensions]:
    axes = call.axes("dim") if outputs[0].ndim else []
    kept = call.given.get("keepdim") or outputs[0].ndim == len(call.first)
    found = [() if axis in axes else each for axis, each in enumerate(call.first) if kept or axis not in axes]
    return [tuple(found) if outputs[0].ndim else ()] * len(outputs)


def _product(one: str, other: str) -> Rule:
    """Follow a matrix product of two arguments, batched or not."""

    def rule(call: Operation, outputs: list[Tensor]) -> Sequence[Dimensions]:
        left, right, shape = call.of(one), call.of(other), outputs[0].shape
        if left is None and right is None:
            return []
        # Both depend on the images, as in attention: the rows of the one and the columns of the other are left.
        if left is not None and right is not None:
            return [(*_batch(call, left, right, shape), left[-2], right[-1])]
        # One of them is a weight, whose outputs replace the dimension that is summed over.
        if left is not None:
            return [(*left[:-1], d.contracted(left, -1, shape[-1], call.name))]
        assert right is not None
        return [(*right[:-2], d.contracted(right, -2, shape[-2], call.name), right[-1])]

    return rule


def _linear(call: Operation, outputs: list[Tensor]) -> Sequence[Dimensions]:
    return [(*call.first[:-1], d.contracted(call.first, -1, outputs[0].shape[-1], call.name))]


def _strided(call: Operation, outputs: list[Tensor]) -> Sequence[Dimensions]:
    """Follow a tensor with new strides, as far as no element moves."""
    before, after = call.tensors[0], outputs[0]
    strides = zip(before.shape, before.stride(), after.stride(), strict=True)
    same = before.shape == after.shape and all(old == new for size, old, new in strides if size > 1)
    return [call.first] if same else []


def _attention(call: Operation, outputs: list[Tensor]) -> Sequence[Dimensions]:
    query, value = call.of("query"), call.of("value")
    if query is None or value is None:
        return []
    # Each query gets a mean of the values: the positions are those of the queries, the units those of the values.
    return [(*_batch(call, query, value, outputs[0].shape), query[-2], value[-1])]


def _batch(call: Operation, one: Dimensions, other: Dimensions, shape: Sequence[int]) -> Dimensions:
    """Return the dimensions before the last two of a batched product."""
    pairs = zip(one[:-2], other[:-2], strict=True)
    return tuple(d.matched(pair, size, call.name) for pair, size in zip(pairs, shape, strict=False))


def _attention_module(call: Operation, outputs: list[Tensor]) -> Sequence[Dimensions]:
    query = call.of("query")
    return [] if query is None else [(*query[:-1], d.one_factor(d.UNIT, outputs[0].shape[-1]))]


def _copy(call: Operation, outputs: list[Tensor]) -> Sequence[Dimensions]:
    """Follow writing over a tensor, or over a part of one, which then holds what was written beside what it held."""
    (written,) = _pointwise(call, outputs)
    whole = outputs[0]._base
    held = None if whole is None else dimensions_of(whole)
    causes = {cause for cause in [d.cause_in([each], "") for each in written] if cause in d.MOVING}
    if whole is not None and held and _is_part(outputs[0], whole, held):
        mark(whole, tuple(d.unknown(d.size_of(each), "slice") if d.UNKNOWN in d.roles(each) else each for each in held))
        return [written]
    if whole is not None and held and causes:
        lost = [d.unknown(size, min(causes)) for size in whole.shape]
        places = (d.ROW, d.COLUMN, d.TOKENS)
        mark(whole, tuple(new if d.roles(old) & set(places) else old for old, new in zip(held, lost, strict=True)))
    return [written]


def _is_part(view: Tensor, whole: Tensor, held: Dimensions) -> bool:
    """Say whether what is written over is a part of rows or columns of a tensor of which nothing is known yet.

    A cell on each side is let pass: padding that goes round writes the middle, and then the sides.
    """
    if view.ndim != whole.ndim or not d.has_places(held):
        return False
    sizes = [
        (n, n_whole) for n, n_whole, each in zip(view.shape, whole.shape, held, strict=True) if d.is_lost_place(each)
    ]
    return any(1 < n < n_whole - 2 for n, n_whole in sizes)


_NORMS = (
    *("native_batch_norm", "_native_batch_norm_legit", "_native_batch_norm_legit_no_training", "cudnn_batch_norm"),
    *("miopen_batch_norm", "_batch_norm_with_update", "batch_norm", "_batch_norm_no_update"),
)
_VIEWS = ("view", "_unsafe_view", "reshape", "_reshape_alias", "_reshape_copy", "view_copy", "flatten", "unflatten")
_REDUCTIONS = (
    *("mean", "sum", "amax", "amin", "max", "min", "std", "var", "norm", "logsumexp", "any", "all", "prod", "argmax"),
    *("argmin", "var_mean", "std_mean", "linalg_vector_norm", "median", "nansum", "aminmax"),
)
_GATHERING = (
    *("max_pool2d_with_indices", "max_pool2d", "mkldnn_max_pool2d", "avg_pool2d", "adaptive_avg_pool2d"),
    *("_adaptive_avg_pool2d", "mkldnn_adaptive_avg_pool2d", "adaptive_max_pool2d", "fractional_max_pool2d"),
    *("upsample_nearest2d", "upsample_bilinear2d", "upsample_bicubic2d", "_upsample_nearest_exact2d"),
    *("_upsample_bilinear2d_aa", "_upsample_bicubic2d_aa", "reflection_pad2d", "replication_pad2d"),
)
_ATTENTIONS = (
    *("_scaled_dot_product_flash_attention", "_scaled_dot_product_flash_attention_for_cpu"),
    *("_scaled_dot_product_efficient_attention", "_scaled_dot_product_attention_math"),
    *("_scaled_dot_product_cudnn_attention", "_scaled_dot_product_fused_attention_overrideable"),
    *("_scaled_dot_product_attention_math_for_mps", "scaled_dot_product_attention"),
)
_UNCHANGED = (
    *("alias", "detach", "clone", "contiguous", "_to_copy", "to", "lift_fresh", "_softmax", "softmax", "_log_softmax"),
    *("log_softmax", "_safe_softmax", "cumsum", "native_group_norm", "native_dropout", "_fused_rms_norm", "rms_norm"),
    *("masked_fill", "bernoulli", "prelu", "_prelu_kernel", "rrelu", "rrelu_with_noise", "view_as", "index_put"),
    *("zero", "fill", "_fused_dropout", "dropout", "feature_dropout", "alias_copy", "channel_shuffle"),
)
_POINTWISE = (
    *("hardswish", "hardsigmoid", "hardtanh", "elu", "celu", "selu", "softplus", "leaky_relu", "mish", "silu", "gelu"),
    *("log_sigmoid_forward", "hardshrink", "softshrink", "threshold", "relu6", "lerp", "addcmul", "addcdiv", "where"),
)
RULES: dict[str, Rule] = {
    **dict.fromkeys(_POINTWISE, _pointwise),
    **dict.fromkeys(_UNCHANGED, _same),
    **dict.fromkeys(_VIEWS, _reshape),
    **dict.fromkeys(_REDUCTIONS, _reduce),
    **dict.fromkeys(_GATHERING, spatial.gathered),
    **dict.fromkeys(_NORMS, _batch_norm),
    **dict.fromkeys(_ATTENTIONS, _attention),
    **dict.fromkeys(("convolution", "_convolution", "conv2d", "conv1d", "mkldnn_convolution"), spatial.convolved),
    **dict.fromkeys(("convolution_overrideable", "cudnn_convolution", "conv_depthwise2d"), spatial.convolved),
    **dict.fromkeys(("_conv_depthwise2d", "thnn_conv2d", "_slow_conv2d_forward", "slow_conv2d"), spatial.convolved),
    **dict.fromkeys(("split", "split_with_sizes", "chunk", "tensor_split", "unsafe_split"), _split),
    **dict.fromkeys(("flip", "index_select", "gather", "sort", "topk"), _picked_or_reordered),
    **dict.fromkeys(("select", "unbind"), _select),
    **dict.fromkeys(("linear", "mkldnn_linear", "_mkl_linear"), _linear),
    **dict.fromkeys(("constant_pad_nd", "pad"), spatial.padded),
    "native_layer_norm": _layer_norm,
    "layer_norm": _layer_norm,
    **dict.fromkeys(("_fft_r2c", "_fft_c2c", "_fft_c2r"), spatial.fourier),
    "as_strided": _strided,
    "squeeze": _squeeze,
    "unsqueeze": _unsqueeze,
    "expand": _expand,
    "repeat": _repeat,
    "permute": _permute,
    "transpose": _transpose,
    "t": _transpose,
    "slice": _slice,
    "cat": _cat,
    "stack": _stack,
    "roll": _roll,
    "index": _index,
    "unfold": spatial.windows,
    "im2col": spatial.patches,
    "copy": _copy,
    "addmm": _product("mat1", "mat2"),
    "mm": _product("self", "mat2"),
    "bmm": _product("self", "mat2"),
    "baddbmm": _product("batch1", "batch2"),
    "_native_multi_head_attention": _attention_module,
    "_transformer_encoder_layer_fwd": _same,
    "_addmm_activation": _product("mat1", "mat2"),
}
