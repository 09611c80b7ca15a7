"""Look at every call of a network's modules, counted from one in each forward pass.

The one place that registers hooks; `precompute.models.sites` and `precompute.models.hooks` say what is done with them.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

OnCall = Callable[[str, int, Any], Any]
OnStart = Callable[[str, Any], object]
OnPass = Callable[[Any], object]


def _nothing(_path: str, _inputs: Any) -> None:
    """Do nothing at the start of a call."""


def _never_mind(_inputs: Any) -> None:
    """Do nothing at the start of a forward pass."""


@contextmanager
def watched_calls(
    network: nn.Module,
    paths: Iterable[str],
    on_call: OnCall,
    *,
    on_start: OnStart = _nothing,
    on_pass: OnPass = _never_mind,
) -> Iterator[None]:
    """Call `on_call(path, call, output)` after every call of the modules at `paths`.

    Hooks of the network's own run after `on_call`, on what it returns. Counting starts afresh at every forward pass of
    `network`, so that a pass that raised half-way leaves no trace in the next. The hooks are gone when the block is
    left, however it is left.

    Parameters
    ----------
    network
        The root: its forward passes are what calls are counted in.
    paths
        Dotted paths as in ``network.named_modules()``. Parts that are TorchScript are passed over.
    on_call
        Receives the module's path, which call of the module this is (1 is the first) and its output. What it returns
        replaces the output for everything downstream, unless it is None.
    on_start
        Called with the module's path and its positional arguments before each call.
    on_pass
        Called with the network's positional arguments before each forward pass.
    """
    calls: Counter[str] = Counter()

    def start_afresh(_module: nn.Module, inputs: Any) -> None:
        calls.clear()
        on_pass(inputs)

    def start_hook_for(path: str) -> Callable[[nn.Module, Any], None]:
        def hook(_module: nn.Module, inputs: Any) -> None:
            on_start(path, inputs)

        return hook

    with ExitStack() as hooks:
        hooks.enter_context(_removed(network.register_forward_pre_hook(start_afresh, prepend=True)))
        for path in paths:
            module = network.get_submodule(path)
            if isinstance(module, torch.jit.ScriptModule):
                continue  # it takes no hooks, and nothing inside it is called from here
            hooks.enter_context(_removed(module.register_forward_hook(_Watcher(path, calls, on_call))))
            _run_before_own_hooks(module)
            hooks.enter_context(_removed(module.register_forward_pre_hook(start_hook_for(path))))
        yield


@dataclass(frozen=True, eq=False)
class _Watcher:
    """A hook that counts the calls of a module and hands on what it returns."""

    path: str
    calls: Counter[str]
    on_call: OnCall

    def __call__(self, _module: nn.Module, _inputs: Any, output: Any) -> Any:
        self.calls[self.path] += 1
        return self.on_call(self.path, self.calls[self.path], output)


def _run_before_own_hooks(module: nn.Module) -> None:
    """Let hooks of the network's own run last: they may keep the output, for use elsewhere."""
    for number, hook in list(module._forward_hooks.items()):
        if not isinstance(hook, _Watcher):
            module._forward_hooks.move_to_end(number)  # type: ignore[attr-defined]  # it is an ordered dictionary


@contextmanager
def _removed(handle: Any) -> Iterator[None]:
    try:
        yield
    finally:
        handle.remove()
