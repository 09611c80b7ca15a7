"""The app's only caches: open stores, and what is costly to gather from them.

Everything is keyed by the file's signature, so a store that is replaced while the app shows it is picked up at the
next rerun. Numbers stay numpy arrays: large caches of Python objects would slow every rerun.
"""

import gc
from pathlib import Path

import numpy as np
import streamlit as st

from explorer.build import Build
from explorer.sources import Source
from precompute.store.reader import Layer, Store, open_store

Signature = tuple[int, int, int]


def store_of(source: Source) -> Store:
    """Return the open store of a source, opened anew when its file was replaced.

    Raises
    ------
    StoreError
        When it is missing, incomplete, damaged or of another version.
    """
    return _open(source.path, source.signature)


@st.cache_resource(max_entries=4, show_spinner=False)
def _open(path: Path, signature: Signature) -> Store:
    # Never closed here: another session may be reading it. Dropping the last reference closes the file.
    return open_store(path)


def first_exemplars(source: Source, layer: Layer, units: tuple[int, ...], count: int) -> np.ndarray:
    """Return the first top exemplars of some units, (unit, count) image indices; -1 where a unit has fewer."""
    return _first_exemplars(source.path, source.signature, layer.name, units, count)


@st.cache_data(max_entries=64, show_spinner=False)
def _first_exemplars(path: Path, signature: Signature, layer: str, units: tuple[int, ...], count: int) -> np.ndarray:
    held = _open(path, signature).layer(layer)
    found = np.full((len(units), count), -1)
    for row, unit in enumerate(units):
        image = held.exemplars("top", unit).image[:count]
        found[row, : len(image)] = image
    return found


@st.cache_resource(show_spinner=False)
def freeze() -> None:
    """Take what the first run has loaded out of every later garbage collection.

    Streamlit collects after each run while it holds the interpreter; with all imported modules in scope that costs
    tens of milliseconds before the last elements reach the page.
    """
    gc.collect()
    gc.freeze()


@st.cache_resource(show_spinner=False)
def build() -> Build:
    """Return the one build of the demo store that all sessions share."""
    return Build()
