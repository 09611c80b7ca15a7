"""What a file is that torch cannot read as a checkpoint, told by its first bytes or its ending."""

import tarfile
import zipfile
from pathlib import Path

_BEGINNINGS = (
    (b"version https://git-lfs", "is a pointer that Git LFS left in place of the file; git lfs pull fetches it."),
    (b"\x89HDF\r\n\x1a\n", "is an HDF5 file, as Keras writes."),
    (b"\x93NUMPY", "is an array of numpy."),
    (b"GGUF", "is a GGUF file, for language models."),
    (b"\x1f\x8b", "is packed by gzip. Unpack it first."),
    (b"BZh", "is packed by bzip2. Unpack it first."),
    (b"\xfd7zXZ", "is packed by xz. Unpack it first."),
    (b"(\xb5/\xfd", "is packed by zstd. Unpack it first."),
)
_ENDINGS = {
    ".onnx": "is an ONNX network.",
    ".msgpack": "is a msgpack file, as Flax writes.",
    ".index": "is a part of a TensorFlow checkpoint.",
    ".pb": "is a TensorFlow network.",
    ".tflite": "is a TensorFlow Lite network.",
    ".distcp": "is one part of a distributed checkpoint, and its folder holds the others.",
}
_MEMBERS = (
    (".npy", "is an archive of numpy arrays."),
    (".h5", "is an archive of Keras."),
    ("archive_format", "is an archive of torch.export, a program and not parameters."),
)
_PAGES = (b"<!doctype", b"<html", b"<?xml")


def known_kind(path: Path) -> str:
    """Say what kind of file lies at `path` in place of a checkpoint; empty where that is not known.

    Parameters
    ----------
    path
        A file that torch could not read.

    Returns
    -------
    str
        The end of a sentence that begins with the file, such as ``is an HDF5 file, as Keras writes.``
    """
    with path.open("rb") as file:
        start = file.read(1 << 16)
    for beginning, kind in _BEGINNINGS:
        if start.startswith(beginning):
            return kind
    if start.lstrip().lower().startswith(_PAGES):
        return "is a web page and not the file that it should be. Download the file again."
    if b'"weight_map"' in start:
        return "is a list of files that hold the parameters."
    if start.startswith(b"PK"):
        return _kind_of_zip(path)
    if tarfile.is_tarfile(path):
        return "is a tar archive. Unpack it first."
    return _ENDINGS.get(path.suffix.lower(), "")


def _kind_of_zip(path: Path) -> str:
    if not zipfile.is_zipfile(path):
        return "is not a checkpoint that torch can read: it breaks off before its end. Copy it again."
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
    for ending, kind in _MEMBERS:
        if any(name.endswith(ending) for name in names):
            return kind
    of_torch = any(name.endswith("data.pkl") for name in names)
    return "" if of_torch else "is a zip archive of other files. Unpack it first."
