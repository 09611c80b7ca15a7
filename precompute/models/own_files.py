"""What a network is made of beside its own file: the files that it imports, and the libraries."""

import ast
import importlib.metadata
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from pathlib import Path

from precompute.models.user_file import code_file, digest_of_file

# Their versions are part of every record.
_RECORDED = {"precompute", "explorer", "unitscope", "torch", "torchvision", "captum", "numpy", "PIL", "h5py"}


def imported_digests(spec: str, loaded: Iterable[Path] = ()) -> dict[str, str]:
    """Return the SHA-256 of every file that the Python file in MODEL imports, directly or through another.

    Files of installed libraries are left out. Imports are read from the text.

    Parameters
    ----------
    spec
        MODEL, as on the command line.
    loaded
        Files whose names are made while the program runs, such as `Model.files`; the text does not show them.

    Returns
    -------
    dict of str to str
        By the path of each file, relative to the folder of the file in MODEL where it lies in there; in order.
    """
    file = code_file(spec)
    if file is None:
        return {}
    found = sorted({own for own in (*_own_files(file), *loaded) if own != file and own.is_file()})
    return {_told(own, file.parent): digest_of_file(own) for own in found}


def library_versions(spec: str) -> dict[str, str]:
    """Return the versions of the libraries that make the network, apart from those that every record names.

    Parameters
    ----------
    spec
        MODEL, as on the command line.
    """
    file = code_file(spec)
    names = {"timm:": ["timm"], "hf:": ["transformers"]}.get(spec[: spec.find(":") + 1], [])
    if file is not None:
        own = _own_files(file)
        names = sorted({name.partition(".")[0] for each in own for name in _imports(each, file.parent)})
    versions = {name: _version(name) for name in names if name not in _RECORDED | sys.stdlib_module_names}
    return {name: version for name, version in versions.items() if version is not None}


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except (importlib.metadata.PackageNotFoundError, ValueError):  # a library may be installed under another name
        version = getattr(sys.modules.get(name), "__version__", None)
        return version if isinstance(version, str) else None


def _told(file: Path, folder: Path) -> str:
    return str(file.relative_to(folder) if file.is_relative_to(folder) else file)


def _own_files(file: Path) -> set[Path]:
    """Return a file and all that it imports, directly or through another, which are not those of libraries."""
    roots, found, waiting = _roots(file.parent), set[Path](), [file]
    while waiting:
        own = waiting.pop()
        if own in found or not own.is_file():
            continue
        found.add(own)
        for name in _imports(own, file.parent):
            if name.partition(".")[0] not in _RECORDED:
                waiting.extend(_files_of(name, roots))
    return found


def _roots(folder: Path) -> list[Path]:
    """Return the folders from which Python imports, the network's own first, without those of libraries."""
    libraries = {Path(sysconfig.get_path(name)).resolve() for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    others = [Path(each or ".").resolve() for each in sys.path]
    kept = [each for each in others if each.is_dir() and not any(each.is_relative_to(there) for there in libraries)]
    return list(dict.fromkeys([folder, *(each for each in kept if "site-packages" not in each.parts)]))


def _files_of(name: str, roots: Iterable[Path]) -> list[Path]:
    """Return the files that an import of a dotted name reads: those of its packages, and its own."""
    parts = name.split(".")
    for root in roots:
        steps = [root.joinpath(*parts[: i + 1]) for i in range(len(parts))]
        found = [file for step in steps for file in (step / "__init__.py", step.with_suffix(".py")) if file.is_file()]
        if found:
            return [file.resolve() for file in found]
    return []


def _imports(file: Path, folder: Path) -> Iterator[str]:
    """Yield the dotted names that a file imports; also those of the members that it imports, which may be modules."""
    try:
        tree = ast.parse(file.read_bytes())
    except (OSError, SyntaxError, ValueError, RecursionError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                package = file.parents[node.level - 1] if len(file.parents) >= node.level else file.parent
                inside = package.relative_to(folder).parts if package.is_relative_to(folder) else (package.name,)
                base = ".".join([*inside, *filter(None, [base])])
            yield from (f"{base}.{alias.name}".strip(".") for alias in node.names)
