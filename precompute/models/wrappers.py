"""Take networks out of the wrappers that training puts around them.

``DataParallel``, ``DistributedDataParallel`` and ``torch.compile`` change the paths of the modules, and hooks cannot
count calls that run in several threads or in compiled code.
"""

from typing import Any

import torch
from torch import nn


def peeled(network: nn.Module) -> nn.Module:
    """Return the network inside the wrappers around the whole of it; wrappers around its parts stay."""
    while _is_wrapper(network):
        network = _inner(network)
    return network


def unwrapped(network: nn.Module) -> nn.Module:
    """Return the network inside its wrappers, and take the wrappers off its parts too."""
    torch.compiler.set_stance("force_eager")  # so that functions compiled with torch.compile run uncompiled
    network = peeled(network)
    for module in network.modules():
        module._compiled_call_impl = None  # set by module.compile()
        # named_children() would leave out the second name of a module that has two.
        for name, child in module._modules.items():
            if child is not None and _is_wrapper(child):
                setattr(module, name, peeled(child))
    return network


def _is_wrapper(module: nn.Module) -> bool:
    parallel = (nn.DataParallel, nn.parallel.DistributedDataParallel)
    return isinstance(module, parallel) or hasattr(module, "_orig_mod")


def _inner(wrapper: Any) -> nn.Module:
    return wrapper._orig_mod if hasattr(wrapper, "_orig_mod") else wrapper.module
