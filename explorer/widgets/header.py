"""The top of every page: links to all pages, the search field, the reader's place, and the way back."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext

import streamlit as st

from explorer import navigate, page_registry
from explorer.format import count, md_text
from explorer.navigate import View
from explorer.page_registry import Page
from explorer.selection import Selection
from explorer.trail import Stop, step
from explorer.widgets import check_warning, help_panel, palette, search_field, share_menu, tour
from explorer.widgets.html import escape

_TRAIL = "trail"
_LONGEST_NAME = 40


@contextmanager
def show(view: View, *, page: str, finds: bool = True) -> Iterator[None]:
    """Show the bar, and below it the way back and the reader's place, to which the caller can add elements.

    Parameters
    ----------
    view : View
        The open store and the selection.
    page : str
        The page's file.
    finds : bool
        Whether to show the search field, which also finds the labels that people gave to units.
    """
    st.set_page_config(page_title=page_registry.tab_title(page, _in_words(view)))
    before = _go_on(view, page)
    palette.show_style()
    help_panel.listen()
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="header"):
        for other in page_registry.PAGES:
            if other.in_bar:
                _way(view, other, here=other.file == page)
        st.space("stretch")
        if finds:
            search_field.show_field(view)
        _store_picker(view)
        help_panel.show_button(view)
    if finds:
        search_field.show_found(view)
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="place"):
        _came_from(before)
        if page in (navigate.UNIT, navigate.CLOSER) and not _is_layer(before, view.selection.layer):
            crumb = view.selection.to(unit=None).query()
            st.page_link(navigate.LAYER, label=md_text(view.selection.layer), query_params=crumb)
        yield
        st.space("stretch")
        share_menu.show(view, page)
    tour.show_step(view, page)
    check_warning.show(view)


def _way(view: View, other: Page, *, here: bool) -> None:
    """Show the link to a page, with the parts of the selection that the page uses."""
    chosen = view.selection
    if other.file == navigate.OVERVIEW:
        # If there are several stores, the picker in the bar names the open one.
        named = "" if len(navigate.files()) > 1 else f" · {md_text(chosen.store)}"
        label, query = f"**Unitscope**{named}", Selection(chosen.store, tour=chosen.tour).query()
    else:
        # Only some pages are about a unit, and a choice belongs to one page only.
        kept = chosen if other.about_unit else chosen.to(unit=None)
        own = here or other.file == navigate.EXPERIMENTS
        label, query = other.title, (kept if own else kept.to(choice=None)).query()
    # Only the open page's link needs a container, for its look: each element costs the browser on every page.
    with st.container(key="way_here", width="content") if here else nullcontext():
        st.page_link(other.file, label=label, query_params=query)


def _go_on(view: View, page: str) -> Stop | None:
    """Remember this page, return the one before it, and empty the search field if the page has changed."""
    earlier = st.session_state.get(_TRAIL, ())
    trail = step(earlier, Stop(page, _name(view, page), view.selection.query()))
    st.session_state[_TRAIL] = trail
    if earlier and earlier[-1].page != page:
        search_field.forget()
    return trail[-2] if len(trail) > 1 else None


def _came_from(before: Stop | None) -> None:
    """Show a link back to the previous page; nothing if this page is the first."""
    if before is not None:
        label = f":material/arrow_back: {md_text(before.name)}"
        with st.container(key="came_from", width="content"):
            st.page_link(before.page, label=label, query_params=dict(before.query))


def _name(view: View, page: str) -> str:
    """Return a short name for what the page shows."""
    place = page_registry.page_of(page).place(_in_words(view))
    named = next((part for part in place if part), view.selection.store)
    return named if len(named) <= _LONGEST_NAME else f"…{named[-_LONGEST_NAME:]}"


def _in_words(view: View) -> Selection:
    """Return the selection with the title of its class in place of the folder, for names that people read."""
    label = view.chosen_class
    return view.selection if label is None else view.selection.to(label=view.store.classes.title[label])


def _is_layer(before: Stop | None, layer: str | None) -> bool:
    """Whether the way back leads to the page of this layer, so that one link to it is enough; True without a layer."""
    return layer is None or (
        before is not None and before.page == navigate.LAYER and before.query.get("layer") == layer
    )


def _store_picker(view: View) -> None:
    names = [source.name for source in navigate.files()]
    if len(names) > 1:
        opened, experiment = view.selection.store, view.selection.experiment
        _pick("Store", names, opened, lambda name: Selection(name, experiment=experiment), width=150)


def _pick(label: str, names: Sequence[str], shown: str, to: Callable[[str], Selection], *, width: int) -> None:
    """Let the reader choose one of several names; ``to`` gives the selection for a name."""
    key = f"picked_{label.lower()}"
    st.session_state[key] = shown
    st.selectbox(
        label,
        names,
        key=key,
        on_change=lambda: navigate.put(to(st.session_state[key])),
        label_visibility="collapsed",
        width=width,
    )


def place(text: str) -> None:
    """Show the reader's place, such as the name of a class, in the line below the bar."""
    st.html(f'<span class="us-place">{escape(text)}</span>', width="content")


def choose_layer(view: View) -> None:
    """Show the layer of the page and its number of units; let the reader choose another layer, if there is one."""
    layer, names = view.layer, [each.name for each in view.store.layers]
    n_units = count(layer.n_units, "unit")
    if len(names) == 1:
        place(f"{layer.name}, {n_units}")
        return
    _pick("Layer", names, layer.name, lambda name: view.selection.to(layer=name, unit=None, page=1), width=220)
    place(n_units)
