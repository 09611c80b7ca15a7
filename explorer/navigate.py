"""From the URL to the store and the view that it names, and from a click to the next URL."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import streamlit as st

from explorer import cache, selection
from explorer.format import isolated
from explorer.labels import LABELS
from explorer.origin import Origin
from explorer.page_registry import PAGES, file_of, page_of
from explorer.selection import Selection
from explorer.store_files import MOST_OPENED, StoreFile, find_store_files
from explorer.unit_criteria import Criterion, Searched, criteria_of
from precompute.errors import StoreError
from precompute.store.reader import Layer, Store

OVERVIEW, LAYER, UNIT, CLOSER, CLASS, IMAGE, EXPERIMENTS, WHAT_IF, NAME, QUIZ, COMPARE = map(
    file_of,
    ("overview", "layer", "unit", "closer", "class", "image", "experiments", "what_if", "name", "quiz", "compare"),
)


@dataclass(frozen=True, eq=False)
class View:
    """The store and the selection that one rerun shows.

    Parameters
    ----------
    source : StoreFile
        The file.
    store : Store
        The open store.
    selection : Selection
        The part of the store that is shown.
    problems : list of str
        Sentences about everything that the URL asks for and the store does not have.
    """

    source: StoreFile
    store: Store
    selection: Selection
    problems: list[str]

    @property
    def layer(self) -> Layer:
        """The layer that is looked at.

        Raises
        ------
        StoreError
            When the store holds no layer at all.
        """
        if self.selection.layer is None:
            raise StoreError(f"{self.source.path}: this store holds no layer. Run `python -m precompute run` again.")
        return self.store.layer(self.selection.layer)

    def origin(self, *place: str) -> Origin:
        """Say where a figure comes from: this store, and the place in it, from wide to narrow."""
        return Origin(((self.source.name, self.store),), place)

    def ablation_of(self, layer: Layer) -> str:
        """Return the kind of ablation that is looked at, or the layer's first if it was not ablated in this way."""
        kind = self.selection.ablation
        return kind if kind in layer.ablations else layer.ablations[0]

    def criteria(self) -> dict[str, Criterion]:
        """Return the criteria by which units of the layer that is looked at can be found."""
        labels = LABELS.load_where_readable(self.source.path)
        return criteria_of(Searched(self.store, self.layer, self.selection.ablation, labels))

    @cached_property
    def titles(self) -> tuple[str, ...]:
        """Titles of the classes as they stand in sentences; a link takes that of the store."""
        return tuple(map(isolated, self.store.classes.title))

    def title_of_output(self, output: int) -> str:
        """Return an output of the network as it stands in a sentence."""
        return isolated(self.store.classes.title_of_output(int(output)))

    @property
    def chosen_class(self) -> int | None:
        """Index of the class that is looked at."""
        label = self.selection.label
        return None if label is None else self.store.classes.name.index(label)

    @property
    def chosen_image(self) -> int | None:
        """Index of the image that is looked at."""
        image = self.selection.image
        return None if image is None else self.store.images.path.index(image)


_FILES, _BEGUN_AGAIN = "store_files", "begun_again"
_MOST_AGAIN = 3


def look_for_stores() -> tuple[StoreFile, ...]:
    """List the stores to offer; the app does this once a rerun, before it runs a page.

    Raises
    ------
    UnitscopeError
        Where the app's arguments cannot be understood.
    """
    st.session_state[_FILES] = ()
    st.session_state[_FILES] = find_store_files(sys.argv)
    return files()


def files() -> tuple[StoreFile, ...]:
    """Return the stores that this rerun has found; none where the search failed."""
    found: tuple[StoreFile, ...] = st.session_state.get(_FILES, ())
    return found


def may_begin_again() -> bool:
    """Whether to repeat a rerun whose store was replaced meanwhile, at most a few times in a row."""
    begun: int = st.session_state.get(_BEGUN_AGAIN, 0)
    st.session_state[_BEGUN_AGAIN] = (begun + 1) % (_MOST_AGAIN + 1)
    return begun < _MOST_AGAIN


def has_ended() -> None:
    """Note that a rerun has come to its end."""
    st.session_state[_BEGUN_AGAIN] = 0


def current() -> View:
    """Read the URL.

    Raises
    ------
    UnitscopeError
        Where its store cannot be used.
    """
    sources = {source.name: source for source in files()}
    name, problems = selection.choose_store(st.query_params, list(sources))
    source = sources[name]
    store = cache.store_of(source)
    chosen, more = selection.parse(st.query_params, name, store)
    return View(source, store, chosen, [*problems, *selection.misfit(st.query_params, store), *more])


def asked_paths(sources: Sequence[StoreFile]) -> list[Path]:
    """List the stores that a rerun may read, the one that the URL asks for first."""
    name, _ = selection.choose_store(st.query_params, [source.name for source in sources])
    return [source.path for source in sorted(sources, key=lambda source: source.name != name)][:MOST_OPENED]


def at_unit(view: View, unit: int) -> View:
    """Return the view with an explicit unit, so that every link from it names the unit."""
    return View(view.source, view.store, view.selection.to(unit=unit), view.problems)


def at_image(view: View, image: int) -> View:
    """Return the view with an explicit image."""
    chosen = view.selection.to(image=view.store.images.path[image])
    return View(view.source, view.store, chosen, view.problems)


def at_class(view: View, label: int) -> View:
    """Return the view with an explicit class."""
    chosen = view.selection.to(label=view.store.classes.name[label])
    return View(view.source, view.store, chosen, view.problems)


def with_ablation(view: View, kind: str) -> View:
    """Return the view with a kind of ablation, so that a unit that is opened from it shows the same kind."""
    return View(view.source, view.store, view.selection.to(ablation=kind), view.problems)


def without_choice(view: View) -> View:
    """Return the view without choices of how to show it, for links to pages where these mean nothing."""
    chosen = ("choice", "beside", "part", "other", "against", "check", "by")
    return View(view.source, view.store, view.selection.to(**dict.fromkeys(chosen)), view.problems)


def put(chosen: Selection) -> None:
    """Change the URL, staying on the page. For callbacks."""
    st.query_params.from_dict(chosen.query())


def put_widget(chosen: Selection, field: str, key: str) -> None:
    """Set one part of the URL to the value of a widget. For callbacks."""
    value: Any = st.session_state[key]
    if value is not None:
        put(chosen.to(**{field: value}))


def put_widget_or_none(chosen: Selection, field: str, key: str) -> None:
    """Do as :func:`put_widget` for a widget that may have no value. For callbacks."""
    put(chosen.to(**{field: st.session_state[key]}))


def unit_of(view: View, layer: Layer, unit: int) -> Selection:
    """Return the selection of a unit of the layer that is shown, which need not be the layer of the URL."""
    return view.selection.to(layer=layer.name, unit=int(unit))


def open_unit(view: View, layer: Layer, unit: int) -> None:
    """Open the page of a unit of the layer that is shown. For callbacks."""
    go(UNIT, unit_of(view, layer, unit))


def open_class(view: View, label: int) -> None:
    """Open the page of a class. For callbacks."""
    go(CLASS, at_class(view, int(label)).selection)


def open_image(view: View, image: int) -> None:
    """Open the page of an image. For callbacks."""
    go(IMAGE, at_image(view, int(image)).selection)


def href(page: str, chosen: Selection) -> str:
    """Return the address of a page, by its file, from any other page; `explorer.widgets.links` follows it in place."""
    return f"{'' if page == OVERVIEW else page_of(page).name}?{urlencode(chosen.query())}"


def href_of_unit(view: View, layer: Layer, unit: int) -> str:
    """Return the address of a unit of the layer that is shown."""
    return href(UNIT, unit_of(view, layer, unit))


def href_of_image(view: View, image: int) -> str:
    """Return the address of an image."""
    return href(IMAGE, at_image(view, image).selection)


def href_of_class(view: View, label: int) -> str:
    """Return the address of a class."""
    return href(CLASS, at_class(view, label).selection)


def link_to(page: str, view: View) -> str:
    """Return the whole address of a page for other people, with the fingerprint of the store that it is about.

    Empty where nobody can open it: the app runs without a browser.
    """
    app = st.context.url
    if not app:
        return ""
    parts = urlsplit(app)
    # The address in the browser ends in the name of a page, unless it is the first page.
    folder, _, last = parts.path.rpartition("/")
    above = folder if last in {other.name for other in PAGES} else parts.path.rstrip("/")
    # The tour is left out, because it belongs to this reader.
    named = {**view.selection.to(tour=None).query(), selection.FINGERPRINT: view.store.fingerprint}
    path = f"{above}/{'' if page == OVERVIEW else page_of(page).name}"
    return urlunsplit((parts.scheme, parts.netloc, path, urlencode(named), ""))


def follow(address: str) -> None:
    """Go to an address that :func:`href` made; do nothing if no page has its name. For callbacks."""
    path, _, query = address.partition("?")
    page = next((page for page in PAGES if path == ("" if page.file == OVERVIEW else page.name)), None)
    if page is not None:
        st.switch_page(page.file, query_params=dict(parse_qsl(query, keep_blank_values=True)))


def go(page: str, chosen: Selection) -> None:
    """Open another page."""
    st.switch_page(page, query_params=chosen.query())
