"""Watch every call of a network's modules, counted from 1 in each forward pass.

Hooks for single modules are registered only here; `precompute.models.sites` and `precompute.models.hooks` build on
them.
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

    Hooks that the network itself has run after `on_call`, on what `on_call` returns. Counting restarts at every forward
    pass of `network`, so that a pass that failed half-way does not disturb the next. The hooks are removed when the
    block ends, also by an error.

    Parameters
    ----------
    network
        The root module. Calls are counted within each of its forward passes.
    paths
        Dotted paths as in ``network.named_modules()``. TorchScript modules are skipped.
    on_call
        Receives the module's path, the number of this call of the module (1 is the first) and the module's output.
        Unless it returns None, its return value replaces the output for everything downstream.
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
                continue  # TorchScript takes no hooks, and the modules inside it are not called from Python
            hooks.enter_context(_removed(module.register_forward_hook(_Watcher(path, calls, on_call))))
            _run_before_own_hooks(module)
            hooks.enter_context(_removed(module.register_forward_pre_hook(start_hook_for(path))))
        yield


@dataclass(frozen=True, eq=False)
class _Watcher:
    """A hook that counts the calls of a module and passes each output to `on_call`."""

    path: str
    calls: Counter[str]
    on_call: OnCall

    def __call__(self, _module: nn.Module, _inputs: Any, output: Any) -> Any:
        self.calls[self.path] += 1
        return self.on_call(self.path, self.calls[self.path], output)


def _run_before_own_hooks(module: nn.Module) -> None:
    """Let the network's own hooks run last, because they may keep the output for later use."""
    for number, hook in list(module._forward_hooks.items()):
        if not isinstance(hook, _Watcher):
            module._forward_hooks.move_to_end(number)  # type: ignore[attr-defined]  # it is an ordered dictionary


@contextmanager
def _removed(handle: Any) -> Iterator[None]:
    try:
        yield
    finally:
        handle.remove()
