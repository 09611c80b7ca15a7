"""Layouts that no class tells, by family: read by hand off the code of torchvision 0.28 and timm 1.0.

Each entry is a pattern of a module's path and the words of `tests.coverage.classes` that hold there, "none" where the
output has no units on one dimension: attention weights, and channels dealt out to heads.
"""

Rules = tuple[tuple[str, str], ...]

# In every family: (image, head, token, token) or (image, head, token, channel).
EVERYWHERE: Rules = ((r"(^|[._])(attn_drop|softmax|rel_pos|q_norm|k_norm)$", "none"),)

# These go before the class of the module.
FIRST: dict[str, Rules] = {
    "torchvision.convnext": ((r"\.block\.[1-5]$", "NHWC"), (r"\.block\.0$", "NCHW")),
    "torchvision.swin": ((r"^features\.0\.0$", "NCHW"), (r"^permute$", "NCHW"), (r"^features\.0\.1$", "NHWC")),
    # (image, window, place in the window, channel), and the swapped order
    "torchvision.maxvit": (
        (r"_attention\.(partition_op|partition_swap|attn_layer|mlp_layer|departition_swap)(\.|$)", "NXXC"),
        (r"_attention(\.departition_op)?$", "NCHW"),
    ),
    # logits of attention between tokens, a head each
    "cait": ((r"\.attn\.proj_[lw]$", "NXXC"),),
    "convit": ((r"\.attn\.pos_proj$", "NXXC"),),
    "coat": ((r"crpe\d(#|$)", "none"),),
    # a layer of one channel
    "csatv2": ((r"\.attn\.attn\.(pos_embed|norm|attn|mlp)", "N?C"),),
    # Its state has no place in the picture.
    "efficientvim": ((r"\.mixer\.(act|hz_proj|out_proj)(\.|$)", "NCX"),),
    "efficientvit_mit": ((r"\.kernel_func$", "none"),),
    # The tokens of a mask unit lie together, so that pooling is a view.
    # Behind the last pooling, in the tenth block of the tiny one, the mask units themselves are left, row by row.
    "hiera": (
        (r"^patch_embed", "NTC NCHW"),
        (r"^blocks\.10\.(norm1|proj|attn\.qkv)$", "NXC"),
        (r"^blocks\.1[01](\.|$)|^norm", "NTC NC"),
        (r"^(unroll|blocks)", "NXC"),
    ),
    # What mixes tokens works on (image, channel, token): hidden units are last there, the units of what it returns not.
    "mlp_mixer": (
        (r"\.mlp_tokens\.(fc1|act|drop1|norm)$", "NXC"),
        (r"\.mlp_tokens(\.fc2|\.drop2)?$", "NCT"),
        (r"\.gate\.proj$", "NCT"),
        (r"\.linear_tokens$", "NCT"),
    ),
    # (image, channel, place in the patch, patch)
    "mobilevitv2_050": ((r"\.transformer(\.|$)", "NCXX"),),
    "mvitv2": ((r"\.norm_[qkv]$", "none"),),
    # (image, block, place in the block, channel)
    "nest": ((r"\.transformer_encoder(\.|$)", "NXXC"),),
}

_PLAIN = "NCHW NC?"
_TOKENS = "NTC NCHW"

# These go after it. What is not here is convolutional: its maps are (image, channel, row, column) throughout.
LAST: dict[str, Rules] = {
    "torchvision.convnext": ((r"", _PLAIN),),
    "torchvision.swin": ((r"", "NHWC"),),
    "torchvision.vit": ((r"", _TOKENS),),
    **dict.fromkeys(
        (
            *("beit", "deit", "eva", "vision_transformer_relpos", "naflexvit", "convit", "cait", "crossvit", "coat"),
            *("xcit", "pit", "pvt_v2", "twins", "tnt", "vision_transformer_hybrid", "vitamin", "mlp_mixer", "levit"),
            *("mvitv2", "metaformer", "efficientformer", "davit", "gemma4_vit", "deepseek_vit"),
        ),
        ((r"", _TOKENS),),
    ),
    "vision_transformer": ((r"^patch_embed", "NHWC NTC"), (r"", _TOKENS)),
    "qwen3_vit": ((r"^encoder(\.patch_embed.*)?$", "NHWC NTC"), (r"", _TOKENS)),
    "vision_transformer_sam": ((r"^neck", "NCHW"), (r"", "NHWC NTC")),
    "hieradet_sam2": ((r"", "NHWC"),),
    "mambaout": ((r"", "NHWC"),),
    "swin_transformer": ((r"", "NHWC NTC"),),
    "swin_transformer_v2": ((r"", "NHWC NTC"),),
    "swin_transformer_v2_cr": ((r"^(patch_embed|stages|stages\.\d)$", "NCHW"), (r"", "NHWC NTC")),
    "sequencer": ((r"", "NHWC"),),
    "volo": ((r"", "NHWC NTC"),),
    "tiny_vit": ((r"^stages\.[123]\.blocks", "NHWC NTC"), (r"", "NCHW NTC")),
    "gcvit": ((r"^stages\.\d\.blocks", "NHWC NTC"), (r"^stages\.\d\.global_norm$", "NHWC"), (r"", _PLAIN)),
    "maxxvit": ((r"\.attn_(block|grid)(\.|$)", "NHWC"), (r"", "NCHW")),
    "edgenext": ((r"\.(mlp|norm)(\.|$)", "NHWC NTC"), (r"", _TOKENS)),
    "convnext": ((r"\.mlp\.(act|drop\d|norm|grn)$", "N??C"), (r"\.mlp$", "N??C"), (r"", "NCHW")),
    "csatv2": ((r"", _TOKENS),),
    "efficientvim": ((r"", "NCHW"),),
}
CONVOLUTIONAL: Rules = ((r"", _PLAIN),)
