"""The files below a folder, and which entries are left out and why. No file is opened."""

import errno
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

LEADS_OUT = "a link that leads out of the image folder; --follow-links takes it"

# Names, in small letters, of what systems and programs leave in folders of pictures.
_LEFT_BEHIND = {
    *("thumbs.db", "ehthumbs.db", "ehthumbs_vista.db", "desktop.ini", "icon\r"),
    *("__macosx", "@eadir", "$recycle.bin", "system volume information", "lost+found"),
}


def visible(folder: str | Path) -> list[os.DirEntry[str]]:
    """List the entries of a folder, without hidden ones and without what systems leave behind.

    Parameters
    ----------
    folder : str or Path
        The folder.

    Returns
    -------
    list of os.DirEntry
        The entries, in no particular order.

    Raises
    ------
    OSError
        If the folder cannot be listed.
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
    """Return the names of the folders in a folder, sorted. A link to a folder counts, unless it leads back up."""
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


def files_in(root: Path) -> list[str]:
    """Return the names of the files and links to files that lie directly in a folder, sorted."""
    return sorted(entry.name for entry in visible(root) if is_there(Path(entry.path)))


def is_there(path: Path) -> bool:
    """Say whether a path is a file or a link to one; no if the system cannot tell."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def lies_in(path: str, folder: str) -> bool:
    """Say whether a path is a folder or lies in it. Both must be without links, as from `os.path.realpath`."""
    return path == folder or path.startswith(folder.rstrip(os.sep) + os.sep)


def is_text(name: str) -> bool:
    """Say whether a name can be written as UTF-8; not every name on a disk can."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def as_text(name: str) -> str:
    r"""Return a name in which ``\udcff`` or the like stands for each byte that is not UTF-8."""
    return name.encode(errors="backslashreplace").decode()


def files_below(root: Path, name: str, *, follow_links: bool = False) -> Iterator[tuple[str, str | None]]:
    """List the files in a folder at any depth, and what is left out.

    Parameters
    ----------
    root : Path
        The folder of the images.
    name : str
        The name of a folder in it.
    follow_links : bool
        Whether links may lead out of `root`.

    Yields
    ------
    tuple of (str, str or None)
        A path below `root / name`, and the reason if it is left out; None for a file that is taken. Left out are names
        that are not UTF-8, and links that lead out of `root`, nowhere, to themselves, back to a folder that they lie
        in, or to a pipe, socket or device. Pipes, sockets and devices themselves are ignored.

    Raises
    ------
    OSError
        If a folder cannot be listed.
    """
    top = os.path.realpath(root)
    around: _Folder | None = None
    for folder_around in [*reversed(Path(top).parents), Path(top)]:
        around = _Folder.at(str(folder_around), "", around)
    waiting = [_Folder.at(str(root / name), "", around)]
    # No recursion: folders may be a thousand levels deep.
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
    """A folder on the way down, and the folder from which it was reached."""

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
    """Return why a link in a folder is not followed; None if it is. It must not lead out of `top`, if that is given."""
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
