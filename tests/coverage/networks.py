"""Which networks are looked at, and the small input that each is given."""

# Before any torchvision, and timm brings it.
import precompute.models.torchvision_ops  # noqa: F401

# isort: split
import re
import warnings
from dataclasses import dataclass, field, replace
from typing import Any

import torch
import torchvision
from torch import nn

N_OUTPUTS = 20


@dataclass(frozen=True)
class Network:
    """One network with random weights.

    Parameters
    ----------
    library
        torchvision or timm.
    family
        What rules of layouts go by: timm's module, or torchvision.swin and the like, torchvision for the others.
    name
        As its library calls it.
    size
        Side of the images, in pixels.
    options
        What it is made with beside the number of outputs.
    first_of_family
        Whether one network a family would be this one.
    """

    library: str
    family: str
    name: str
    size: int = 64
    options: dict[str, Any] = field(default_factory=dict)
    first_of_family: bool = True

    def build(self) -> nn.Module:
        """Make the network, in evaluation mode; the same weights each time."""
        torch.manual_seed(0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if self.library == "torchvision":
                made = torchvision.models.get_model(self.name, weights=None, num_classes=N_OUTPUTS, **self.options)
            else:
                import timm

                made = timm.create_model(self.name, pretrained=False, num_classes=N_OUTPUTS, **self.options)
        return made.eval()


def of_torchvision() -> list[Network]:
    """Return every classification network of torchvision."""
    networks = [_torchvision(name) for name in torchvision.models.list_models(module=torchvision.models)]
    return [replace(network, first_of_family=network.name in _FIRST) for network in networks]


_FIRST = {
    *("alexnet", "convnext_tiny", "densenet121", "efficientnet_b0", "efficientnet_v2_s", "googlenet", "inception_v3"),
    *("maxvit_t", "mnasnet0_5", "mobilenet_v2", "mobilenet_v3_small", "regnet_x_400mf", "regnet_y_400mf", "resnet18"),
    *("resnet50", "shufflenet_v2_x0_5", "squeezenet1_0", "swin_t", "swin_v2_t", "vgg11", "vgg11_bn", "vit_b_16"),
}


def _torchvision(name: str) -> Network:
    known = re.match("convnext|swin|vit|maxvit", name)
    family = f"torchvision.{known[0]}" if known else "torchvision"
    if family == "torchvision.vit":
        size = 56 if name.endswith("14") else 64
        return Network("torchvision", family, name, size, {"image_size": size})
    if name in ("googlenet", "inception_v3"):
        # The auxiliary heads are the training's; 75 is the least that inception_v3 takes.
        return Network("torchvision", family, name, 96, {"aux_logits": False, "init_weights": False})
    return Network("torchvision", family, name, 224 if family == "torchvision.maxvit" else 64)


# The smallest member of each family (a module of timm), and a second where a family has two ways to lay out its maps.
# Behind the name: the side of its images where 64 is not taken; * for a network that is made for one size.
_TIMM = {
    "beit": "beit_base_patch16_224*",
    "byoanet": "botnet26t_256* halonet26t:256 lambda_resnet26t*",
    "byobnet": "test_byobnet",
    "cait": "cait_xxs24_224*",
    "coat": "coat_lite_tiny*",
    "convit": "convit_tiny*",
    "convmixer": "convmixer_768_32",
    "convnext": "convnext_atto convnextv2_atto convnext_tiny",
    "cpubone": "cpubone_nano",
    "crossvit": "crossvit_tiny_240:240",
    "csatv2": "csatv2",
    "cspnet": "cs3darknet_focus_s",
    "cspnext": "cspnext_tiny",
    "davit": "davit_tiny",
    "deit": "deit_tiny_distilled_patch16_224*",
    "densenet": "densenet121",
    "dla": "dla46x_c",
    "dpn": "dpn48b",
    "edgenext": "edgenext_xx_small",
    "efficientformer": "efficientformer_l1*:224",
    "efficientformer_v2": "efficientformerv2_s0*",
    "efficientnet": "test_efficientnet",
    "efficientvim": "efficientvim_m1",
    "efficientvit_mit": "efficientvit_b0",
    "efficientvit_msra": "efficientvit_m0*",
    "eva": "eva02_tiny_patch14_224*:56",
    "fasternet": "fasternet_t0",
    "fastvit": "fastvit_t8",
    "focalnet": "focalnet_tiny_srf",
    "gcvit": "gcvit_xxtiny*",
    "gemma4_vit": "gemma4_vit_167m*",
    "ghostnet": "ghostnet_050",
    "hardcorenas": "hardcorenas_a",
    "hgnet": "hgnetv2_b0",
    "hiera": "hiera_tiny_224*",
    "hieradet_sam2": "sam2_hiera_tiny",
    "hrnet": "hrnet_w18_small",
    "iformer": "iformer_t",
    "inception_next": "inception_next_atto",
    "inception_resnet_v2": "inception_resnet_v2:96",
    "inception_v3": "inception_v3:96",
    "inception_v4": "inception_v4:96",
    "lcnetv2": "lcnetv2_small",
    "levit": "levit_128s* levit_conv_128s*",
    "lowformer": "lowformer_b0",
    "mambaout": "test_mambaout",
    "maxxvit": "maxvit_rmlp_pico_rw_256* coatnet_pico_rw_224*",
    "metaformer": "poolformer_s12 caformer_s18",
    "mlp_mixer": "mixer_s32_224* gmlp_ti16_224* resmlp_12_224*",
    "mobilenetv3": "mobilenetv3_small_050",
    "mobilenetv5": "mobilenetv5_base",
    "mobilevit": "mobilevit_xxs* mobilevitv2_050*",
    "mvitv2": "mvitv2_tiny mvitv2_small_cls",
    "naflexvit": "naflexvit_base_patch16_gap*",
    "nasnet": "nasnetalarge:96",
    "nest": "nest_tiny*",
    "nextvit": "nextvit_small",
    "nfnet": "test_nfnet",
    "pit": "pit_ti_224*",
    "pnasnet": "pnasnet5large:96",
    "pvt_v2": "pvt_v2_b0",
    "qwen3_vit": "qwen3_vit_88m*",
    "rdnet": "rdnet_tiny",
    "regnet": "regnetx_002",
    "repghost": "repghostnet_050",
    "repvit": "repvit_m0_9*",
    "res2net": "res2net50_48w_2s",
    "resnest": "resnest14d",
    "resnet": "test_resnet",
    "resnetv2": "resnetv2_18",
    "rexnet": "rexnet_100",
    "selecsls": "selecsls42",
    "senet": "legacy_seresnet18",
    "sequencer": "sequencer2d_s*",
    "shvit": "shvit_s1",
    "sknet": "skresnet18",
    "starnet": "starnet_s050",
    "swiftformer": "swiftformer_xs*",
    "swin_transformer": "swin_tiny_patch4_window7_224*",
    "swin_transformer_v2": "swinv2_tiny_window8_256*",
    "swin_transformer_v2_cr": "swinv2_cr_tiny_224*",
    "tiny_vit": "tiny_vit_5m_224",
    "tnt": "tnt_s_patch16_224*",
    "tresnet": "tresnet_m",
    "twins": "twins_pcpvt_small twins_svt_small",
    "vgg": "vgg11",
    "visformer": "visformer_tiny*",
    "vision_transformer": "test_vit* test_vit4*",
    "vision_transformer_hybrid": "vit_tiny_r_s16_p8_224*",
    "vision_transformer_relpos": "test_vit_relpos*",
    "vision_transformer_sam": "samvit_base_patch16_224*",
    "vitamin": "vitamin_small_224*",
    "volo": "volo_d1_224*",
    "vovnet": "ese_vovnet19b_slim_dw",
    "xception": "legacy_xception",
    "xception_aligned": "xception41",
    "xcit": "xcit_nano_12_p16_224",
}

LEFT_OUT = {
    "deepseek_vit": "its smallest member has 412 million parameters",
}


def of_timm() -> list[Network]:
    """Return the smallest member of every family of timm that is looked at."""
    return [_timm(family, word) for family, words in _TIMM.items() for word in words.split()]


def _timm(family: str, word: str) -> Network:
    name, _, size = word.replace("*", "").partition(":")
    side = int(size or 64)
    return Network("timm", family, name, side, {"img_size": side} if "*" in word else {})
