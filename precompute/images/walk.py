"""Walking down a tree of folders: which files there are, which entries are left out and why. Nothing is opened."""

import errno
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

LEADS_OUT = "a link that leads out of the image folder; --follow-links takes it"

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


def folders_in(root: Path) -> list[str]:
    """Return the names of the folders in a folder, sorted; links to folders count, but not those that lead back up."""
    top = os.path.realpath(root)
    return sorted(
        entry.name
        for entry in visible(root)
        if is_folder(entry) and not (entry.is_symlink() and lies_in(top, os.path.realpath(entry.path)))
    )


def broken_links_in(root: Path) -> list[str]:
    """Return the names of the links in a folder that lead to nothing, to themselves or back up, sorted."""
    names = {entry.name for entry in visible(root) if entry.is_symlink() and not is_there(Path(entry.path))}
    return sorted(names.difference(folders_in(root)))


def is_there(path: Path) -> bool:
    """Say whether there is a file, or a link to one; no where anything keeps the system from saying it."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def lies_in(path: str, folder: str) -> bool:
    """Say whether a path is a folder or lies in it; both must be free of links, as `os.path.realpath` returns them."""
    return path == folder or path.startswith(folder.rstrip(os.sep) + os.sep)


def is_text(name: str) -> bool:
    """Say whether a name can be written as UTF-8, which not every name on a disk can."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def as_text(name: str) -> str:
    r"""Return a name with ``\udcff`` and the like for what cannot be written as UTF-8."""
    return name.encode(errors="backslashreplace").decode()


def files_below(root: Path, name: str, *, follow_links: bool = False) -> Iterator[tuple[str, str | None]]:
    """List the files in a folder at any depth, and what is left out there.

    Parameters
    ----------
    root : Path
        The folder that holds the folder.
    name : str
        The folder's name there.
    follow_links : bool
        Whether links may lead out of `root`.

    Yields
    ------
    tuple of (str, str or None)
        A path below `root / name`, and why it is left out; None for a file that is taken. Left out are links that lead
        out of `root`, nowhere, to themselves, back to a folder that they lie in, or to no file or folder, and names
        that are not UTF-8. Pipes, sockets and devices themselves are passed over.

    Raises
    ------
    OSError
        Where a folder cannot be listed.
    """
    top = os.path.realpath(root)
    around: _Folder | None = None
    for folder_around in [*reversed(Path(top).parents), Path(top)]:
        around = _Folder.at(str(folder_around), "", around)
    waiting = [_Folder.at(str(root / name), "", around)]
    # Not by recursion: folders may be a thousand deep.
    while waiting:
        folder = waiting.pop()
        for entry in visible(folder.path):
            path = folder.prefix + entry.name
            if not is_text(entry.name):
                yield path, "its name is not UTF-8"
            elif entry.is_symlink() and (reason := _why_not(entry.path, folder, None if follow_links else top)):
                yield path, reason
            elif is_folder(entry):
                waiting.append(_Folder.at(entry.path, f"{path}/", folder))
            elif entry.is_file():
                yield path, None


@dataclass(frozen=True, eq=False)
class _Folder:
    """A folder on the way down, and the one that it was reached from."""

    path: str
    prefix: str
    identity: tuple[int, int]
    above: "_Folder | None"

    @staticmethod
    def at(path: str, prefix: str, above: "_Folder | None") -> "_Folder":
        found = Path(path).stat()
        return _Folder(path, prefix, (found.st_dev, found.st_ino), above)

    def lies_in(self, identity: tuple[int, int]) -> bool:
        folder: _Folder | None = self
        while folder is not None and folder.identity != identity:
            folder = folder.above
        return folder is not None


def _why_not(link: str, folder: _Folder, top: str | None) -> str | None:
    """Return why a link in a folder is not followed; None where it is. It must not leave `top`, if there is one."""
    try:
        target = os.path.realpath(link, strict=True)
        found = Path(target).stat()
    except OSError as error:
        known = {errno.ELOOP: "a link that leads to itself", errno.ENOENT: "a link that leads nowhere"}
        return known.get(error.errno or 0, f"a link that cannot be followed ({error.strerror})")
    if stat.S_ISDIR(found.st_mode) and folder.lies_in((found.st_dev, found.st_ino)):
        return "a link that leads back to a folder that it lies in"
    if not stat.S_ISDIR(found.st_mode) and not stat.S_ISREG(found.st_mode):
        return "a link to a pipe, a socket or a device"
    return LEADS_OUT if top is not None and not lies_in(target, top) else None
