"""Provenance: how a store came to be, so that it can be made again."""

import importlib.metadata
import platform
import subprocess
from pathlib import Path

import torch

from precompute import __version__

_LIBRARIES = ("torch", "torchvision", "captum", "numpy", "pillow", "h5py")


def versions() -> dict[str, str]:
    """Return the versions of Unitscope, Python and the libraries that the numbers depend on."""
    found = {"unitscope": __version__, "python": platform.python_version()}
    return found | {name: importlib.metadata.version(name) for name in _LIBRARIES}


def versions_of_numbers() -> dict[str, str]:
    """Return the versions with which a stopped run must go on, so that its shards are those of one run."""
    return {name: version for name, version in versions().items() if name not in ("python", "h5py")}


def device_name(device: torch.device) -> str:
    """Return what a person calls the device."""
    if device.type == "cuda":
        return f"cuda ({torch.cuda.get_device_name(device)})"
    return f"{device.type} ({platform.machine()}, {torch.get_num_threads()} threads)"


def git_commit() -> str | None:
    """Return the commit of this program, marked where it was changed since or that cannot be told; None outside git."""
    root = Path(__file__).resolve().parent.parent
    commit = _git(root, "rev-parse", "HEAD")
    if commit is None:
        return None
    changes = _git(root, "status", "--porcelain", "--untracked-files=no")
    if changes is None:  # as where a busy machine gives no answer in time
        return f"{commit} (perhaps changed)"
    return f"{commit} (changed)" if changes else commit


def _git(root: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(root), *arguments], capture_output=True, text=True, timeout=10, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
