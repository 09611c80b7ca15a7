"""A device beside the CPU, for machines without one: it computes on the CPU and is as strict as a GPU.

Its tensors say that they are elsewhere, their values lie in ordinary memory. Arguments that lie on two devices are
refused, as every GPU refuses them, and so is float64, which Apple's do not have. The rest is left to the CPU, so that
results are those of the CPU to the last bit.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode, _get_current_dispatch_mode_stack
from torch.utils._pytree import tree_leaves, tree_map
from torch.utils.backend_registration import _DummyBackendModule, _setup_privateuseone_for_python_backend

aten = torch.ops.aten

# Not a name of a layer: PyTorch adds a method of this name to every module.
NAME = "elsewhere"

_BETWEEN_DEVICES = (aten._to_copy.default, aten.copy_.default)
_WAITING = (aten.nonzero.default, aten._local_scalar_dense.default, aten.item.default, aten.lift_fresh.default)
_BY_INDEX = (aten.index.Tensor, aten.index_put.default, aten.index_put_.default, aten._index_put_impl_.default)


@contextmanager
def second_device() -> Iterator[torch.device]:
    """Have a second device inside the block, in this thread."""
    with _Mode():
        yield torch.device(NAME, 0)


def crossings() -> int:
    """Return how often, inside the block so far, values went from one device to the other: a GPU waits each time."""
    return next(mode.crossings for mode in _get_current_dispatch_mode_stack() if isinstance(mode, _Mode))


class Elsewhere(Tensor):
    """A tensor on the second device; `here` is the same memory as a tensor on the CPU."""

    here: Tensor

    @staticmethod
    def __new__(cls, here: Tensor) -> "Elsewhere":
        """Stand for a tensor on the CPU."""
        if here.dtype == torch.float64:
            raise TypeError(f"Expected no float64 on {NAME}, but got a tensor of {tuple(here.shape)}.")
        made = Tensor._make_wrapper_subclass(
            cls,
            here.shape,
            strides=here.stride(),
            storage_offset=here.storage_offset(),
            dtype=here.dtype,
            device=torch.device(NAME, 0),
            requires_grad=here.requires_grad,
        )
        made.here = here
        return made

    def __repr__(self) -> str:
        return f"{NAME}: {self.here}"

    @classmethod
    def __torch_dispatch__(cls, op, types, args=(), kwargs=None):
        """Run an operation that no mode has seen: in the backward pass, say."""
        return _run(op, args, kwargs or {})


class _Mode(TorchDispatchMode):
    """Sees every operation, those that make tensors from nothing among them."""

    def __init__(self) -> None:
        super().__init__()
        self.crossings = 0

    def __torch_dispatch__(self, op, types, args=(), kwargs=None):
        result = _run(op, args, kwargs or {})
        self.crossings += _crosses(op, args, result)
        return result


def _run(op: Any, args: Any, kwargs: Any) -> Any:
    if op.name().startswith("aten::to."):  # whole in inference mode; it may have nothing to do
        with _Mode():
            return op.decompose(*args, **kwargs)
    leaves = tree_leaves((args, kwargs))
    elsewhere = [leaf for leaf in leaves if isinstance(leaf, Elsewhere)]
    if elsewhere:
        _refuse_two_devices(op, args)
    device = next((leaf for leaf in leaves if isinstance(leaf, torch.device)), None)
    result = op(*tree_map(_here, args), **tree_map(_here, kwargs))
    if not elsewhere if device is None else device.type != NAME:
        return result
    known = {id(tensor.here): tensor for tensor in elsewhere}
    return tree_map(lambda value: _there(value, known, op, args), result)


def _crosses(op: Any, args: Any, result: Any) -> bool:
    """Say whether values go from one device to the other; lists that become tensors do, at `lift_fresh`."""
    if op in _WAITING:
        return isinstance(args[0], Elsewhere)
    if op is aten.copy_.default:
        return isinstance(args[0], Elsewhere) != isinstance(args[1], Elsewhere)
    moves = op is aten._to_copy.default or op.name().startswith("aten::to.")
    return moves and isinstance(args[0], Elsewhere) != isinstance(result, Elsewhere)


def _refuse_two_devices(op: Any, args: Any) -> None:
    """Raise where a GPU would: single numbers may lie anywhere, and indices on the CPU."""
    if op in _BETWEEN_DEVICES:
        return
    looked_at = (args[0], args[2:]) if op in _BY_INDEX and isinstance(args[0], Elsewhere) else args
    strangers = [
        t for t in tree_leaves(looked_at) if isinstance(t, Tensor) and not isinstance(t, Elsewhere) and t.dim()
    ]
    if strangers:
        raise RuntimeError(f"Expected all tensors of {op} on one device, but got one on {NAME} and one on the CPU.")


def _here(value: Any) -> Any:
    if isinstance(value, Elsewhere):
        return value.here
    return torch.device("cpu") if isinstance(value, torch.device) else value


def _there(value: Any, known: dict[int, Tensor], op: Any, args: Any) -> Any:
    if not isinstance(value, Tensor):
        return value
    if id(value) in known:
        return known[id(value)]
    # A view is an inference tensor only where what it shows is one.
    of_inference = torch.is_inference_mode_enabled() and not (op.is_view and not args[0].is_inference())
    with torch.inference_mode(of_inference):
        return Elsewhere(value)


class _Backend(_DummyBackendModule):
    """What PyTorch asks about the device: it is there inside the block alone, since networks move to what is there."""

    def is_available(self) -> bool:
        return any(isinstance(mode, _Mode) for mode in _get_current_dispatch_mode_stack())

    def device_count(self) -> int:
        return int(self.is_available())


def _register() -> torch.library.Library:
    """Tell PyTorch of the device, and of the three operations by which it makes tensors when no mode looks on."""
    _setup_privateuseone_for_python_backend(NAME, backend_module=_Backend())
    library = torch.library.Library("aten", "IMPL")
    library.impl("empty.memory_format", _empty, "PrivateUse1")
    library.impl("empty_strided", _empty_strided, "PrivateUse1")
    library.impl("_copy_from", _copy_from, "PrivateUse1")
    return library


def _empty(size, dtype=None, layout=None, device=None, pin_memory=None, memory_format=None):
    return Elsewhere(torch.empty(size, dtype=dtype, memory_format=memory_format or torch.contiguous_format))


def _empty_strided(size, stride, dtype=None, layout=None, device=None, pin_memory=None):
    return Elsewhere(torch.empty_strided(size, stride, dtype=dtype))


def _copy_from(source, target, non_blocking=False):
    _here(target).copy_(_here(source))
    return target


# On import: autograd makes room for the devices there are at the first backward pass of the process, and for no others.
# The registrations live as long as the library object does.
_library = _register()
