"""What a network can reach while it runs: all objects in which it could keep something.

Beside its modules these are containers and objects that they hold, and of a person's own code the classes, variables of
the functions around a function, global variables that a function names, and default values of arguments. The code of
installed libraries is left out.
"""

import functools
import sys
import threading
import weakref
from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import BuiltinFunctionType, CellType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np
from torch import Tensor, nn

# What torch keeps in every module for itself, but for what a forward function may set.
_TORCHS = set(vars(nn.Module())) - {"_parameters", "_buffers", "_modules"}
# These keep nothing of the images of a network in their code and classes, and nor do other installed libraries.
_LIBRARIES = {"precompute", *sys.stdlib_module_names}
_KNOWN: dict[type, tuple[str, ...]] = {
    functools.partial: ("func", "args", "keywords"),
    MethodType: ("__self__", "__func__"),
    property: ("fget",),
    staticmethod: ("__func__",),
    classmethod: ("__func__",),
    CellType: ("cell_contents",),
}
NOTHING = object()
_ROWS: tuple[Any, ...] = (list, tuple, set, frozenset, deque)
# A table with more objects than this, numbers and texts not counted, is not looked into: that would take seconds.
_MOST_MEMBERS = 10_000
_FIXED = frozenset((type(None), bool, int, float, complex, str, bytes))
_ATOMS = (type(None), bool, int, float, complex, str, bytes, CodeType, np.generic, np.dtype)


def reached(network: nn.Module) -> Iterator[tuple[str, Any]]:
    """Yield every object that a network can reach and that may change, once, with words for its place.

    Parameters
    ----------
    network
        The network.

    Yields
    ------
    tuple of str and object
        The path of the module that leads to it, or the name of the function, class or file that it belongs to; and the
        object, such as a tensor, a container, an instance, a class, a variable of a closure, or `Variables` of a file.
    """
    paths = {id(module): path for path, module in network.named_modules()}
    waiting: list[tuple[str, Any]] = [("", network)]
    seen: dict[Any, Any] = {}  # the objects are kept, so that no other gets the same id
    while waiting:
        place, found = waiting.pop()
        key = found.key if is_a(found, Variables) else id(found)
        if type(found) in weakref.ProxyTypes or is_a(found, _ATOMS) or key in seen:
            continue
        seen[key] = found
        try:
            if _is_of_library(found):
                continue
            if is_a(found, (type, FunctionType)):
                place = f"the {'class' if is_a(found, type) else 'function'} {found.__qualname__}"
            place = paths.get(id(found), place)
            behind = list(_behind(place, found))
        except Exception:  # an object of a person's own may refuse to be looked at in any way
            continue
        yield place, found
        waiting.extend(behind)


def is_a(found: Any, kinds: type | tuple[type, ...]) -> bool:
    """Say whether an object is of a kind, without asking it: one that stands for another would load the other."""
    return issubclass(type(found), kinds)


class Variables:
    """Those global variables of a file that some function names.

    Parameters
    ----------
    held
        All global variables of the file.
    names
        The names.
    """

    def __init__(self, held: dict[str, Any], names: Iterable[str]) -> None:
        self.held = held
        self.names = frozenset(names)
        self.key = (id(held), self.names)

    def now(self) -> dict[str, Any]:
        """Return the variables by their names."""
        return {name: self.held[name] for name in self.names if name in self.held}


def dictionary_of(found: Any) -> dict[str, Any] | None:
    """Return the attributes of an instance, apart from those in slots; None where it has no dictionary."""
    if is_a(found, threading.local):
        return vars(found)
    held = slot(found, "__dict__")
    return held if type(held) is dict else None


def slot(found: Any, name: str) -> Any:
    """Return what is in a slot of an instance, or in the variable of a closure; `NOTHING` where it is empty."""
    try:
        return object.__getattribute__(found, name)  # a class may make an attribute when it is asked for it
    except (AttributeError, ValueError):
        return NOTHING


def slots_of(found: Any) -> list[str]:
    """Return the names of the slots of an instance."""
    given = (vars(kind).get("__slots__", ()) for kind in type(found).__mro__ if not _is_of_library(kind))
    names = [name for each in given for name in ((each,) if is_a(each, str) else each)]
    return [name for name in names if name not in ("__dict__", "__weakref__")]


def _is_of_library(found: Any) -> bool:
    """Say whether an object is code of Python or of an installed library: a module, a class or a function."""
    if is_a(found, ModuleType):
        name = found.__name__
    elif is_a(found, (type, FunctionType)) or is_a(found, BuiltinFunctionType):
        name = getattr(found, "__module__", None) or "builtins"
    else:
        return False
    first = str(name).partition(".")[0]
    return first in _LIBRARIES or is_installed(str(getattr(sys.modules.get(first), "__file__", None)))


@functools.cache
def is_installed(file: str) -> bool:
    """Say whether a file is one of an installed library."""
    return not {"site-packages", "dist-packages"}.isdisjoint(Path(file).parts)


def _behind(place: str, found: Any) -> Iterator[tuple[str, Any]]:
    """Yield what an object leads to, with words for the place."""
    if is_a(found, Variables):
        yield from ((place, value) for value in found.now().values())
    elif is_a(found, FunctionType):
        yield from _behind_function(place, found)
    elif is_a(found, ModuleType):
        yield _of_file(vars(found), vars(found))
    elif is_a(found, type):
        yield from ((place, value) for value in (*vars(found).values(), *found.__mro__[1:]))
    elif is_a(found, nn.Module):
        yield place, type(found)
        for name, value in vars(found).items():
            # The dictionaries of hooks are the run's too; the hooks themselves are looked into.
            yield from (
                (place, each) for each in (value.values() if name in _TORCHS and is_a(value, dict) else (value,))
            )
    else:
        yield from ((place, value) for value in (*_members(found), *(dictionary_of(found) or {}).values()))


def _members(found: Any) -> Iterator[Any]:
    """Yield what an object holds beside its dictionary.

    Only kinds of objects that are known are looked into: what others hold, such as the cache of a function, may be
    memory that must not be written.
    """
    if is_a(found, dict):
        yield from _of_table((*dict.keys(found), *dict.values(found)))
    elif is_a(found, _ROWS):
        yield from _of_table(next(kind for kind in _ROWS if is_a(found, kind)).__iter__(found))
    elif is_a(found, weakref.ReferenceType):
        yield found()
    elif is_a(found, (Tensor, np.ndarray)):
        return
    else:
        names = next((names for kind, names in _KNOWN.items() if is_a(found, kind)), slots_of(found))
        there = (slot(found, name) for name in names)
        yield from (type(found), *(value for value in there if value is not NOTHING))


def _of_table(members: Iterable[Any]) -> list[Any]:
    """Return the members that may change, such as tensors and lists; none where they are too many."""
    kept = [each for each in members if type(each) not in _FIXED]
    # A list of all images with their labels holds many pairs of a text and a number.
    kept = [each for each in kept if type(each) is not tuple or any(type(part) not in _FIXED for part in each)]
    return kept if len(kept) <= _MOST_MEMBERS else []


def _behind_function(place: str, function: FunctionType) -> Iterator[tuple[str, Any]]:
    yield from ((place, cell) for cell in function.__closure__ or ())
    yield from ((place, value) for value in (function.__defaults__, function.__kwdefaults__, vars(function)))
    names = _names(function.__code__)
    yield _of_file(function.__globals__, names)
    # A helper file that the function names, as in `helpers.scale`.
    for value in [function.__globals__.get(name) for name in names]:
        if is_a(value, ModuleType) and not _is_of_library(value):
            yield _of_file(vars(value), names)


def _of_file(held: dict[str, Any], names: Iterable[str]) -> tuple[str, Variables]:
    return f"the global variables of {held.get('__file__') or held.get('__name__')}", Variables(held, names)


@functools.lru_cache(maxsize=4096)
def _names(code: CodeType) -> frozenset[str]:
    """Return all names that a function uses, also inside functions of its own."""
    inner = [_names(each) for each in code.co_consts if is_a(each, CodeType)]
    return frozenset(code.co_names).union(*inner)
