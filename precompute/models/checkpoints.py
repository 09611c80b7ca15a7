"""Find a network's parameters in a checkpoint, whatever the training program wrapped around them.

Training programs put parameters into entries (``state_dict``, ``model``, ``ema``) and wrap modules in others
(``module.``, ``model.``, ``backbone.``). Both put a prefix, called the beginning here, before the network's own names
of its parameters. So one rule removes both: a beginning counts if **every** parameter of the network is found under it.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from precompute.errors import ModelError
from precompute.models.checkpoint_files import NamedTensor, read_tensors
from precompute.models.parameter_marks import ADAPTER, ADAPTERS_TOLD, told_by
from precompute.models.state_dict import SHOWN, differ_in_shape, equal, needed_names, own_tensors, problem
from precompute.words import first_few

_AVERAGED = {"ema", "swa", "avg", "average", "averaged", "averages", "averaging", "teacher"}
# Class weights of a loss: a network does not need them to compute its outputs.
_LOSS = re.compile(r"(\w+_)?(criterion|loss)(_\w+)?")
_OF_A_LAYER = re.compile(r"\.(weight|bias|running_mean|running_var)$")


@dataclass(frozen=True)
class Checkpoint:
    """What a checkpoint file holds.

    Parameters
    ----------
    path
        The file.
    entry
        The beginning of names that the caller asked for; empty where it asked for none.
    tensors
        The tensors by name; only those under `entry` where the caller asked for one.
    """

    path: Path
    entry: str
    tensors: Mapping[str, NamedTensor]

    def __str__(self) -> str:
        return f"{self.path}::{self.entry}" if self.entry else str(self.path)


@dataclass(frozen=True)
class Parameters:
    """The parameters of a network, found in a checkpoint.

    Parameters
    ----------
    state
        The tensors by the network's own names, and those that the network does not know.
    source
        The file, followed by the entry where one had to be chosen.
    notes
        Sentences that the user must read about the choice.
    """

    state: Mapping[str, torch.Tensor]
    source: str
    notes: tuple[str, ...]


def read_checkpoint(file: str | Path) -> Checkpoint:
    """Read a checkpoint.

    Parameters
    ----------
    file
        A file, or ``FILE::ENTRY`` for one of several sets of parameters in it; dots lead into nested entries.

    Raises
    ------
    ModelError
        Where the file cannot be read, or has no such entry.
    """
    path, entry = split_entry(str(file))
    tensors = read_tensors(path)
    under = {name: tensor for name, tensor in tensors.items() if name.startswith(f"{entry}.")} if entry else tensors
    if not under:
        there = sorted({_top(tensor) for tensor in tensors.values()})
        raise ModelError(f"{path} has no tensors under {entry!r}. It has them under: {first_few(there, 12)}.")
    return Checkpoint(path, entry, under)


def split_entry(weights: str) -> tuple[Path, str]:
    """Take ``FILE::ENTRY`` apart; the entry is empty where none is named. The path becomes absolute."""
    whole = Path(weights).expanduser().absolute()
    file, mark, entry = weights.rpartition("::")
    if not mark or whole.exists():
        return whole, ""
    return Path(file).expanduser().absolute(), entry.strip(".")


def parameters_for(network: nn.Module, checkpoint: Checkpoint) -> Parameters:
    """Find the parameters of `network` in a checkpoint by their names; their sizes are not checked here.

    Raises
    ------
    ModelError
        Where no beginning has all of the network's parameters, or several have and nothing says which one to take.
    """
    own, needed = own_tensors(network), needed_names(network)
    tensors, found = _beginnings(checkpoint.tensors, needed)
    fitting = [beginning for beginning, count in found.items() if count == len(set(needed.values()))]
    if not fitting:
        raise ModelError(_misfit(checkpoint, tensors, own, needed, found))
    chosen, others = _choose(fitting, tensors, own, checkpoint)
    state, aside = _taken(chosen, fitting, tensors, needed)
    _refuse_adapters(checkpoint, tensors, own)
    source = f"{checkpoint.path}::{_bare(chosen)}" if others and _bare(chosen) else str(checkpoint)
    notes = [*_notes(checkpoint, chosen, others, aside, tensors), *_rounded(state, own)]
    return Parameters(state, source, tuple(notes))


# Beginnings of names


def _beginnings(
    tensors: Mapping[str, NamedTensor], needed: Mapping[str, str]
) -> tuple[Mapping[str, NamedTensor], Counter[str]]:
    """Return the tensors, and for every beginning of their names the number of needed tensors found under it.

    Where a part of the network was in ``DataParallel``, names have ``module`` in the middle; it is removed.
    """
    found, all_of_it = _counted(tensors, needed), len(set(needed.values()))
    if all_of_it not in found.values():
        plain = {_without_module(name): tensor for name, tensor in tensors.items()}
        found_plain = _counted(plain, needed)
        if len(plain) == len(tensors) and all_of_it in found_plain.values():
            return plain, found_plain
    return tensors, found


def _counted(tensors: Mapping[str, NamedTensor], needed: Mapping[str, str]) -> Counter[str]:
    met: dict[str, set[str]] = defaultdict(set)
    for name in tensors:
        for start in (0, *(match.end() for match in re.finditer(r"\.", name))):
            if name[start:] in needed:
                met[name[:start]].add(needed[name[start:]])
    return Counter({start: len(names) for start, names in met.items()})


def _without_module(name: str) -> str:
    return ".".join(part for part in name.split(".") if part != "module")


def _choose(
    fitting: Sequence[str],
    tensors: Mapping[str, NamedTensor],
    own: Mapping[str, torch.Tensor],
    checkpoint: Checkpoint,
) -> tuple[str, list[str]]:
    """Choose one of the beginnings under which all parameters are found; return the others too.

    Parameters whose sizes fit are preferred to others, and plain parameters to averaged ones.
    """
    sized = [start for start in fitting if not _misshapen(start, tensors, own)] or list(fitting)
    plain = [start for start in sized if not _is_averaged(start, tensors)] or sized
    chosen = min(plain, key=lambda start: start.count("."))  # nearest to the top of the file
    rivals = [start for start in plain if not _same(chosen, start, tensors, own)]
    if rivals:
        names = [_bare(start) or "no entry" for start in (chosen, *rivals)]
        example = next(_bare(start) for start in (chosen, *rivals) if start)
        raise ModelError(
            f"{checkpoint.path} holds the network's parameters more than once, under {first_few(names, 8)}. "
            f"Say which: --weights {checkpoint.path}::{example}"
        )
    return chosen, [start for start in sized if start != chosen and not _same(chosen, start, tensors, own)]


def _misshapen(start: str, tensors: Mapping[str, NamedTensor], own: Mapping[str, torch.Tensor]) -> bool:
    return any(
        start + name in tensors and differ_in_shape(tensors[start + name].tensor, tensor)
        for name, tensor in own.items()
    )


def _is_averaged(start: str, tensors: Mapping[str, NamedTensor]) -> bool:
    words = set(re.split(r"[^a-z]+", start.lower()))
    # torch.optim.swa_utils.AveragedModel keeps this count beside its module.
    return bool(words & _AVERAGED) or f"{start.removesuffix('module.')}n_averaged" in tensors


def _same(one: str, other: str, tensors: Mapping[str, NamedTensor], own: Mapping[str, torch.Tensor]) -> bool:
    pairs = [(tensors.get(one + name), tensors.get(other + name)) for name in own]
    return one == other or all(a is b or (a and b and equal(a.tensor, b.tensor)) for a, b in pairs)


def _taken(
    start: str, fitting: Sequence[str], tensors: Mapping[str, NamedTensor], needed: Collection[str]
) -> tuple[dict[str, torch.Tensor], list[str]]:
    """Return the tensors under the chosen beginning, by the network's names, and the names left aside.

    Unknown tensors under the beginning, in the same dictionaries, are returned too and will be refused: the network may
    lack a layer. Tensors beside it, those of a loss, and those in other dictionaries that are called like parameters
    are left aside.
    """
    homes = {tensors[start + name].home for name in needed if start + name in tensors}
    rivals = tuple(other for other in fitting if not start.startswith(other))
    state: dict[str, torch.Tensor] = {}
    aside: list[str] = []
    for name, named in tensors.items():
        elsewhere = named.home not in homes
        if name.startswith(rivals) or (elsewhere and not _OF_A_LAYER.search(name)):
            continue
        own_name = name.removeprefix(start)
        of_a_loss = own_name not in needed and _LOSS.fullmatch(own_name.partition(".")[0])
        if elsewhere or of_a_loss or not name.startswith(start):
            aside.append(name)
        else:
            state[own_name] = named.tensor
    return state, aside


def _notes(
    checkpoint: Checkpoint,
    chosen: str,
    others: Sequence[str],
    aside: Sequence[str],
    tensors: Mapping[str, NamedTensor],
) -> Iterator[str]:
    where = f"under {_bare(chosen)!r}" if chosen else "under no entry"
    if others:
        names = [_bare(start) or "no entry" for start in others]
        way = f"; --weights {checkpoint.path}::{names[0]} takes the first of these" if others[0] else ""
        yield (
            f"{checkpoint.path} holds the network's parameters more than once. Those {where} are taken, not those "
            f"under {first_few(names, 8)}{way}."
        )
    elif _bare(chosen) not in {checkpoint.entry, *(named.home for named in tensors.values())}:
        yield f"From {checkpoint.path}, the parameters {where} are taken."
    if aside:
        yield f"Left aside, since the network has no such parameters: {first_few(aside, SHOWN)}."


def _rounded(state: Mapping[str, torch.Tensor], own: Mapping[str, torch.Tensor]) -> Iterator[str]:
    """Say where the file's numbers have another precision than the network's."""
    kinds = Counter(
        (state[name].dtype, tensor.dtype)
        for name, tensor in own.items()
        if name in state and tensor.is_floating_point() and state[name].dtype != tensor.dtype
    )
    for (saved, computed), count in kinds.items():
        words = [str(kind).removeprefix("torch.") for kind in (saved, computed)]
        yield f"{count:,} of the network's tensors are {words[0]} in the file; the network has them as {words[1]}."


def _refuse_adapters(
    checkpoint: Checkpoint, tensors: Mapping[str, NamedTensor], own: Mapping[str, torch.Tensor]
) -> None:
    adapters = [name for name in tensors if ADAPTER.search(name)]
    if adapters and not any(ADAPTER.search(name) for name in own):
        raise ModelError(
            f"Beside the network's parameters {checkpoint} holds {first_few(adapters, SHOWN)}. {ADAPTERS_TOLD}"
        )


def _bare(start: str) -> str:
    return start.removesuffix(".")


def _top(tensor: NamedTensor) -> str:
    """Name the entry that a tensor lies under."""
    return tensor.home or tensor.name.partition(".")[0]


def _misfit(
    checkpoint: Checkpoint,
    tensors: Mapping[str, NamedTensor],
    own: Mapping[str, torch.Tensor],
    needed: Mapping[str, str],
    found: Counter[str],
) -> str:
    told = f"The checkpoint {checkpoint} does not fit the network."
    part = re.search(r"-0*(\d+)-of-0*(\d+)\b", checkpoint.path.name)
    if part:
        told += f" By its name it is part {part[1]} of {part[2]}, and the others hold the rest: save all in one file."
    if not found:
        return (
            f"{told} None of its {len(tensors):,} names ends like one of the network's: it has "
            f"{first_few(tensors, SHOWN)}, the network {first_few(needed, SHOWN)}."
            f"{told_by(tensors)} Give the network that it was saved from."
        )
    start, count = found.most_common(1)[0]
    homes = {tensors[start + name].home for name in needed if start + name in tensors}
    missing = [name for name in needed if start + name not in tensors]
    unknown = [
        name.removeprefix(start)
        for name, named in tensors.items()
        if name.startswith(start) and named.home in homes and name.removeprefix(start) not in own
    ]
    problems = filter(None, [problem("lacks", missing), problem("has the unknown", unknown)])
    where = f"under {_bare(start)!r}" if start else "without taking a beginning off"
    return (
        f"{told} It {'; it '.join(problems)}. Most names fit {where}: {count:,} of "
        f"{len(set(needed.values())):,}.{told_by(unknown)} Give the network that it was saved from."
    )
