"""Networks that a user's own file builds."""

import hashlib
import importlib.util
import inspect
import sys
import sysconfig
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from torch import nn

from precompute.errors import ModelError
from precompute.models.checkpoints import parameters_for
from precompute.models.model import Model
from precompute.models.reach import is_installed
from precompute.models.ready import evaluating, refuse_unready
from precompute.models.state_dict import load_into
from precompute.models.torchvision_names import checkpoint_called
from precompute.models.transforms import AsLoaded, default_transform, describe
from precompute.models.wrappers import unwrapped

# What started the program is none of the network's files either.
_OURS = {"precompute", "explorer", "unitscope", "__main__"}


def code_file(spec: str) -> Path | None:
    """Return the absolute path of the Python file in MODEL; None where MODEL names none."""
    path = spec.rpartition(":")[0]
    return Path(path).expanduser().resolve() if path.endswith(".py") else None


def code_digest(spec: str) -> str | None:
    """Return the SHA-256, in hexadecimal, of the Python file in MODEL; None where MODEL names none or it is missing."""
    file = code_file(spec)
    return digest_of_file(file) if file is not None and file.is_file() else None


def digest_of_file(file: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal."""
    return hashlib.sha256(file.read_bytes()).hexdigest()


def from_user_file(path: str, function: str, weights: str) -> Model:
    """Call a function of a user's file and take the network that it returns.

    Parameters
    ----------
    path
        A Python file. Files beside it can be imported while it is read and while the function runs.
    function
        The name of a function without arguments that returns a network, (network, transform) or (network, transform,
        loader), where transform and loader may be None. The loader gets the path of a file; the transform gets what the
        loader returns.
    weights
        ``DEFAULT`` for those that the function returns, or a checkpoint file to load into its network.

    Raises
    ------
    ModelError
        Where the file or the function is missing or fails, or returns something else, or the checkpoint does not fit.
    """
    file = Path(path).expanduser().resolve()
    if not file.is_file():
        raise ModelError(f"There is no file {file}.")
    own = f"{function} brings its own (leave the option out)"
    checkpoint = None if weights == "DEFAULT" else checkpoint_called(weights, own)  # the file may change the folder
    built, files = _call(file, function)
    network, transform, loader = _parts(built, where=f"{file}:{function}")
    notes: list[str] = []
    if transform is None and loader is not None:
        transform = AsLoaded(network)
    elif transform is None:
        transform = default_transform(network)
        notes.append(f"{function} returns no transform, so the usual one is assumed: {describe(transform)}.")
    refuse_unready(network)
    if _trains(network) and not _trains(evaluating(network)):
        notes.append(f"{function} returns a network in training mode; it is put into evaluation mode.")
    if checkpoint is None:
        source = "built in"
    else:
        found = parameters_for(network, checkpoint)
        load_into(network, found.state, found.source)
        source = found.source
        notes += found.notes
    told = describe(transform)
    return Model(f"{file}:{function}", network, transform, told, source, tuple(notes), loader, files=files)


def _trains(network: nn.Module) -> bool:
    return any(module.training for module in network.modules())


def _call(file: Path, function: str) -> tuple[Any, tuple[Path, ...]]:
    """Return what a function of a file returns, and the files beside or below it that are imported then."""
    with _importable(file.parent), _errors_told(file):
        build = _function_called(function, _imported(file), file)
        return build(), _loaded_from(file.parent)


def _loaded_from(folder: Path) -> tuple[Path, ...]:
    """Return the files in a folder, or deeper, of the modules that are imported now.

    Libraries are left out, those of Python too: a folder of a person's may hold them all.
    """
    modules = [module for name, module in sys.modules.items() if name.partition(".")[0] not in _OURS]
    files = [Path(file) for file in (getattr(module, "__file__", None) for module in modules) if isinstance(file, str)]
    libraries = [Path(sysconfig.get_path(name)) for name in ("stdlib", "platstdlib")]
    inside = {
        file
        for file in files
        if file.is_relative_to(folder)
        and not is_installed(str(file))
        and not any(file.is_relative_to(library) for library in libraries)
    }
    return tuple(sorted(file.resolve() for file in inside if file.suffix == ".py"))


def _imported(file: Path) -> ModuleType:
    # The name is unique, and registered because classes look up the module that they were made in.
    name = f"{file.stem}_{hashlib.sha256(str(file).encode()).hexdigest()[:8]}"
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _function_called(name: str, module: ModuleType, file: Path) -> Callable[[], Any]:
    found = getattr(module, name, None)
    if not callable(found):
        own = [
            key
            for key, value in vars(module).items()
            if inspect.isfunction(value) and value.__module__ == module.__name__
        ]
        raise ModelError(f"{file} has no function {name!r}. It has: {', '.join(own) or 'none'}.")
    needed = [
        parameter.name
        for parameter in inspect.signature(found).parameters.values()
        if parameter.default is parameter.empty
        and parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    ]
    if needed:
        raise ModelError(f"{file}:{name} must be a function without arguments, but it needs {', '.join(needed)}.")
    return found


def _parts(built: Any, *, where: str) -> tuple[nn.Module, Any, Any]:
    """Take network, transform and loader apart; transform and loader are None where they are missing."""
    parts = built if isinstance(built, tuple) else (built,)
    network, transform, loader = (*parts, None, None)[:3]
    callables = all(part is None or callable(part) for part in (transform, loader))
    if len(parts) > 3 or not isinstance(network, nn.Module) or not callables:
        found = ", ".join(type(part).__name__ for part in parts)
        raise ModelError(
            f"{where} must return an nn.Module or (nn.Module, transform) or (nn.Module, transform, loader), but it "
            f"returned {found}."
        )
    return unwrapped(network), transform, loader


@contextmanager
def _importable(folder: Path) -> Iterator[None]:
    """Put a folder first on the import path inside the block, then forget the modules that came from it.

    Otherwise the next user's file would get the helper of this file's folder where both are called, say, blocks.py.
    """
    if str(folder) in sys.path:
        yield
        return
    before = set(sys.modules)
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))
        for name in [name for name in set(sys.modules) - before if _lies_in(folder, name.partition(".")[0])]:
            del sys.modules[name]


def _lies_in(folder: Path, top_level: str) -> bool:
    file = getattr(sys.modules.get(top_level), "__file__", None)
    return file is not None and Path(file) in (folder / f"{top_level}.py", folder / top_level / "__init__.py")


@contextmanager
def _errors_told(file: Path) -> Iterator[None]:
    try:
        yield
    except (ModelError, KeyboardInterrupt):
        raise
    except BaseException as error:  # a user's file may even call sys.exit
        raise ModelError(f"{_place(error, file)}: {type(error).__name__}: {error}") from error


def _place(error: BaseException, file: Path) -> str:
    """Say where in the user's own files an error was raised."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}, line {error.lineno}"
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if Path(frame.filename).parent == file.parent]
    return f"{own[-1].filename}, line {own[-1].lineno}, in {own[-1].name}" if own else str(file)
