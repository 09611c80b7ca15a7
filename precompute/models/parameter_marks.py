"""What the names of parameters tell about how a checkpoint was made, where that is why it does not fit."""

import re
from collections.abc import Iterable

ADAPTER = re.compile(r"(^|\.)lora_")
"""The names of low-rank adapters: matrices that are added to a weight of the network."""

ADAPTERS_TOLD = (
    "Such adapters (LoRA) change the network's weights: merge them into these before you save "
    "(merge_and_unload, where peft made them)."
)

_MARKS = (
    (ADAPTER, ADAPTERS_TOLD),
    (
        re.compile(r"(^|\.)weight_orig$|(^|\.)weight_mask$"),
        "Its network computes a weight from others. Remove the pruning (torch.nn.utils.prune.remove) or the weight "
        "normalisation before you save.",
    ),
    (
        re.compile(r"(^|\.)(weight_g|weight_v)$|(^|\.)parametrizations\."),
        "Its network computes a weight from others, as weight normalisation does. Add the same to the network in the "
        "function that returns it, or take it off before you save.",
    ),
    (
        re.compile(r"fake_quant|activation_post_process|(^|\.)(zero_point|_packed_params)($|\.)"),
        "Its network was quantised, or was trained to be. Save the network in floating point.",
    ),
)


def told_by(names: Iterable[str]) -> str:
    """Say why a checkpoint has these names, in a sentence after a blank; empty where they tell nothing.

    Parameters
    ----------
    names
        Of tensors in the checkpoint that the network does not have.
    """
    names = list(names)
    for mark, told in _MARKS:
        if any(mark.search(name) for name in names):
            return f" {told}"
    return ""
