"""Checks of the parts that all layers share: the network's outputs, the classes, the images and the baseline."""

import json
from collections.abc import Iterator
from functools import partial
from itertools import pairwise

import h5py
import numpy as np

from precompute.measures.drops import Answers
from precompute.store import schema
from precompute.store.checks.rules import Problem, Rule, instances, is_json_object, outside, strings
from precompute.store.facts import read_fact, short_provenance
from precompute.store.list_hash import list_hash

ANSWERS = ("/classes/name", "/classes/output_index", "/images/label", "/baseline/prediction")
"""The paths that :func:`answers` needs."""


def rules(file: h5py.File) -> Iterator[Rule]:
    """List the rules for these parts."""
    yield Rule(("/provenance",), partial(_provenance, file))
    yield Rule(("/classes/name",), partial(_names, file))
    yield Rule(("/classes/output_index", "/model"), partial(_outputs, file))
    yield Rule(("/images/label", "/classes/name"), partial(_labels, file))
    yield Rule(("/baseline/prediction", "/model"), partial(_predictions, file))
    yield Rule(("/baseline", "/baseline/log_prob"), partial(_log_prob, file))
    yield Rule(("/images/path", "/images/label", "/classes/name", "/images"), partial(_list, file))


def answers(file: h5py.File) -> Answers:
    """Read the network's answers with nothing ablated, and the right answers."""
    label = file["/images/label"][...]
    target = file["/classes/output_index"][...][label]
    return Answers(file["/baseline/prediction"][...], target, label, len(file["/classes/name"]))


def n_outputs(file: h5py.File) -> int:
    """Read the number of the network's outputs."""
    return int(file["/model"].attrs["n_outputs"])


def _provenance(file: h5py.File) -> Iterator[Problem]:
    short = str(read_fact(file, "provenance", "{}"))
    if not is_json_object(short):
        yield Problem("/", "the provenance is not a JSON object")
    elif "whole" in json.loads(short):
        whole = file["/provenance"][...].tobytes().decode() if "/provenance" in file else ""
        if not is_json_object(whole) or short != short_provenance(whole):
            yield Problem("/provenance", "expected the whole of the attribute of the same name")
    elif "/provenance" in file and "provenance" in file.attrs:
        yield Problem("/provenance", "the attribute of the same name is whole")


def _names(file: h5py.File) -> Iterator[Problem]:
    if any(later <= earlier for earlier, later in pairwise(strings(file, "/classes/name"))):
        yield Problem("/classes/name", "the classes are not in order of their names, or two have the same")


def _outputs(file: h5py.File) -> Iterator[Problem]:
    output = file["/classes/output_index"][...]
    yield from outside("/classes/output_index", output, n_outputs(file))
    if len(np.unique(output)) != len(output):
        yield Problem("/classes/output_index", "two classes have the same output")


def _labels(file: h5py.File) -> Iterator[Problem]:
    yield from outside("/images/label", file["/images/label"][...], len(file["/classes/name"]))


def _predictions(file: h5py.File) -> Iterator[Problem]:
    yield from outside("/baseline/prediction", file["/baseline/prediction"][...], n_outputs(file))


def _log_prob(file: h5py.File) -> Iterator[Problem]:
    """Log-probabilities of the baseline and of every ablation are either there or said to be left out."""
    of = read_fact(file["/baseline"], "log_prob", schema.LOGITS)
    there = of in (schema.LOGITS, schema.LOG_OF_PROBABILITIES)
    if ("/baseline/log_prob" in file) != there:
        yield Problem(
            "/baseline", f"expected log_prob to be {'there' if there else 'absent'}, since its fact says {of!r}"
        )
    others = ("/baseline/top_log_prob", *instances(file, "/layers/<layer>/ablation/<kind>/log_prob_change"))
    for path in () if there else others:
        if path in file:
            yield Problem(path, f"expected it to be absent, since the baseline says of log_prob {of!r}")


def _list(file: h5py.File) -> Iterator[Problem]:
    names, paths = strings(file, "/classes/name"), strings(file, "/images/path")
    folders = [names[label] for label in file["/images/label"][...]]
    if list_hash(paths, folders) != read_fact(file["/images"], "list_hash"):
        yield Problem("/images", "the list hash is not that of the paths and labels")
    if any(later <= earlier for earlier, later in pairwise(zip(folders, paths, strict=True))):
        yield Problem("/images/path", "the images are not in order of class folder, then path")
