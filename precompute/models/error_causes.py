"""What an error in a network's forward pass means: which module raised it, what does not fit, and what to do.

Torch says in its own terms what an operation could not do. People who bring a network want to know which module it was
and what does not fit. Torch's own words follow in brackets, so that they can be searched for.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from sysconfig import get_path
from traceback import extract_tb, walk_tb

from torch import nn

_LONGEST = 200
OF_SIZE = "Give it the size and channels that it was made for, by a transform that returns them."
_OF_TYPE = "Let its forward function bring its input to the type of its weights."
_OF_DEVICE = "Let its forward function make tensors where its input is, as by device=x.device."
_OF_CODE = "Mend its forward function."
_OPEN = "If it was made for another size or other channels, let a transform return these; otherwise mend its forward."

_KINDS: tuple[tuple[str, str, str], ...] = (
    (
        r"mat1 and mat2 shapes cannot be multiplied \(\d+x(\d+) and (\d+)x",
        "{where} takes {1} numbers and is given {0}",
        OF_SIZE,
    ),
    (r"to have (\d+) channels, but got (\d+) channels", "{where} takes {0} channels and is given {1}", OF_SIZE),
    (r"running_mean should contain (\d+) elements not (\d+)", "{where} takes {1} channels and is given {0}", OF_SIZE),
    (
        r"weight of shape \[(\d+)\] and input of shape \[\d+, (\d+)",
        "{where} takes {0} channels and is given {1}",
        OF_SIZE,
    ),
    (
        r"Kernel size can't be greater|Output size is too small|Padding size should be less|sizes should be greater",
        "nothing is left of the maps in {where}, since they are smaller than its kernel, window or margin",
        OF_SIZE,
    ),
    (
        r"size of tensor a \((\d+)\) must match the size of tensor b \((\d+)\)",
        "{where} puts together two tensors of which one is {0} long where the other is {1}",
        OF_SIZE,
    ),
    (
        r"Sizes of tensors must match except.* Expected size (\d+) but got size (\d+)",
        "{where} puts together two tensors of which one is {0} long where the other is {1}",
        OF_SIZE,
    ),
    (
        r"shape '(\[.*?\])' is invalid for input of size (\d+)",
        "{where} gives {1} numbers the shape {0}, which holds another number of them",
        OF_SIZE,
    ),
    (
        r"Given normalized_shape=\[(.*?)\].*input of size ?\[(.*?)\]",
        "{where} takes tensors that end in ({0}) and is given ({1})",
        OF_SIZE,
    ),
    (r"expected (.*?) input \(got (.*?) input\)", "{where} takes {0} tensors and is given one of {1}", OF_SIZE),
    (
        r"input_size\. Expected (\d+), got (\d+)|embedding dimension of (\d+), but got (\d+)",
        "{where} takes {0} numbers and is given {1}",
        OF_SIZE,
    ),
    (
        r"first two dimensions of batch2|einsum\(\)|split_sizes|divisible by|maximum size for tensor at dimension",
        "the size of what {where} is given does not fit what it does",
        OF_SIZE,
    ),
    (
        r"Input type \((.*?)\) and (?:bias|weight) type \((.*?)\) should be the same|"
        r"same dtype, but got (\w+) and (\w+)|expected scalar type (\w+) but found (\w+)|"
        r"expected .* to have the same dtype, but got: (\S+) != (\S+)",
        "numbers of two types meet in {where}, {0} and {1}",
        _OF_TYPE,
    ),
    (
        r"\"\w+\" not implemented for '(\w+)'",
        "{where} uses an operation that this device lacks for numbers of {0}",
        _OF_TYPE,
    ),
    (
        r"tensors to be on the same device|not on the expected device|not compiled with CUDA|No CUDA GPUs",
        "{where} uses a device that is not the network's",
        _OF_DEVICE,
    ),
    (
        r"Couldn't load custom C\+\+ ops|operator torchvision::\w+ does not exist",
        "{where} needs operators that torchvision compiles, and they cannot be loaded here",
        "Install versions of torch and torchvision that belong together.",
    ),
    (
        r"view size is not compatible",
        "{where} calls view() on a tensor whose numbers do not lie one behind the other",
        "Call reshape() there, which does the same.",
    ),
    (
        r"Can't call numpy\(\) on Tensor that requires grad|inference tensor|Inference tensors",
        "{where} takes a tensor out of torch, or makes it in inference mode, where gradients are recorded",
        _OF_CODE,
    ),
)
"""What torch says, as a pattern; what it means; and what to do."""


_UNRECORDED = (
    (
        r"data.dependent|Dynamic control flow|not guard on|bool\(\)|\.item\(\)|unbacked|truth value",
        "what it computes depends on the values in the images",
    ),
    (
        r"Constraints violated|specializ|dynamic dim|marked.*dynamic|Expected size|not match the size",
        "what it computes depends on the number of images",
    ),
    (
        r"numpy|marked as skipped|builtin|Unsupported|[Ff]ake ?[Tt]ensor|data pointer|ScriptModule",
        "a part of it lies outside of torch",
    ),
)
"""What torch.export says, as a pattern, where it cannot record a network; and what that means."""


@dataclass(frozen=True)
class Told:
    """An error in our words.

    Parameters
    ----------
    cause
        A clause without a full stop.
    way
        A sentence that says what to do.
    """

    cause: str
    way: str


def explain(network: nn.Module, error: BaseException) -> Told:
    """Say what an error of a network's forward function means.

    Parameters
    ----------
    network
        The network.
    error
        The error that its forward function raised.
    """
    where = _place(network, error)
    for pattern, means, way in _KINDS:
        if found := re.search(pattern, str(error)):
            numbers = [group for group in found.groups() if group is not None]
            return Told(f"{means.format(*numbers, where=where)} ({words_of(error)})", way)
    at = _line(error)
    if isinstance(error, AssertionError):
        return Told(f"an assertion fails in {where}{at}{_quoted(error)}", _OPEN)
    way = _OPEN if type(error) in (RuntimeError, IndexError) else _OF_CODE
    return Told(f"{where} raises {type(error).__name__}{at}{_quoted(error)}", way)


def unrecorded(error: BaseException) -> str:
    """Return a clause that says why a network's operations cannot be recorded for an arbitrary number of images."""
    means = next((means for pattern, means in _UNRECORDED if re.search(pattern, str(error))), None)
    return f"{means or 'torch cannot record its operations'} (torch.export: {words_of(error, lines=1)})"


def words_of(error: BaseException, *, lines: int | None = None) -> str:
    """Return an error's own message on one line, cut at about 200 characters; the name of its type where it is empty.

    Parameters
    ----------
    error
        The error.
    lines
        How many lines of the message to take, from the first; all by default.
    """
    own = [line for line in str(error).splitlines() if line.strip()][:lines]
    said = " ".join(" ".join(own).split()).rstrip(".") or type(error).__name__
    return said if len(said) <= _LONGEST else f"{said[:_LONGEST].rsplit(' ', 1)[0]} ..."


def _quoted(error: BaseException) -> str:
    return f": {words_of(error)}" if str(error).strip() else ""


def _place(network: nn.Module, error: BaseException) -> str:
    """Name the innermost module of the network in which an error was raised."""
    paths = {module: path for path, module in network.named_modules()}
    within = [paths[module] for module in _modules(error) if module in paths]
    path = within[-1] if within else ""
    kind = type(network.get_submodule(path))
    name = f"{path or 'the network itself'} ({kind.__name__})"
    return name if kind.__module__.startswith("torch.nn") else f"the forward function of {name}"


def _modules(error: BaseException) -> Iterator[nn.Module]:
    """Yield the modules whose functions are in an error's traceback, the outermost first."""
    for frame, _ in walk_tb(error.__traceback__):
        found = frame.f_locals.get("self")
        if isinstance(found, nn.Module):
            yield found


def _line(error: BaseException) -> str:
    """Say in which line of the user's own file an error was raised; nothing where it was in none."""
    own = [frame for frame in extract_tb(error.__traceback__) if _is_own(Path(frame.filename))]
    return f" in line {own[-1].lineno} of {Path(own[-1].filename).name}" if own else ""


def _is_own(file: Path) -> bool:
    others = [Path(__file__).parents[1], *(Path(get_path(name)) for name in ("stdlib", "purelib", "platlib"))]
    return file.is_file() and not any(file.is_relative_to(folder) for folder in others)
