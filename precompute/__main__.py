"""The command line: ``python -m precompute``. Parsing and printing only.

Torch takes seconds to import, so the commands that need it import their part when they are called.
"""

import argparse
import os
import re
import shlex
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from precompute.errors import DiskError, UnitscopeError, reading_ended
from precompute.experiments.options import ExperimentOptions
from precompute.option_fields import add_arguments, asked
from precompute.options import MODEL_HELP, RunOptions
from precompute.run.shards import refuse_other, side_files_of
from precompute.stopping import INTERRUPTED, second_stops_at_once
from precompute.store.check import check
from precompute.store.damage import reading
from precompute.store.experiments import registry
from precompute.store.experiments.spec import ExperimentSpec
from precompute.store.place import parts_of, place_of
from precompute.store.reader import Store, open_store
from precompute.words import percent, printable

# By default torch's threads wait for each other by spinning. Where other programs want the same cores, that made a
# training step four times as slow as sleeping does. It has to be said before torch is imported.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

_UNITS_ON: dict[str, Any] = {
    "action": "append",
    "metavar": "1|last|L=last",
    "help": "where units lie that the network does not show; of a layer features.7=last, with a grid norm=last:14x14",
}


def main(arguments: Sequence[str] | None = None, *, program: str = "python -m precompute") -> int:
    """Run a command and return its exit status: 0 done, 1 refused or found wrong, 2 asked wrongly, 130 interrupted."""
    options = _parser(program).parse_args(arguments)
    try:
        _refuse_lost_folder()
        with second_stops_at_once():
            return int(options.run_command(options))
    except UnitscopeError as error:
        _say(f"error: {error}", sys.stderr)
        return 1
    except OSError as error:
        if not error.filename:
            raise
        _say(f"error: {error.filename}: the system refuses this ({error.strerror}).", sys.stderr)
        return 1
    except RuntimeError as error:
        ended = reading_ended(error)
        if ended is None:
            raise
        _say(f"error: {ended}", sys.stderr)
        return 1
    except KeyboardInterrupt:
        _say(f"\nstopped; {options.when_stopped}", sys.stderr)
        return INTERRUPTED


def _refuse_lost_folder() -> None:
    try:
        Path.cwd()
    except OSError as error:
        raise DiskError("The current folder is not there any more. Change to one that is, and try again.") from error


class _Parser(argparse.ArgumentParser):
    """Writes what it says like everything else: its errors repeat what was typed."""

    def _print_message(self, message: str, file: Any = None) -> None:
        if message:
            _say(message.rstrip("\n"), file or sys.stderr)


def _parser(program: str) -> argparse.ArgumentParser:
    parser = _Parser(
        prog=program,
        description="Runs a trained classifier over labelled images, silences each unit in turn and writes one store.",
        epilog="Look at stores with: unitscope app (after `pip install -e .`), or streamlit run app.py",
    )
    parser.set_defaults(when_stopped="what was computed so far is kept, add --resume to go on with it")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_layers(commands)
    _add_run(commands)
    _add_demo(commands)
    _add_experiment(commands)
    checking = commands.add_parser("check", help="list all that is missing, half-written or inconsistent in a store")
    checking.add_argument("store", type=Path, metavar="STORE.h5")
    checking.set_defaults(run_command=_check)
    _add_compare(commands)
    informing = commands.add_parser("info", help="say what is in a store and how it came to be")
    informing.add_argument("store", type=Path, metavar="STORE.h5")
    informing.set_defaults(run_command=_info)
    return parser


def _add_layers(commands: "argparse._SubParsersAction[_Parser]") -> None:
    parser = commands.add_parser("layers", help="list the layers whose units can be ablated")
    parser.add_argument("model", metavar="MODEL", help=MODEL_HELP.replace("`", ""))
    parser.add_argument("--units-on", **_UNITS_ON)
    parser.set_defaults(run_command=_layers)


def _add_run(commands: "argparse._SubParsersAction[_Parser]") -> None:
    parser = commands.add_parser("run", help="from a network and a folder of images to a store")
    add_arguments(parser, RunOptions)
    parser.set_defaults(run_command=lambda found: _run(asked(RunOptions, parser, found)))


def _add_demo(commands: "argparse._SubParsersAction[_Parser]") -> None:
    parser = commands.add_parser("demo", help="build the embedded example from nothing, offline")
    parser.add_argument("--out", type=Path, default=Path("runs/demo.h5"), metavar="FILE", help="(%(default)s)")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="another seed, other pictures (%(default)s)")
    parser.add_argument(
        "--variants",
        action="store_true",
        help="also train the network with batch normalisation and without dropout, a store each beside the first",
    )
    parser.add_argument(
        "--train", action="store_true", help="train the plain network of seed 0 too; its weights ship with the program"
    )
    parser.set_defaults(run_command=_demo, when_stopped="what is whole is kept; the same command begins the rest anew")


class _HelpOfExperiment(argparse.Action):
    """Shows what an experiment is and the options that it takes, where its name stands before ``--help``."""

    def __call__(self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, *_: Any) -> None:
        name: str = getattr(namespace, "name", None) or "all"
        (parser if name == "all" else _parser_of(registry.spec_of(name))).print_help()
        parser.exit()


def _parser_of(spec: ExperimentSpec) -> argparse.ArgumentParser:
    """Return a parser that takes what one experiment takes, for its help."""
    described = f"{spec.title}. It needs {spec.needs}. It adds, {spec.adds}."
    parser = argparse.ArgumentParser(
        prog=f"python -m precompute experiment {spec.name}",
        description=re.sub(r"\[(.*?)\]\(.*?\)", r"\1", described).replace("`", ""),
        epilog=f"Source: {spec.source}",
    )
    parser.add_argument("store", type=Path, metavar="STORE.h5")
    add_arguments(parser, ExperimentOptions, spec.options)
    return parser


def _add_experiment(commands: "argparse._SubParsersAction[_Parser]") -> None:
    parser = commands.add_parser(
        "experiment",
        help="add an experiment to a store",
        add_help=False,
        epilog="Experiments: "
        + "; ".join(f"{spec.name} ({spec.title})" for spec in registry.all_specs())
        + "; all (each of them but attribution). NAME --help says which options one of them takes.",
    )
    parser.add_argument("-h", "--help", action=_HelpOfExperiment, nargs=0, help="what an experiment takes, by its name")
    names = ["all", *(spec.name for spec in registry.all_specs())]
    parser.add_argument("name", metavar="NAME", choices=names, help="which one, of those below")
    parser.add_argument("store", type=Path, metavar="STORE.h5")
    add_arguments(parser, ExperimentOptions)
    parser.set_defaults(
        run_command=lambda found: _experiment(found.name, found.store, asked(ExperimentOptions, parser, found)),
        when_stopped="the store is as it was",
    )


def _add_compare(commands: "argparse._SubParsersAction[_Parser]") -> None:
    parser = commands.add_parser("compare", help="set stores beside each other, layer by layer")
    parser.add_argument("stores", type=Path, nargs="+", metavar="STORE.h5")
    parser.add_argument("--layer", action="append", dest="layers", metavar="L", help="a layer; repeatable (all)")
    parser.set_defaults(run_command=_compare)


# The commands


def _say(text: str, to: TextIO | None = None) -> None:
    """Print lines. They may hold names of files, which nobody has made safe for a terminal."""
    to = to or sys.stdout
    try:
        print("\n".join(map(printable, text.split("\n"))), file=to, flush=True)
    except OSError as error:
        # The terminal is gone, the reader of a pipe has seen enough, or a log's disk is full: the work goes on.
        with suppress(OSError), Path(os.devnull).open("w") as nothing:
            os.dup2(nothing.fileno(), to.fileno())
        if to is sys.stdout and not isinstance(error, BrokenPipeError):
            _say(f"What this command says cannot be written ({error.strerror}); it goes on without words.", sys.stderr)


def _layers(options: argparse.Namespace) -> int:
    from precompute.models.listing import lines
    from precompute.models.load import load_model
    from precompute.models.sites import survey_sites
    from precompute.models.units_on import UnitsOn
    from precompute.run.planning import example_inputs

    # A layer has as many units whatever the weights, and published ones would have to be fetched.
    model = load_model(options.model, None if ".py:" in options.model else "none")
    for line in lines(
        survey_sites(model.network, example_inputs(model), units_on=UnitsOn.read(options.units_on or ()))
    ):
        _say(line)
    return 0


def _run(options: RunOptions) -> int:
    # What the options alone decide is refused before torch is imported.
    refuse_other(side_files_of(place_of(options.out)), options.identity(), options.defaults(), resume=options.resume)
    from precompute.run.pipeline import carry_out

    carry_out(options, command=_command(), say=_say)
    _say(f"Look at it with: streamlit run app.py -- --store {shlex.quote(str(options.out))}")
    return 0


def _demo(options: argparse.Namespace) -> int:
    from precompute.demo import build_demo, build_variants

    build = build_variants if options.variants else build_demo
    build(options.out, seed=options.seed, train=options.train, command=_command(), say=_say)
    _say("Look at it with: streamlit run app.py")
    _say(f"Every experiment is added by: python -m precompute experiment all {shlex.quote(str(options.out))}")
    return 0


def _experiment(name: str, store: Path, options: ExperimentOptions) -> int:
    from precompute.experiments.attribution import add_maps
    from precompute.experiments.runner import carry_out, carry_out_all

    with reading(store):
        if name == registry.ATTRIBUTION:
            add_maps(store, options, say=_say)
        elif name == "all":
            return 0 if carry_out_all(store, options, command=_command(), say=_say) else 1
        else:
            carry_out(name, store, options, command=_command(), say=_say)
    return 0


def _check(options: argparse.Namespace) -> int:
    with reading():
        problems = check(options.store)
    for line in (*problems, *parts_of(place_of(options.store))):
        _say(str(line))
    _say(f"{options.store}: {len(problems) or 'no'} problem{'s' * (len(problems) != 1)} found")
    return 1 if problems else 0


def _compare(options: argparse.Namespace) -> int:
    from precompute.compare import sides, tables

    stems = [path.stem for path in options.stores]
    found = []
    for path in options.stores:
        with reading(path), open_store(path) as store:
            found += sides(store, path.stem if stems.count(path.stem) == 1 else str(path), options.layers)
    _say("\n".join(tables(found, options.layers)))
    return 0


def _info(options: argparse.Namespace) -> int:
    with reading(options.store), open_store(options.store) as store:
        for name, value in _facts(store):
            _say(f"{name:16} {value}")
    return 0


def _accuracy(right: np.ndarray) -> str:
    return f"{percent(float(right.mean()), len(right))} ({right.sum()} right)"


def _facts(store: Store) -> list[tuple[str, object]]:
    versions = store.provenance.get("versions", {})
    facts: list[tuple[str, object]] = [
        ("store", store.path),
        ("written", store.created),
        ("fingerprint", store.fingerprint),
        ("command", store.provenance.get("command", "")),
        ("network", store.model.spec),
        ("weights", store.model.weights),
        ("device", store.provenance.get("device", "")),
        ("versions", ", ".join(f"{name} {version}" for name, version in versions.items())),
        ("images", f"{len(store.images)} of {len(store.classes)} classes in {store.images.root}"),
        ("skipped", f"{len(store.images.skipped)} files that could not be read"),
        ("accuracy", _accuracy(store.baseline_correct)),
        ("keeps", store.keep),
    ]
    facts += [("  lacks", what) for what in store.lacking]
    if store.classes.mapping:
        facts.append(("outputs", f"given by {store.classes.told_mapping()}"))
    if store.train is not None:
        train, right = store.train, store.train.baseline_correct
        facts.append(("training images", f"{len(train.images)} in {train.images.root}"))
        facts.append(("  skipped", f"{len(train.images.skipped)} files that could not be read"))
        facts.append(("  accuracy", _accuracy(right)))
    facts += [("condition", sentence) for sentence in store.conditions]
    for layer in store.layers:
        shape = " x ".join(map(str, layer.spatial_shape)) or "no space"
        facts.append(("layer", f"{layer.name} ({layer.kind}): {layer.n_units} units, {shape}"))
        facts.append(("  ablation", ", ".join(layer.ablations)))
        for found in layer.attributions:
            state = f"left out: {found.left_out}" if found.left_out else f"{found.n_exemplars} exemplars a unit"
            facts.append(("  attribution", f"{found.method}: {state}"))
    facts += [("experiment", f"{name}: {store.experiment(name).facts.get('created')}") for name in store.experiments]
    facts += [("skipped file", f"{path} ({reason})") for path, reason in store.images.skipped]
    facts += [("left beside it", part) for part in parts_of(place_of(store.path))]
    return facts


def _command() -> str:
    return shlex.join(["python", "-m", "precompute", *sys.argv[1:]])


if __name__ == "__main__":
    sys.exit(main())
