"""What a file is that torch cannot read as a checkpoint, told by its first bytes or its ending."""

import tarfile
import zipfile
from pathlib import Path

_OF_DCP = "python -m torch.distributed.checkpoint.format_utils dcp_to_torch"
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
    ".distcp": f"is one part of a distributed checkpoint, of which `{_OF_DCP} FOLDER FILE.pt` makes one file.",
}
_MEMBERS = (
    (".npy", "is an archive of numpy arrays."),
    (".h5", "is an archive of Keras."),
    ("archive_format", "is an archive of torch.export, a program and not parameters."),
)
# The files of parameters in folders that transformers and accelerate write.
_OF_LIBRARIES = ("model.safetensors", "pytorch_model.bin", "pytorch_model_fsdp.bin")
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
    if not start:
        return "is not a checkpoint: it is empty, as where the disk was full when it was saved. Copy it again."
    for beginning, kind in _BEGINNINGS:
        if start.startswith(beginning):
            return kind
    if start.lstrip().lower().startswith(_PAGES):
        return "is a web page and not the file that it should be. Download the file again."
    if b'"weight_map"' in start:
        return "is a list of files that hold the parameters."
    if start.startswith(b"PK"):
        return _kind_of_zip(path) or _ENDINGS.get(path.suffix.lower(), "")
    if tarfile.is_tarfile(path):
        return "is a tar archive. Unpack it first."
    return _ENDINGS.get(path.suffix.lower(), "")


def kind_of_folder(path: Path) -> str:
    """Say what a folder is that was given in place of a checkpoint, and what to do.

    Parameters
    ----------
    path
        A folder.

    Returns
    -------
    str
        The end of a sentence that begins with the folder; empty where it is not known.
    """
    names = {child.name for child in path.iterdir()}
    if ".metadata" in names:
        return f"is a distributed checkpoint. `{_OF_DCP} {path} FILE.pt` makes one file of it; give that."
    if "zero_to_fp32.py" in names or "latest" in names or any(name.startswith("mp_rank_") for name in names):
        return "is a checkpoint of DeepSpeed. The zero_to_fp32.py that it wrote there makes one file of it; give that."
    if given := sorted(names.intersection(_OF_LIBRARIES)):
        return f"is a folder; give the file in it that holds the parameters, {path / given[0]}."
    return ""


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
