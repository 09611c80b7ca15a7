"""Autograd's names of torch's operations, sorted by what they do to units."""

# One number in, one number out; the straight ones first.
LINEAR_POINTWISE = frozenset({"Alias", "Clone", "Neg", "ToCopy"})
BENT_POINTWISE = frozenset(
    {
        *("Abs", "Celu", "Clamp", "ClampMax", "ClampMin", "Elu", "Exp", "Gelu", "Hardshrink", "Hardsigmoid"),
        *("Hardswish", "Hardtanh", "LeakyRelu", "LogSigmoid", "Mish", "Pow", "PreluKernel", "Reciprocal", "Relu"),
        *("RreluWithNoise", "Rsqrt", "Sigmoid", "Silu", "Softplus", "Softshrink", "Sqrt", "Tanh", "Threshold"),
    }
)

# Linear where the other operand does not depend on the image.
SCALING = frozenset({"Div", "Mul"})
SUM = frozenset({"Add", "Rsub", "Sub"})

# Neighbours in space are gathered, each unit for itself.
POOLING = frozenset(
    {
        *("AdaptiveAvgPool2D", "AdaptiveMaxPool2D", "AvgPool2D", "FractionalMaxPool2D", "MaxPool2D"),
        *("MaxPool2DWithIndices", "MkldnnMaxPool2D", "ReflectionPad2D", "ReplicationPad2D"),
        *("UpsampleBicubic2D", "UpsampleBilinear2D", "UpsampleNearest2D", "UpsampleNearestExact2D"),
    }
)
REDUCTIONS = frozenset({"Amax", "Amin", "Max", "Mean", "Min", "Sum"})

BATCH_NORM = frozenset({"CudnnBatchNorm", "MiopenBatchNorm", "NativeBatchNorm"})
NORMALISATION = BATCH_NORM | {"NativeGroupNorm", "NativeLayerNorm"}

# The same numbers in another arrangement: views keep their order, the others are told by the dimensions they name.
VIEWS = frozenset({"Expand", "ReshapeAlias", "Squeeze", "UnsafeView", "Unsqueeze", "View"})
REARRANGEMENT = VIEWS | {
    *("Cat", "ChannelShuffle", "ConstantPadNd", "Flip", "Im2Col", "Index", "IndexSelect", "Permute", "PixelShuffle"),
    *("PixelUnshuffle", "Repeat", "Roll", "Select", "Slice", "Split", "SplitWithSizes", "Stack", "Transpose", "Unbind"),
}

# Weighted sums whose weights are parameters.
KERNEL = frozenset({"Addmm", "Baddbmm", "Bmm", "Convolution", "Linear", "Mm"})

# Through which guided backpropagation may pass a gradient as it is.
STRAIGHT = LINEAR_POINTWISE | SUM | POOLING | REDUCTIONS | NORMALISATION | REARRANGEMENT
