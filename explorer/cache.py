"""The app's only caches: open stores, the build of the demo, and what is costly to gather.

Everything is keyed by the file's signature, so a store that is replaced while the app shows it is picked up at the
next rerun. Numbers stay numpy arrays: large caches of Python objects would slow every rerun.
"""

import gc
import os
import sys
from typing import Any

import numpy as np
import streamlit as st

from explorer.class_preference import Strongest, n_strongest, strongest
from explorer.demo_build import DemoBuild
from explorer.store_checks import StoreChecks
from explorer.store_files import StoreFile, app_options
from explorer.store_pool import Signature, StorePool
from explorer.what_if_process import WhatIfProcess, process_command
from precompute.compare import Side, sides
from precompute.store.reader import Layer, Store

# A path may hold bytes that are no text, which Streamlit cannot make a key of by itself.
_KEYS: dict[str | type[Any], Any] = {StoreFile: lambda source: os.fsencode(source.path)}


def store_of(source: StoreFile) -> Store:
    """Return the open store of a source, opened anew when its file was replaced.

    Raises
    ------
    StoreError
        When it is missing, incomplete, damaged or of another version.
    """
    return _pool().store_of(source)


@st.cache_resource(show_spinner=False)
def _pool() -> StorePool:
    return StorePool()


def first_exemplars(source: StoreFile, layer: Layer, units: tuple[int, ...], count: int) -> np.ndarray:
    """Return the first top exemplars of some units, (unit, count) image indices; -1 where a unit has fewer."""
    return _first_exemplars(source, source.signature, layer.name, units, count)


@st.cache_data(max_entries=64, show_spinner=False, hash_funcs=_KEYS)
def _first_exemplars(
    source: StoreFile, signature: Signature, layer: str, units: tuple[int, ...], count: int
) -> np.ndarray:
    held = store_of(source).layer(layer)
    found = np.full((len(units), count), -1)
    for row, unit in enumerate(units):
        image = held.exemplars("top", unit).image[:count]
        found[row, : len(image)] = image
    return found


def strongest_images(source: StoreFile, layer: Layer, units: tuple[int, ...]) -> list[Strongest]:
    """Return of which classes the strongest images of some units are."""
    return _strongest_images(source, source.signature, layer.name, units)


@st.cache_data(max_entries=64, show_spinner=False, hash_funcs=_KEYS)
def _strongest_images(source: StoreFile, signature: Signature, layer: str, units: tuple[int, ...]) -> list[Strongest]:
    store = store_of(source)
    held, label, n_classes = store.layer(layer), np.asarray(store.images.label), len(store.classes)
    k = n_strongest(held)
    return [strongest(held.activation(unit).max, label, n_classes, k) for unit in units]


def compared(source: StoreFile) -> list[Side]:
    """Describe every layer of a store, to be set beside those of others."""
    return _compared(source, source.signature)


@st.cache_data(max_entries=32, show_spinner="Counting what every unit changes ...", hash_funcs=_KEYS)
def _compared(source: StoreFile, signature: Signature) -> list[Side]:
    return sides(store_of(source), source.name)


def best_units(source: StoreFile, layer: Layer, ablation: str) -> tuple[np.ndarray, np.ndarray]:
    """Return, for each class, the unit that answers most to it and the one it loses most without.

    Returns
    -------
    answers, needed : (class,) integer arrays
        Units; ``needed`` is -1 for classes that lose without none, and where nothing was ablated.
    """
    return _best_units(source, source.signature, layer.name, ablation)


@st.cache_data(max_entries=64, show_spinner=False, hash_funcs=_KEYS)
def _best_units(source: StoreFile, signature: Signature, layer: str, ablation: str) -> tuple[np.ndarray, np.ndarray]:
    held = store_of(source).layer(layer)
    answers = np.where(np.isnan(held.class_mean), -np.inf, held.class_mean).argmax(axis=0)
    if not held.ablations:
        return answers, np.full(len(answers), -1)
    drop = np.nan_to_num(held.ablation(ablation).drop, nan=-1)
    return answers, np.where(drop.max(axis=0) > 0, drop.argmax(axis=0), -1)


@st.cache_resource(show_spinner=False)
def freeze() -> None:
    """Take what the first run has loaded out of every later garbage collection.

    Streamlit collects after each run while it holds the interpreter; with all imported modules in scope that costs
    tens of milliseconds before the last elements reach the page.
    """
    gc.collect()
    gc.freeze()


@st.cache_resource(show_spinner=False)
def store_checks() -> StoreChecks:
    """Return what the check says of the stores that are shown, for all sessions."""
    return StoreChecks()


@st.cache_resource(show_spinner=False)
def demo_build() -> DemoBuild:
    """Return the one build of the demo store that all sessions share."""
    return DemoBuild()


@st.cache_resource(show_spinner=False)
def what_if_process() -> WhatIfProcess:
    """Return the one process that runs networks for all sessions."""
    return WhatIfProcess(process_command(allow_code=app_options(sys.argv).allow_code))
