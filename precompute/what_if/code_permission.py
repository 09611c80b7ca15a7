"""Permission to load the network of a store: a ``file.py:function`` is a program, and loading the network runs it."""

from filecmp import cmp
from pathlib import Path

from precompute.errors import ModelError
from precompute.models import demo
from precompute.models.user_file import code_file, digest_of_file
from precompute.store.reader import Store


def permitted_spec(store: Store, *, allowed: bool) -> str:
    """Return the text that loads the network of a store, if loading it is permitted.

    The demo's file is part of this program and needs no permission: where the store's file has the same bytes, ours is
    loaded in its place.

    Parameters
    ----------
    store
        The store. It may come from anybody, and so may the path that it names.
    allowed
        Whether the person who started the app allows it to run the Python files that stores name.

    Raises
    ------
    ModelError
        Where the network is built by a Python file and running it is not allowed, or the file is missing, is not the
        one that the run read, or the store does not say which one that was.
    """
    spec = store.model.spec
    file = code_file(spec)
    if file is None:
        return spec
    own = Path(demo.__file__).resolve()
    if file == own or (file.is_file() and cmp(file, own, shallow=False)):
        return f"{own}:{spec.rpartition(':')[2]}"
    if not allowed:
        raise ModelError(
            f"The network of this store is built by a Python file, {file}. To load it is to run that file, with all "
            "rights of whoever started the app. Start the app with --allow-code if you trust the file: "
            "streamlit run app.py -- --allow-code"
        )
    recorded = store.provenance.get("network_file_sha256")
    if not recorded:
        raise ModelError(
            f"The network of this store is built by {file}, and the store does not say what that file held when the "
            "run read it. Make the store again: then the file can be compared with the one that the run read."
        )
    _refuse_other(file, recorded)
    for name, digest in (store.provenance.get("imported_files_sha256") or {}).items():
        _refuse_other(file.parent / name, digest)
    return spec


def _refuse_other(file: Path, recorded: str) -> None:
    if not file.is_file():
        raise ModelError(f"{file}: there is no such file, and it builds the network of this store. Put it back.")
    if digest_of_file(file) != recorded:
        raise ModelError(
            f"{file}: this is not the file that the run had, its SHA-256 is another. It was not run. Put the run's "
            "file back, or run again with this one."
        )
