"""Checkpoint files in, tensors by name out.

No code that a file may carry is ever run. Torch reads the files with ``weights_only``, its mode for files from sources
that nobody vouches for. Training programs leave other objects beside the tensors. The types in `_HARMLESS` are read as
blanks: neither they nor anything else that a file names is imported or called.
"""

import re
import warnings
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import torch

from precompute.errors import ModelError
from precompute.models.device import free_memory
from precompute.models.file_kinds import kind_of_folder, known_kind
from precompute.words import first_few, size

# Torch does not compress, so an honest file unpacks to about its own size.
_MOST_UNPACKED = 10
_MOST_ENTRIES = 10_000_000
_DEEPEST = 8
# Wrappers that training puts around modules, and whose names end up in the names of parameters.
_WRAPPERS = ("_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module")
_SPREAD = (
    "holds tensors that are spread over several processes (DTensor). Gather them before you save: "
    "get_model_state_dict(network, options=StateDictOptions(full_state_dict=True, cpu_offload=True)), from "
    "torch.distributed.checkpoint.state_dict, gives ordinary ones."
)
_ALONE = "Save the parameters alone, with torch.save(network.state_dict(), FILE), and give that."


class _Blank:
    """Takes the place of an object in a checkpoint that is not a parameter and is not needed."""

    def __new__(cls, *_: Any) -> "_Blank":
        return super().__new__(cls)

    def __setstate__(self, state: Any) -> None:
        pass


def _new_dict(*_: Any) -> dict[Any, Any]:
    return {}


def _new_list(*_: Any) -> list[Any]:
    return []


_HARMLESS = (
    "argparse.Namespace",
    "types.SimpleNamespace",
    *(f"builtins.{name}" for name in ("list", "dict", "tuple", "int", "float", "bool", "str", "bytes", "frozenset")),
    *(f"datetime.{name}" for name in ("date", "datetime", "time", "timedelta", "timezone")),
    "decimal.Decimal",
    "fractions.Fraction",
    "uuid.UUID",
    *(
        f"{module}.{name}"
        for module in ("pathlib", "pathlib._local")
        for name in ("Path", "PosixPath", "WindowsPath", "PurePath", "PurePosixPath", "PureWindowsPath")
    ),
    "numpy.dtype",
    "numpy.ndarray",
    *(
        f"{module}.{name}"
        for module in ("numpy.core", "numpy._core")
        for name in ("multiarray.scalar", "multiarray._reconstruct", "numeric._frombuffer")
    ),
    *(
        f"numpy.{name}"
        for name in ("float64", "float32", "float16", "int64", "int32", "int16", "int8", "uint8", "bool_", "str_")
    ),
    # Settings that Lightning keeps where they come from Hydra.
    "typing.Any",
    "omegaconf.dictconfig.DictConfig",
    "omegaconf.listconfig.ListConfig",
    "omegaconf.base.ContainerMetadata",
    "omegaconf.base.Metadata",
    *(f"omegaconf.nodes.{kind}Node" for kind in ("Any", "String", "Integer", "Float", "Boolean", "Path", "Enum")),
)


@dataclass(frozen=True)
class NamedTensor:
    """A tensor of a checkpoint.

    Parameters
    ----------
    name
        The keys of the nested dictionaries that lead to it, joined by dots: ``state_dict.conv1.weight``. Names that
        ``torch.compile`` and other wrappers insert are left out.
    home
        The keys that lead to the dictionary that holds it: ``state_dict``; empty for the outermost dictionary.
    tensor
        The tensor, on the CPU.
    """

    name: str
    home: str
    tensor: torch.Tensor


def read_tensors(path: Path) -> dict[str, NamedTensor]:
    """Read all tensors that a file holds under names.

    Parameters
    ----------
    path
        A file written by ``torch.save``, in either of its formats, or a safetensors file.

    Returns
    -------
    dict of str to NamedTensor
        The tensors by name, in the order of the file.

    Raises
    ------
    ModelError
        If the file is missing or damaged, is not a checkpoint, holds no parameters or two of one name, can only be
        read by running code, or would unpack to far more than its size or than the free memory.
    """
    if path.is_dir():
        kind = kind_of_folder(path)
        raise ModelError(
            f"{path} {kind}"
            if kind
            else f"{path} is a folder; expected the one file that holds the network's parameters. {_ALONE}"
        )
    if not path.exists():
        raise ModelError(f"There is no checkpoint file {path}.")
    if not path.is_file():
        raise ModelError(f"{path} is a pipe or a device; expected a file. {_ALONE}")
    content = _read_safetensors(path) if _is_safetensors(path) else _read_torch(path)
    entries = list(islice(_entries(content, (), _DEEPEST), _MOST_ENTRIES + 1))
    if len(entries) > _MOST_ENTRIES:
        raise ModelError(f"{path} holds more than {_MOST_ENTRIES:,} entries. {_ALONE}")
    tensors: dict[str, NamedTensor] = {}
    for entry in entries:
        if entry is not None and entry.name in tensors:
            raise ModelError(f"{path} holds two tensors that are called {entry.name}, and nothing says which counts.")
        if entry is not None:
            tensors[entry.name] = entry
    if not tensors:
        raise ModelError(f"{path} holds no parameters: expected tensors by name, found {_describe(content)}. {_ALONE}")
    _refuse_parts(path, tensors)
    return tensors


def _refuse_parts(path: Path, tensors: Mapping[str, NamedTensor]) -> None:
    """Refuse a file of one of several processes, whose tensors are spread or left empty."""
    # By their names: a program that never imports them cannot read such tensors at all.
    if any(type(each.tensor).__module__.startswith("torch.distributed") for each in tensors.values()):
        raise ModelError(f"{path} {_SPREAD}")
    empty = [name for name, each in tensors.items() if not each.tensor.numel()]
    if 2 * len(empty) > len(tensors):
        raise ModelError(
            f"{path} holds names without numbers: {len(empty):,} of its {len(tensors):,} tensors are empty, such as "
            f"{empty[0]}. So it is where DeepSpeed spreads the parameters over other files (ZeRO stage 3): the "
            "zero_to_fp32.py that it wrote beside them makes one file of all; give that."
        )


def refuse_inflated(path: Path) -> None:
    """Refuse a zip archive that would unpack to far more than its size, or to more than memory holds.

    Raises
    ------
    ModelError
        Where it would; nothing has been unpacked by then.
    """
    if not zipfile.is_zipfile(path):
        return
    with zipfile.ZipFile(path) as archive:
        unpacked = sum(member.file_size for member in archive.infolist())
    packed = path.stat().st_size
    if unpacked > _MOST_UNPACKED * packed:
        raise ModelError(
            f"{path} has {size(packed)} and would unpack to {size(unpacked)}, more than {_MOST_UNPACKED} times as "
            f"much. Checkpoints are not compressed, so this is none that training left. {_ALONE}"
        )
    free = free_memory(torch.device("cpu"))
    if unpacked > free:
        raise ModelError(f"{path} holds {size(unpacked)}, and {size(free)} of memory are free. {_ALONE}")


def _refuse_altered(path: Path) -> None:
    """Compare each member of the archive with its checksum, which torch writes but does not check."""
    if not zipfile.is_zipfile(path):
        return
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            # The checksum is zero where torch was told to leave checksums out.
            if member.CRC and not _is_whole(archive, member):
                raise ModelError(
                    f"{path} is damaged: {member.filename} in it does not agree with its checksum. Copy it again."
                )


def _is_whole(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bool:
    try:
        with archive.open(member) as file:
            while file.read(1 << 20):
                pass
    except (zipfile.BadZipFile, zlib.error, EOFError):
        return False
    return True


def _is_safetensors(path: Path) -> bool:
    """Recognise a safetensors file by its beginning: the length of a JSON object, then the object."""
    try:
        with path.open("rb") as file:
            start = file.read(9)
    except OSError as error:
        raise ModelError(f"{path} cannot be read ({error.strerror}).") from error
    return start[8:] == b"{" and int.from_bytes(start[:8], "little") <= path.stat().st_size - 8


def _read_safetensors(path: Path) -> Any:
    try:
        from safetensors import SafetensorError
        from safetensors.torch import load_file
    except ImportError as error:
        raise ModelError(
            f"{path} is a safetensors file, and safetensors is not installed. Install it with: pip install safetensors"
        ) from error
    try:
        return load_file(path)
    except (SafetensorError, OSError, ValueError, KeyError, RuntimeError) as error:
        raise ModelError(f"{path} is not a safetensors file that can be read ({error}). Copy it again.") from error


def _read_torch(path: Path) -> Any:
    stand_ins: list[Any] = [(_new_dict, "collections.defaultdict"), (_new_list, "collections.deque")]
    stand_ins += [(_Blank, name) for name in _HARMLESS]
    try:
        refuse_inflated(path)
        _refuse_altered(path)
        # Torch warns of pickle protocols other than its own before it reads or refuses them.
        with torch.serialization.safe_globals(stand_ins), warnings.catch_warnings(action="ignore"):
            return torch.load(path, map_location="cpu", weights_only=True)
    except ModelError:
        raise
    except Exception as error:  # a file that is not a checkpoint can fail in any way
        reason = _reason(path, str(error))
        raise ModelError(f"{path} {reason}" if reason == _SPREAD else f"{path} {reason} {_ALONE}") from error


def _reason(path: Path, error: str) -> str:
    code = re.search(r"GLOBAL (\S+)", error)
    if code is not None:
        return f"is more than tensors: reading it would run code that it names ({code[1]})."
    if "torch.distributed.tensor" in error:
        return _SPREAD
    if "NJT" in error:
        return "holds nested tensors: expected ordinary ones."
    if "TorchScript" in error:
        return "is a TorchScript archive (torch.jit.save), a program and not parameters."
    return known_kind(path) or "is not a checkpoint that torch can read."


def _entries(content: Any, above: tuple[str, ...], levels: int) -> Iterator[NamedTensor | None]:
    """Yield every entry of nested dictionaries; None stands for an entry that is not a tensor."""
    if not isinstance(content, Mapping) or not levels:
        return
    for key, value in content.items():
        way = (*above, *(part for part in str(key).split(".") if part not in _WRAPPERS))
        yield NamedTensor(".".join(way), ".".join(above), value) if isinstance(value, torch.Tensor) else None
        yield from _entries(value, way, levels - 1)


def _describe(content: Any) -> str:
    if not isinstance(content, Mapping):
        return f"an object of type {type(content).__name__.strip('_')}"
    entries = first_few([str(name) for name in content], 4)
    return f"the entries {entries}, and no tensor of torch among them" if content else "nothing"
