"""The app's only caches: open stores, the build of the demo, and data that are costly to gather.

Everything is keyed by the file's signature, so a store that is replaced while the app shows it is picked up at the next
rerun. Numbers stay numpy arrays, because large caches of Python objects would slow every rerun.
"""

import gc
import os
import sys
from typing import Any

import numpy as np
import streamlit as st

from explorer.alike_units import AlikeUnits, alike_units, by_chance
from explorer.class_losses import ClassLosses, class_losses, false_discovery_rates
from explorer.class_preference import Strongest, profile_of, strongest_of
from explorer.demo_build import DemoBuild
from explorer.flips_by_image import FlipsByImage
from explorer.image_files import read_picture
from explorer.likeness import Likeness, likeness_of
from explorer.matched_units import MatchedUnits, matched_units
from explorer.pictures import SIDE, outline, outline_level
from explorer.quiz_round import seed_of
from explorer.store_checks import StoreChecks
from explorer.store_files import StoreFile, app_options
from explorer.store_pool import Signature, StorePool
from explorer.unit_map import UnitMap, map_by_answers, map_by_losses
from explorer.what_if_process import WhatIfProcess, process_command
from precompute.compare import Side, sides
from precompute.measures.exemplars import path_checksums
from precompute.measures.image_top import strongest_units as strongest_units_of
from precompute.measures.paired import right_changes
from precompute.measures.quiz import Question, question
from precompute.store.answers import answers
from precompute.store.reader import Layer, Store
from precompute.store.records import StrongestUnits

# A path may hold bytes that are not text, from which Streamlit cannot make a key by itself.
_KEYS: dict[str | type[Any], Any] = {StoreFile: lambda source: os.fsencode(source.path)}


def store_of(source: StoreFile) -> Store:
    """Return the open store of a file, opened again if the file was replaced.

    Raises
    ------
    StoreError
        Where it is missing, incomplete, damaged or of another version.
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
    """Return how many of the strongest images of some units are of each class."""
    return _strongest_images(source, source.signature, layer.name, units)


@st.cache_data(max_entries=64, show_spinner=False, hash_funcs=_KEYS)
def _strongest_images(source: StoreFile, signature: Signature, layer: str, units: tuple[int, ...]) -> list[Strongest]:
    store = store_of(source)
    return [strongest_of(store, store.layer(layer), unit) for unit in units]


def preferred(source: StoreFile, layer: Layer, units: tuple[int, ...]) -> list[tuple[int, ...] | None]:
    """Return the classes that some units answer to most, as the page of a unit names them; None for silent units.

    In a store of sums they are empty, because it does not tell how few classes are settled.
    """
    return _preferred(source, source.signature, layer.name, units)


@st.cache_data(max_entries=64, show_spinner=False, hash_funcs=_KEYS)
def _preferred(
    source: StoreFile, signature: Signature, layer: str, units: tuple[int, ...]
) -> list[tuple[int, ...] | None]:
    store = store_of(source)
    profiles = (profile_of(store, store.layer(layer), unit) for unit in units)
    return [None if profile.silent else profile.preferred for profile in profiles]


def compared(source: StoreFile) -> list[Side]:
    """Describe every layer of a store for comparison with those of other stores."""
    return _compared(source, source.signature)


@st.cache_data(max_entries=32, show_spinner="Counting what every unit changes ...", hash_funcs=_KEYS)
def _compared(source: StoreFile, signature: Signature) -> list[Side]:
    return sides(store_of(source), source.name)


def flips_by_image(source: StoreFile, layer: Layer, ablation: str) -> FlipsByImage:
    """Return the changed predictions of a layer by image. All sessions share them: never write to them."""
    return _flips_by_image(source, source.signature, layer.name, ablation)


@st.cache_resource(max_entries=24, show_spinner="Sorting the changed answers by image ...", hash_funcs=_KEYS)
def _flips_by_image(source: StoreFile, signature: Signature, layer: str, ablation: str) -> FlipsByImage:
    store = store_of(source)
    return FlipsByImage.of(store.layer(layer).flip_table(ablation), len(store.images))


def lost_and_gained(source: StoreFile, layer: Layer, ablation: str) -> tuple[np.ndarray, np.ndarray]:
    """Return how many images each unit of a layer loses and gains when it is silenced alone, (unit,) each."""
    return _lost_and_gained(source, source.signature, layer.name, ablation)


@st.cache_data(max_entries=32, show_spinner=False, hash_funcs=_KEYS)
def _lost_and_gained(
    source: StoreFile, signature: Signature, layer: str, ablation: str
) -> tuple[np.ndarray, np.ndarray]:
    store = store_of(source)
    flips = store.layer(layer).flip_table(ablation)
    lost, gained = (
        np.bincount(flips.unit[kept], minlength=flips.n_units)
        for kept in right_changes(flips.image, flips.prediction, answers(store))
    )
    return lost, gained


def losses_of_class(
    source: StoreFile, layers: tuple[tuple[str, str], ...], label: int
) -> tuple[tuple[ClassLosses, ...], tuple[np.ndarray, ...]]:
    """Return what silencing each unit of some layers does to one class; each layer comes with a kind of ablation.

    The second result is the q of each drop, (unit,) for each layer; all units together are one family.
    """
    return _losses_of_class(source, source.signature, layers, label)


@st.cache_resource(max_entries=64, show_spinner=False, hash_funcs=_KEYS)
def _losses_of_class(
    source: StoreFile, signature: Signature, layers: tuple[tuple[str, str], ...], label: int
) -> tuple[tuple[ClassLosses, ...], tuple[np.ndarray, ...]]:
    store = store_of(source)
    images = np.flatnonzero(np.asarray(store.images.label) == label)
    flips = (flips_by_image(source, store.layer(name), kind).of_images(images) for name, kind in layers)
    found = tuple(class_losses(each, answers(store), len(images)) for each in flips)
    return found, tuple(false_discovery_rates(found))


def unit_map(source: StoreFile, layer: Layer, ablation: str | None) -> UnitMap:
    """Return a layer's map of units by their drops under a kind of ablation, or by their answers if that is None."""
    return _unit_map(source, source.signature, layer.name, ablation)


@st.cache_data(max_entries=32, show_spinner=False, hash_funcs=_KEYS)
def _unit_map(source: StoreFile, signature: Signature, layer: str, ablation: str | None) -> UnitMap:
    held = store_of(source).layer(layer)
    return map_by_answers(held) if ablation is None else map_by_losses(held, ablation)


def alike(source: StoreFile, layer: Layer, unit: int, ablation: str | None) -> AlikeUnits:
    """Return the units that answer to the same classes as one unit, and those whose loss hurts the same classes."""
    return _alike(source, source.signature, layer.name, unit, ablation)


@st.cache_data(max_entries=64, show_spinner=False, hash_funcs=_KEYS)
def _alike(source: StoreFile, signature: Signature, layer: str, unit: int, ablation: str | None) -> AlikeUnits:
    store = store_of(source)
    held = store.layer(layer)
    return alike_units(held, unit, ablation, by_chance(store, held, unit, ablation))


def likeness(source: StoreFile, layer: Layer) -> dict[str, Likeness]:
    """Return how alike the maps of every method are to those with random weights; empty if it was not compared."""
    return _likeness(source, source.signature, layer.name)


@st.cache_data(max_entries=32, show_spinner=False, hash_funcs=_KEYS)
def _likeness(source: StoreFile, signature: Signature, layer: str) -> dict[str, Likeness]:
    store = store_of(source)
    return likeness_of(store, store.layer(layer))


def matched(source: StoreFile, layer: str, other: StoreFile, other_layer: str) -> MatchedUnits:
    """Return the best match of every unit of a layer among the units of a layer of a store of the same images."""
    return _matched(source, source.signature, layer, other, other.signature, other_layer)


@st.cache_data(max_entries=16, show_spinner="Matching every unit with every other ...", hash_funcs=_KEYS)
def _matched(
    source: StoreFile, signature: Signature, layer: str, other: StoreFile, other_signature: Signature, other_layer: str
) -> MatchedUnits:
    return matched_units(store_of(source), layer, store_of(other), other_layer)


def strongest_units(source: StoreFile, layer: Layer, image: int) -> StrongestUnits:
    """Return the units of a layer that fire most on an image; an older store is read to its end once for this."""
    stored = layer.strongest_units(image)
    if stored is not None:
        return stored
    unit, value = _all_strongest_units(source, source.signature, layer.name)
    return StrongestUnits(unit[image], value[image])


@st.cache_resource(
    max_entries=24, show_spinner="Reading the activations of this older store through, once ...", hash_funcs=_KEYS
)
def _all_strongest_units(source: StoreFile, signature: Signature, layer: str) -> tuple[np.ndarray, np.ndarray]:
    held = store_of(source).layer(layer)
    activations = (held.activation(block) for block in held.blocks())
    unit, value = strongest_units_of((found.max, found.mean) for found in activations)
    return unit.astype(np.int32), value


def share_below(source: StoreFile, layer: Layer, image: int, units: tuple[int, ...]) -> np.ndarray:
    """Return, for some units, the share of all images on which they fire less than on one image, (unit,)."""
    return _share_below(source, source.signature, layer.name, image, units)


@st.cache_data(max_entries=256, show_spinner=False, hash_funcs=_KEYS)
def _share_below(source: StoreFile, signature: Signature, layer: str, image: int, units: tuple[int, ...]) -> np.ndarray:
    held = store_of(source).layer(layer)
    largest = (held.activation(unit).max for unit in units)
    return np.array([(values < values[image]).mean() for values in largest])


def shown_for(
    source: StoreFile, layer: Layer, image: int, units: tuple[int, ...], size: tuple[int, int]
) -> list[tuple[int, bytes | None]]:
    """Return, for some units, an image that shows them, as its index, and an outline of where they are active on it.

    It is the given image where the store has the unit's map on it, otherwise the unit's strongest image. In a store
    without exemplars it is the given image without an outline.
    """
    return _shown_for(source, source.signature, layer.name, image, units, size)


@st.cache_data(max_entries=128, show_spinner=False, hash_funcs=_KEYS)
def _shown_for(
    source: StoreFile, signature: Signature, layer: str, image: int, units: tuple[int, ...], size: tuple[int, int]
) -> list[tuple[int, bytes | None]]:
    held = store_of(source).layer(layer)
    if "top" not in held.exemplar_kinds:
        return [(image, None)] * len(units)
    shown = []
    for unit in units:
        own, strongest = held.map_on(image, unit), held.exemplars("top", unit)
        at, activation = (int(strongest.image[0]), strongest.map[0]) if own is None else (image, own)
        shown.append((at, outline(activation, outline_level(strongest.map), size, held.part)))
    return shown


def quiz_question(source: StoreFile, layer: Layer, unit: int, number: int, of: int) -> Question | None:
    """Return a question of the quiz on a unit; None where the unit has none."""
    return _quiz_question(source, source.signature, layer.name, unit, number, of)


@st.cache_data(max_entries=4096, show_spinner=False, hash_funcs=_KEYS)
def _quiz_question(
    source: StoreFile, signature: Signature, layer: str, unit: int, number: int, of: int
) -> Question | None:
    store = store_of(source)
    found = store.layer(layer).activation(unit)
    checksum = path_checksums(store.images.path)
    return question(found.max, found.mean, checksum, number=number, of=of, seed=seed_of(layer, unit))


def picture_of(source: StoreFile, image: int) -> tuple[bytes, bool]:
    """Return an image's picture as JPEG, and whether it is from the store: the network's view rather than the file.

    Empty where the store holds no picture and the file is missing.
    """
    stored = store_of(source).thumbnail(image)
    return (stored, True) if stored else (_picture_in_folder(source, source.signature, image), False)


@st.cache_data(max_entries=256, show_spinner=False, hash_funcs=_KEYS)
def _picture_in_folder(source: StoreFile, signature: Signature, image: int) -> bytes:
    images = store_of(source).images
    return read_picture(images.root, images.path[image], SIDE)


@st.cache_resource(show_spinner=False)
def freeze() -> None:
    """Exclude everything loaded by the first run from later garbage collections.

    Streamlit collects garbage after each run while it holds the interpreter. With all imported modules included, this
    costs tens of milliseconds before the last elements reach the page.
    """
    gc.collect()
    gc.freeze()


@st.cache_resource(show_spinner=False)
def store_checks() -> StoreChecks:
    """Return the checks of the stores that are shown, shared by all sessions."""
    return StoreChecks()


@st.cache_resource(show_spinner=False)
def demo_build() -> DemoBuild:
    """Return the one build of the demo store that all sessions share."""
    return DemoBuild()


@st.cache_resource(show_spinner=False)
def what_if_process() -> WhatIfProcess:
    """Return the one process that runs networks for all sessions."""
    return WhatIfProcess(process_command(allow_code=app_options(sys.argv).allow_code))
