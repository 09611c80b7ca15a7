"""Everything that a person may have to be told, as one small tree.

::

    UnitscopeError
      + ModelError        the network cannot be found, loaded or run
          - EngineDoubted     the engine was found to be wrong about a layer
      + LayerError        no such layer, or one whose output has no units
      + ImageFolderError  the image folder is missing, empty or mostly unreadable
      + ClassError        class folders cannot be matched to network outputs
      + OptionError       an option has a value that cannot work
      + DiskError         the store cannot be written where it was asked for
      + TooLittleMemory   the machine has too little free memory
      + WorkerRefused     another machine cannot take part in what is computed on several
      + PieceFailed       a piece of some work failed time and again in the processes that compute pieces
      + StoreError        a store cannot be used
          - StoreMissing      there is no such file
          - StoreIncomplete   it is still being written, or its writer died
          - StoreVersion      it was written by a newer or foreign version
          - StoreDamaged      it is truncated, or a block of it cannot be read
          - StoreChanged      another program changed it while it was read or something was being added
          - StoreOfSums       it keeps sums only, and more was asked for

Each message says where, what was expected, what was found and what to do. The command line and the app print the
message alone; any other exception is a fault of ours and keeps its traceback.
"""


class UnitscopeError(Exception):
    """Root of all errors that are shown to people as a sentence."""


class ModelError(UnitscopeError):
    """The network cannot be found, loaded or run."""


class EngineDoubted(ModelError):
    """The engine gives a layer other predictions than whole forward passes do.

    Parameters
    ----------
    layer
        The layer's name.
    reason
        What was found, a clause that can follow "because".
    """

    def __init__(self, layer: str, reason: str) -> None:
        super().__init__(
            f"{layer}: {reason}, so the exact engine cannot be trusted with this layer. Nothing "
            "was added. Look at another layer, and please report the network: this should not happen."
        )
        self.layer, self.reason = layer, reason

    def __reduce__(self) -> tuple[type["EngineDoubted"], tuple[str, str]]:
        """Let one process tell another."""
        return EngineDoubted, (self.layer, self.reason)


class LayerError(UnitscopeError):
    """No such layer, or one whose output has no units."""


class ImageFolderError(UnitscopeError):
    """The image folder is missing, empty or mostly unreadable."""


class ClassError(UnitscopeError):
    """Class folders cannot be matched to network outputs."""


class OptionError(UnitscopeError):
    """An option has a value that cannot work."""


class DiskError(UnitscopeError):
    """The store cannot be written where it was asked for."""


class TooLittleMemory(UnitscopeError):
    """The machine has too little free memory for what was asked."""


class WorkerRefused(UnitscopeError):
    """Another machine cannot take part in what is computed on several."""


class PieceFailed(UnitscopeError):
    """A piece of some work failed time and again in the processes that compute pieces."""


class StoreError(UnitscopeError):
    """A store cannot be used."""


class StoreMissing(StoreError):
    """There is no such file."""


class StoreIncomplete(StoreError):
    """The store is still being written, or its writer died."""


class StoreVersion(StoreError):
    """The store was written by a newer or foreign version."""


class StoreDamaged(StoreError):
    """The store is truncated, or a block of it cannot be read."""


class StoreChanged(StoreError):
    """Another program changed the store while it was read or something was being added to it."""


class StoreOfSums(StoreError):
    """The store keeps sums only, and something of every unit on every image was asked for."""


def reading_ended(error: RuntimeError) -> ImageFolderError | None:
    """Say of an error of torch's that it tells of a process that read images and is gone; None of any other.

    Torch raises it in the main thread wherever that is when the system tells of the process's end.
    """
    if "DataLoader worker" not in str(error):
        return None
    told = " ".join(str(error).split())
    return ImageFolderError(
        f"A process that reads images was ended from outside, probably for want of memory ({told}). "
        "Use fewer of them with --workers, or 0."
    )
