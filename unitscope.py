"""Unitscope for Python: open a store, make one, use the formulas, and get a layer as pandas frames.

>>> import unitscope
>>> with unitscope.open_store("runs/demo.h5") as store:  # doctest: +SKIP
...     unitscope.measures_frame(store, "features.11")

Everything is imported when it is first used: ``import unitscope`` alone loads neither torch nor pandas.
``docs/python.md`` describes every name.
"""

import argparse
import importlib
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from precompute import __version__

if TYPE_CHECKING:
    import pandas as pd

    from precompute.errors import UnitscopeError
    from precompute.measures.births import birth_levels
    from precompute.measures.correlation import pearson, spearman
    from precompute.measures.detection import one_against_rest, precision_at_k
    from precompute.measures.drops import class_drops, correct_without, max_class_drop, overall_drop
    from precompute.measures.entropy import feature_entropy
    from precompute.measures.false_discovery import discrete_false_discovery, false_discovery
    from precompute.measures.held_out_selectivity import cross_validated_selectivity
    from precompute.measures.information import mutual_information
    from precompute.measures.maxdrop import max_drop_test
    from precompute.measures.paired import drop_interval, mcnemar, paired_counts
    from precompute.measures.quoted import quoted_drop
    from precompute.measures.redundancy import redundancy
    from precompute.measures.retrieval import average_precision
    from precompute.measures.selectivity import class_means, class_selectivity
    from precompute.measures.sparsity import hoyer, lifetime_sparsity
    from precompute.options import RunOptions
    from precompute.store.answers import answers
    from precompute.store.check import check
    from precompute.store.reader import Experiment, Layer, Store, open_store

_HOME = {
    "precompute.errors": ("UnitscopeError",),
    "precompute.options": ("RunOptions",),
    "precompute.store.answers": ("answers",),
    "precompute.store.check": ("check",),
    "precompute.store.reader": ("Experiment", "Layer", "Store", "open_store"),
    # The formulas
    "precompute.measures.births": ("birth_levels",),
    "precompute.measures.correlation": ("pearson", "spearman"),
    "precompute.measures.detection": ("one_against_rest", "precision_at_k"),
    "precompute.measures.drops": ("class_drops", "correct_without", "max_class_drop", "overall_drop"),
    "precompute.measures.entropy": ("feature_entropy",),
    "precompute.measures.held_out_selectivity": ("cross_validated_selectivity",),
    "precompute.measures.information": ("mutual_information",),
    "precompute.measures.maxdrop": ("max_drop_test",),
    "precompute.measures.false_discovery": ("discrete_false_discovery", "false_discovery"),
    "precompute.measures.paired": ("drop_interval", "mcnemar", "paired_counts"),
    "precompute.measures.quoted": ("quoted_drop",),
    "precompute.measures.redundancy": ("redundancy",),
    "precompute.measures.retrieval": ("average_precision",),
    "precompute.measures.selectivity": ("class_means", "class_selectivity"),
    "precompute.measures.sparsity": ("hoyer", "lifetime_sparsity"),
}
_MODULE = {name: module for module, names in _HOME.items() for name in names}

__all__ = [
    "Experiment",
    "Layer",
    "RunOptions",
    "Store",
    "UnitscopeError",
    "__version__",
    "activations_frame",
    "answers",
    "average_precision",
    "birth_levels",
    "check",
    "class_drops",
    "class_means",
    "class_selectivity",
    "correct_without",
    "cross_validated_selectivity",
    "discrete_false_discovery",
    "drop_interval",
    "drops_frame",
    "false_discovery",
    "feature_entropy",
    "flips_frame",
    "hoyer",
    "images_frame",
    "lifetime_sparsity",
    "max_class_drop",
    "max_drop_test",
    "mcnemar",
    "measures_frame",
    "mutual_information",
    "one_against_rest",
    "open_store",
    "overall_drop",
    "paired_counts",
    "pearson",
    "precision_at_k",
    "quoted_drop",
    "redundancy",
    "run",
    "spearman",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULE:
        raise AttributeError(f"module 'unitscope' has no attribute {name!r}; unitscope.__all__ lists what it has")
    return getattr(importlib.import_module(_MODULE[name]), name)


def __dir__() -> list[str]:
    return __all__


def run(options: "RunOptions", *, say: Callable[[str], None] = print) -> "Path":
    """Run a network over labelled images, silence each unit in turn and write a store.

    Parameters
    ----------
    options : RunOptions
        What ``python -m precompute run`` takes, by the names of Python.
    say : callable
        Shows the user a sentence: what the run will do, what it costs, how it went.

    Returns
    -------
    Path
        The store.

    Raises
    ------
    UnitscopeError
        For anything that cannot work; nothing is written then.
    """
    from precompute.run.pipeline import carry_out

    carry_out(options, command=f"unitscope.run({options!r})", say=say)
    return options.out


# Frames


def images_frame(store: "Store") -> "pd.DataFrame":
    """Return the images of a store with what the network says of them, nothing ablated.

    Parameters
    ----------
    store : Store
        An open store.

    Returns
    -------
    DataFrame
        A row for each image, indexed by its number. Columns: ``path`` below the folder of images, ``class``,
        ``prediction`` (network output), ``correct``, and ``log_prob`` of the true class in nats, where it is stored.
    """
    import numpy as np
    import pandas as pd

    classes = np.array(store.classes.name, dtype=object)
    frame = pd.DataFrame(
        {
            "path": list(store.images.path),
            "class": classes[store.images.label],
            "prediction": store.baseline.prediction,
            "correct": store.baseline_correct,
        },
        index=pd.RangeIndex(len(store.images), name="image"),
    )
    return frame if store.baseline.log_prob is None else frame.assign(log_prob=store.baseline.log_prob)


def measures_frame(store: "Store", layer: str) -> "pd.DataFrame":
    """Return every measure of a layer.

    Parameters
    ----------
    store : Store
        An open store.
    layer : str
        Name of the layer.

    Returns
    -------
    DataFrame
        A row for each unit, a column for each measure; NaN where the measure is not defined. ``frame.attrs`` holds the
        label of each measure for readers.
    """
    import pandas as pd

    held = store.layer(layer)
    frame = pd.DataFrame({name: found.values for name, found in held.measures.items()}, index=_units(held))
    frame.attrs = {name: found.label for name, found in held.measures.items()}
    return frame


def activations_frame(
    store: "Store", layer: str, *, over_space: Literal["max", "mean", "positive_mean"] = "max"
) -> "pd.DataFrame":
    """Return how strongly every unit of a layer responds to every image.

    Parameters
    ----------
    store : Store
        An open store.
    layer : str
        Name of the layer.
    over_space : str
        What is taken over the positions of a unit's map: ``max``, ``mean``, or ``positive_mean``, the mean of the
        positive part, which only layers that go below zero have.

    Returns
    -------
    DataFrame
        A row for each image, a column for each unit; images times units times 4 bytes of memory.

    Raises
    ------
    ValueError
        When the layer has no such activations.
    StoreOfSums
        A UnitscopeError, when the store keeps sums only.
    """
    import pandas as pd

    held = store.layer(layer)
    values = getattr(held.activation(slice(None)), over_space, None)
    if values is None:
        raise ValueError(f"over_space={over_space!r}: expected max or mean; {layer} holds no such activations.")
    return pd.DataFrame(values.T, columns=_units(held), index=pd.RangeIndex(len(store.images), name="image"))


def drops_frame(store: "Store", layer: str, *, ablation: str = "zero") -> "pd.DataFrame":
    """Return the accuracy that every class loses without every unit of a layer.

    Parameters
    ----------
    store : Store
        An open store.
    layer : str
        Name of the layer.
    ablation : str
        The kind of ablation, ``zero`` or ``mean``.

    Returns
    -------
    DataFrame
        A row for each unit, a column for each class, fractions from -1 to 1; positive hurts, NaN for a class without
        images.

    Raises
    ------
    ValueError
        When the store does not hold this kind of ablation.
    """
    import pandas as pd

    held = _ablated(store, layer, ablation)
    classes = pd.Index(list(store.classes.name), name="class")
    return pd.DataFrame(held.ablation(ablation).drop, index=_units(held), columns=classes)


def flips_frame(store: "Store", layer: str, *, ablation: str = "zero") -> "pd.DataFrame":
    """Return every prediction that changes without a unit of a layer.

    Parameters
    ----------
    store : Store
        An open store.
    layer : str
        Name of the layer.
    ablation : str
        The kind of ablation, ``zero`` or ``mean``.

    Returns
    -------
    DataFrame
        A row for each flip. Columns: ``unit``, ``image`` (its number), ``class``, ``before`` and ``after`` (network
        outputs), ``change``: ``lost`` where the image was right, ``gained`` where it is right now, ``other``.

    Raises
    ------
    ValueError
        When the store does not hold this kind of ablation.
    """
    import numpy as np
    import pandas as pd

    from precompute.store.answers import answers

    before, flips = answers(store), _ablated(store, layer, ablation).flip_table(ablation)
    was, target = before.prediction[flips.image], before.target[flips.image]
    return pd.DataFrame(
        {
            "unit": flips.unit,
            "image": flips.image,
            "class": np.array(store.classes.name, dtype=object)[store.images.label[flips.image]],
            "before": was,
            "after": flips.prediction,
            "change": np.select([was == target, flips.prediction == target], ["lost", "gained"], "other"),
        }
    )


def _units(layer: "Layer") -> "pd.RangeIndex":
    import pandas as pd

    return pd.RangeIndex(layer.n_units, name="unit")


def _ablated(store: "Store", layer: str, kind: str) -> "Layer":
    held = store.layer(layer)
    if kind not in held.ablations:
        raise ValueError(f"ablation={kind!r}: {layer} was ablated by {' and '.join(held.ablations) or 'nothing'} only.")
    return held


# The command


def main() -> int:
    """Carry out the command ``unitscope``: ``app`` and ``report``, all else is ``python -m precompute``."""
    if sys.argv[1:2] == ["app"]:
        return _app(sys.argv[2:])
    if sys.argv[1:2] == ["report"]:
        return _report(sys.argv[2:])
    from precompute.__main__ import main as command

    return command(program="unitscope")


def _app(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="unitscope app", description="Opens the app on the stores of a folder.")
    add = parser.add_argument
    add("folder", nargs="?", type=Path, metavar="FOLDER", help="where the stores lie (runs/ here, or the project's)")
    add("--store", type=Path, metavar="STORE.h5", help="show this store alone")
    add("--images", type=Path, metavar="DIR", help="where that store's images lie now, for What if")
    add("--allow-code", action="store_true", help="let What if load networks that are Python files, which runs them")
    add("--port", type=int, default=8501, metavar="N", help="the port on this machine (%(default)s)")
    options = parser.parse_args(arguments)
    if options.folder is not None and not options.folder.is_dir():
        parser.error(f"{options.folder}: there is no such folder. Name the folder that holds the stores.")
    here = Path("runs")
    if options.folder is not None or ("UNITSCOPE_RUNS" not in os.environ and here.is_dir()):
        os.environ["UNITSCOPE_RUNS"] = str((options.folder or here).resolve())
    from streamlit.web import cli

    script = str(Path(__file__).resolve().parent / "app.py")
    asked = [] if options.store is None else ["--store", str(options.store.resolve())]
    asked += [] if options.images is None else ["--images", str(options.images.resolve())]
    asked += ["--allow-code"] if options.allow_code else []
    return int(cli.main(["run", script, "--server.port", str(options.port), "--", *asked], standalone_mode=False) or 0)


def _report(arguments: Sequence[str]) -> int:
    from streamlit.logger import set_log_level

    # Pages are run without a browser, which the library that shows them would warn of.
    set_log_level("ERROR")
    from explorer.report import main as command

    return command(arguments, program="unitscope report")


if __name__ == "__main__":
    sys.exit(main())
