"""Walking down a tree of folders: links are followed, loops of them are refused, and nothing is opened."""

import errno
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

# What systems and programs leave in folders of pictures, in small letters.
_LEFT_BEHIND = {
    *("thumbs.db", "ehthumbs.db", "ehthumbs_vista.db", "desktop.ini", "icon\r"),
    *("__macosx", "@eadir", "$recycle.bin", "system volume information", "lost+found"),
}


def visible(folder: str | Path) -> list[os.DirEntry[str]]:
    """List what a person put into a folder: all but hidden entries and what systems leave behind.

    Parameters
    ----------
    folder : str or Path
        The folder.

    Returns
    -------
    list of os.DirEntry
        Its entries, in no order.

    Raises
    ------
    OSError
        If it cannot be listed.
    """
    with os.scandir(folder) as entries:
        return [entry for entry in entries if not entry.name.startswith(".") and entry.name.lower() not in _LEFT_BEHIND]


def is_folder(entry: os.DirEntry[str]) -> bool:
    """Say whether an entry is a folder or a link to one."""
    try:
        return entry.is_dir()
    except OSError:  # A link to itself.
        return False


def is_there(path: Path) -> bool:
    """Say whether there is a file, or a link to one; no where anything keeps the system from saying it."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def files_below(root: Path, name: str) -> Iterator[str]:
    """List the files in a folder at any depth.

    Parameters
    ----------
    root : Path
        The folder that holds the folder.
    name : str
        The folder's name there.

    Yields
    ------
    str
        Paths below `root / name`. Pipes, sockets and devices are left alone. A link that leads to no file, to itself or
        to a pipe is listed as if it were a file: it may be an image that is missing, and is told when it is read.

    Raises
    ------
    OSError
        Where a folder cannot be listed, or a link leads back to a folder that it lies in.
    """
    found = root.stat()
    around = _Folder(str(root), "", (found.st_dev, found.st_ino), None)
    waiting = [replace(around.below(entry), prefix="") for entry in visible(root) if entry.name == name]
    # Not by recursion: folders may be a thousand deep.
    while waiting:
        folder = waiting.pop()
        for entry in visible(folder.path):
            if is_folder(entry):
                waiting.append(folder.below(entry))
            elif entry.is_symlink() or entry.is_file():
                yield folder.prefix + entry.name


@dataclass(frozen=True, eq=False)
class _Folder:
    """A folder on the way down, and the one that it was reached from."""

    path: str
    prefix: str
    identity: tuple[int, int]
    above: "_Folder | None"

    def below(self, entry: os.DirEntry[str]) -> "_Folder":
        found = Path(entry.path).stat()
        identity = (found.st_dev, found.st_ino)
        if entry.is_symlink() and self._lies_in(identity):
            raise OSError(errno.ELOOP, "a link leads back to a folder that it lies in", entry.path)
        return _Folder(entry.path, f"{self.prefix}{entry.name}/", identity, self)

    def _lies_in(self, identity: tuple[int, int]) -> bool:
        folder: _Folder | None = self
        while folder is not None and folder.identity != identity:
            folder = folder.above
        return folder is not None
