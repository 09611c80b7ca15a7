"""Autograd's names of torch's operations, grouped by what they do to units."""

# One number in, one number out: first the linear operations, then the others.
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

# Neighbouring positions are combined, within each unit.
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

# The same numbers in another arrangement. Views keep their order; the others name the dimensions that they move.
VIEWS = frozenset({"Expand", "ReshapeAlias", "Squeeze", "UnsafeView", "Unsqueeze", "View"})
REARRANGEMENT = VIEWS | {
    *("Cat", "ChannelShuffle", "ConstantPadNd", "Flip", "Im2Col", "Index", "IndexSelect", "Permute", "PixelShuffle"),
    *("PixelUnshuffle", "Repeat", "Roll", "Select", "Slice", "Split", "SplitWithSizes", "Stack", "Transpose", "Unbind"),
}

# Weighted sums whose weights are parameters.
WEIGHTED_SUMS = frozenset({"Addmm", "Baddbmm", "Bmm", "Convolution", "Linear", "Mm"})

# Guided backpropagation may pass gradients through these unchanged.
STRAIGHT = LINEAR_POINTWISE | SUM | POOLING | REDUCTIONS | NORMALISATION | REARRANGEMENT
