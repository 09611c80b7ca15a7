"""Layouts by the class of a module, as its library documents them or as its code says.

A layout is a word with one letter for each dimension: N images, C units, H and W rows and columns of the picture, T its
tokens row by row with any class or register tokens before them, X positions in another order, ? positions whose order
depends on where the module stands. A class has a word for each number of dimensions that its output may have.
"""

CLASSES: dict[str, str] = {
    # torch.nn documents them so
    **dict.fromkeys(
        (
            *("Conv2d", "ConvTranspose2d", "BatchNorm2d", "SyncBatchNorm", "InstanceNorm2d", "MaxPool2d", "AvgPool2d"),
            *("AdaptiveAvgPool2d", "AdaptiveMaxPool2d", "LPPool2d", "Upsample", "UpsamplingNearest2d", "PixelShuffle"),
            *("UpsamplingBilinear2d", "ZeroPad2d", "ReflectionPad2d", "Dropout2d", "ChannelShuffle"),
        ),
        "NCHW",
    ),
    "GroupNorm": "NC? NCHW",
    **dict.fromkeys(("Conv1d", "AvgPool1d", "Unfold"), "NC?"),
    "BatchNorm1d": "NC NC?",
    # torch.nn: the last dimension is the one that is mixed, or normalised
    "Linear": "NC N?C N??C",
    "LayerNorm": "NC N?C N??C",
    "RMSNorm": "NC N?C N??C",
    # torchvision.ops.misc, timm.layers: "LayerNorm for channels of '2D' spatial NCHW tensors", and their kin
    **dict.fromkeys(
        (
            *("LayerNorm2d", "LayerNorm2dFp32", "LayerNormExp2d", "LayerNormAct2d", "LayerNormAct2dFp32", "RmsNorm2d"),
            *("RmsNorm2dFp32", "SimpleNorm2d", "SimpleNorm2dFp32", "FrozenBatchNorm2d", "FrozenBatchNormAct2d"),
            *("FilterResponseNormTlu2d", "FilterResponseNormAct2d", "LayerScale2d", "BlurPool2d", "SqueezeExcitation"),
            *("EvoNorm2dB0", "EvoNorm2dS0", "EvoNorm2dS0a", "CondConv2d", "MixedConv2d", "ConvNormAct", "ConvMlp"),
            *("SqueezeExcite", "SEModule", "EffectiveSEModule", "EcaModule", "GlobalContext", "GatherExcite"),
            *("SeparableConv2d", "SeparableConvNormAct", "SpaceToDepth", "DepthToSpace", "SelectiveKernel"),
            *("SplitAttn", "CbamModule", "HaloAttn", "BottleneckAttn", "LambdaLayer", "BatNonLocalAttn", "DropBlock2d"),
            *("Conv2dNormActivation", "FastAdaptiveAvgPool"),
        ),
        "NCHW",
    ),
    **dict.fromkeys(("RmsNorm", "RmsNormFp32", "SimpleNorm", "SimpleNormFp32"), "NC N?C N??C"),
    # timm.layers: channels last
    **dict.fromkeys(
        ("SwiGLU", "LayerScale", "SqueezeExciteCl"),
        "NC N?C N??C",
    ),
}

# One number in, one number out: the layout is that of what goes in.
POINTWISE = frozenset(
    {
        *("Dropout", "Identity", "ReLU", "ReLU6", "LeakyReLU", "PReLU", "ELU", "GELU", "SiLU", "Mish", "Sigmoid"),
        *("Hardswish", "Hardsigmoid", "Hardtanh", "Tanh", "Softplus", "StochasticDepth", "DropPath", "GELUTanh"),
        *("QuickGELU", "Swish", "HardSwish", "HardSigmoid", "SwishMe", "HardSwishMe", "StarReLU", "SquaredReLU"),
        *("GammaAct", "Scale", "PatchDropout", "GlobalResponseNorm"),
    }
)
