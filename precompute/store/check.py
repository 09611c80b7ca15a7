"""The check of a store: it lists everything that is missing, half-written or inconsistent.

The writer runs it before a store is moved into place, and so do ``python -m precompute check`` and the tests. First the
form is compared with the schema; then, where the form is right, parts of the content are compared with each other.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import h5py
import numpy as np

from precompute.errors import StoreDamaged
from precompute.store import schema, soundness, stamps
from precompute.store.checks import (
    effects,
    exemplars,
    experiments,
    form,
    frame,
    image_top,
    pictures,
    responses,
    sums,
    train,
    values,
)
from precompute.store.checks.known_paths import KnownPaths
from precompute.store.checks.rules import Problem, Rule, keeps_sums, left_out, names
from precompute.store.experiments import registry
from precompute.store.probe import comes_to_an_end
from precompute.store.read_errors import is_damage
from precompute.store.renamed import current
from precompute.store.schema import TRAIN, experiment_path, train_path
from precompute.store.storefile import open_file
from precompute.store.train import TrainView

__all__ = ["Problem", "check", "problems_of", "refuse_changed", "refuse_changed_file"]


def check(path: Path | str) -> list[Problem]:
    """List all that is wrong with a store.

    Parameters
    ----------
    path : Path or str
        The file.

    Returns
    -------
    list of Problem
        Empty for a good store.

    Raises
    ------
    StoreMissing, StoreDamaged
        Where there is no such file, or it cannot be opened at all.

    Notes
    -----
    An error that no damaged file can cause, such as a lack of memory or a mistake of ours, is raised as it is.
    """
    with open_file(Path(path)) as file:
        unsound = _unsound(file, Path(path))
        if unsound:  # do not read anything else: it could lead anywhere
            return unsound
        found = problems_of(file) + _foreign(file)
        complete = np.asarray(file.attrs.get("complete", True))
        if complete.dtype.kind in "biu" and not complete.all():
            found.insert(0, Problem("/", "the store is not stamped complete; its run was stopped or is still going on"))
    return found


def _unsound(file: h5py.File, path: Path) -> list[Problem]:
    """Find problems that make it unsafe to read the file at all."""
    try:
        found, varies = soundness.all_problems(file)
    except Exception as error:
        if not is_damage(error):
            raise
        return [Problem("/", f"the file's structure is damaged ({error})")]
    if not found and varies and not comes_to_an_end(path):
        found = [Problem("/", "reading the file does not come to an end, its structure is damaged")]
    return found


def _foreign(file: h5py.File) -> list[Problem]:
    """Find experiments that this program does not know and so cannot check."""
    held = names(file, "/experiments")
    return [
        Problem(experiment_path(name), "this program knows no experiment of this name")
        for name in held
        if name not in registry.NAMES
    ]


def problems_of(file: h5py.File, *, just_stamped: bool = False) -> list[Problem]:
    """List all that is wrong with an open store, except that it may not be stamped complete yet.

    Parameters
    ----------
    file : h5py.File
        The store.
    just_stamped : bool
        Whether its stamps were written a moment ago from what it holds, and so need not be compared with that.

    Returns
    -------
    list of Problem
        Empty for a good store.
    """
    gone, changed = ([], []) if just_stamped else _stamp_problems(file)
    found = _problems(file, [problem for problem in gone if not problem.path.startswith(f"{TRAIN}/")])
    if isinstance(file.get(TRAIN), h5py.Group):
        found += train.problems(file)
        lost = [Problem(p.path.removeprefix(TRAIN), p.message) for p in gone if p.path.startswith(f"{TRAIN}/")]
        found += [Problem(train_path(p.path), p.message) for p in _problems(TrainView(file), lost)]
    known = {problem.path for problem in found}
    found += [problem for problem in changed if problem.path not in known]
    return list(dict.fromkeys(found))


def refuse_changed(path: Path) -> None:
    """Refuse a store in which something is missing, or facts differ, since it was written; values are not read.

    Raises
    ------
    StoreMissing, StoreDamaged
        Where it cannot be opened, or is not as it was written.
    """
    with open_file(path) as file:
        refuse_changed_file(file, path)


def refuse_changed_file(file: h5py.File, path: Path) -> None:
    """Refuse an open store as :func:`refuse_changed` does; `path` is the path to name in the message.

    Raises
    ------
    StoreDamaged
        Where it is not as it was written.

    """
    unsound = _unsound(file, path)  # first: a link could lead to a pipe, at which a reader waits for ever
    for problem in unsound or [problem for problems in _stamp_problems(file) for problem in problems]:
        raise StoreDamaged(
            f"{path}: this store is not as it was written, at {problem}. Nothing can be added to it. `python -m "
            f"precompute check {path}` lists all that is wrong; copy the file again, or build the store again."
        )


def _stamp_problems(file: h5py.File) -> tuple[list[Problem], list[Problem]]:
    """Find what is missing since the store was written, and what has other facts than those written."""
    gone: list[Problem] = []
    changed: list[Problem] = []

    def look(name: str, item: h5py.HLObject) -> None:
        path = f"/{name}"
        gone.extend(stamps.gone(item, path))
        if not stamps.has_facts_as_stamped(item):
            changed.append(Problem(path, "its facts are not those that were written"))

    try:
        look("", file)
        file.visititems(look)
    except Exception as error:
        if not is_damage(error):
            raise
        changed.append(Problem("/", f"the file's attributes are damaged ({error})"))
    return gone, changed


def _untold(gone: Sequence[Problem], told: Sequence[Problem]) -> list[Problem]:
    """Return missing items that are not reported yet, neither themselves nor anything inside them."""
    paths = {current(problem.path) for problem in told}
    return [
        problem
        for problem in gone
        if current(problem.path) not in paths and not any(path.startswith(f"{problem.path}/") for path in paths)
    ]


def _problems(whole: h5py.File | TrainView, gone: Sequence[Problem]) -> list[Problem]:
    found: list[Problem] = []
    file = KnownPaths(whole)
    try:
        found += form.problems(file)
        found += _untold(gone, found)
        for rule in _rules(file):
            rests_on_left_out = any(left_out(file, schema.entry_for(current(path))) for path in rule.needs)
            if not rests_on_left_out and not {problem.path for problem in found}.intersection(rule.needs):
                found += _found_by(rule)
    except Exception as error:
        if not is_damage(error):
            raise
        found.append(Problem("/", f"the file's structure is damaged ({error})"))
    return found


def _found_by(rule: Rule) -> list[Problem]:
    """Evaluate a rule; where its inputs are so wrong that it fails, report that."""
    try:
        return list(rule.find())
    except Exception as error:
        if not is_damage(error):
            raise
        return [Problem(next(iter(rule.needs), "/"), f"it cannot be checked, its values make no sense ({error})")]


def _rules(file: KnownPaths) -> Iterator[Rule]:
    """List the rules, in an order in which each may rely on those before it."""
    yield from values.rules(file)
    yield from frame.rules(file)
    yield from values.count_rules(file)
    yield from image_top.output_rules(file)
    for layer in names(file, "/layers"):
        base = f"/layers/{layer}"
        yield from responses.rules(file, base)
        yield from image_top.layer_rules(file, base)
        for kind in names(file, f"{base}/ablation"):
            yield from effects.rules(file, base, kind)
        for kind in names(file, f"{base}/exemplar"):
            yield from exemplars.rules(file, base, kind)
        yield from exemplars.map_rules(file, base)
        if keeps_sums(file):
            yield from sums.rules(file, base)
    yield pictures.rule(file)
    yield from experiments.rules(file)
