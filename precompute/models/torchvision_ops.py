"""Make torchvision importable where its compiled part was built for another torch.

The registry's torchvision is built for CUDA. Beside a CPU-only torch its compiled operators do not load, and
``import torchvision`` fails on two operators that it decorates at import time. Declaring those two is enough for its
models and transforms; neither uses them. Where the compiled part loads, the operators exist and nothing is declared.

Import this module before any torchvision.
"""

import importlib.util
from pathlib import Path

import torch

_MISSING = {
    "nms": "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms": "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
}


def _declare_missing() -> torch.library.Library | None:
    if _compiled_part_loads():
        return None
    library = torch.library.Library("torchvision", "FRAGMENT")
    for name, schema in _MISSING.items():
        library.define(f"{name}{schema}")
    return library


def _compiled_part_loads() -> bool:
    spec = importlib.util.find_spec("torchvision")
    if spec is None or spec.origin is None:
        return False
    for binary in Path(spec.origin).parent.glob("_C*"):
        try:
            torch.ops.load_library(str(binary))
        except OSError:
            return False
        return True
    return False


# The declarations live as long as the library object does.
_library = _declare_missing()
