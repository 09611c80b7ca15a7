"""What is on top of every page: the ways to all pages, a field that finds, and where the reader is and came from."""

from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from explorer import navigate, page_registry
from explorer.format import md_text
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
    """Show the bar, and below it where the reader came from, with what the page adds to say where he is.

    Parameters
    ----------
    view : View
        What is looked at.
    page : str
        The page's file.
    finds : bool
        Whether the field that finds is there too; it finds what people call units.
    """
    st.set_page_config(page_title=page_registry.tab_title(page, view.selection))
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
        if page in (navigate.LAYER, navigate.UNIT, navigate.CLOSER) and view.selection.layer is not None:
            crumb = view.selection.to(unit=None).query()
            st.page_link(navigate.LAYER, label=md_text(view.selection.layer), query_params=crumb)
        yield
        st.space("stretch")
        share_menu.show(view, page)
    tour.show_step(view, page)
    check_warning.show(view)


def _way(view: View, other: Page, *, here: bool) -> None:
    """Show the link to a page: of what is looked at, as far as it is about that."""
    chosen = view.selection
    if other.file == navigate.OVERVIEW:
        # Of several stores the picker in the bar says which one is open.
        named = "" if len(navigate.files()) > 1 else f" · {md_text(chosen.store)}"
        label, query = f"**Unitscope**{named}", Selection(chosen.store, tour=chosen.tour).query()
    else:
        # Not all pages are of a unit; a choice is one page's own.
        kept = chosen if other.about_unit else chosen.to(unit=None)
        own = here or other.file == navigate.EXPERIMENTS
        label, query = other.title, (kept if own else kept.to(choice=None)).query()
    with st.container(key=f"way_{other.name}_here" if here else f"way_{other.name}", width="content"):
        st.page_link(other.file, label=label, query_params=query)


def _go_on(view: View, page: str) -> Stop | None:
    """Remember this page, and return the one before it; on another page than the last nothing is sought any more."""
    earlier = st.session_state.get(_TRAIL, ())
    trail = step(earlier, Stop(page, _name(view, page), view.selection.query()))
    st.session_state[_TRAIL] = trail
    if earlier and earlier[-1].page != page:
        search_field.forget()
    return trail[-2] if len(trail) > 1 else None


def _came_from(before: Stop | None) -> None:
    """Show the way back to the page before this one; nothing where this is the first."""
    if before is not None:
        label = f":material/arrow_back: {md_text(before.name)}"
        with st.container(key="came_from", width="content"):
            st.page_link(before.page, label=label, query_params=dict(before.query))


def _name(view: View, page: str) -> str:
    """Name what is looked at on a page, shortly."""
    place = page_registry.page_of(page).place(view.selection)
    named = next((part for part in place if part), view.selection.store)
    return named if len(named) <= _LONGEST_NAME else f"…{named[-_LONGEST_NAME:]}"


def _store_picker(view: View) -> None:
    names = [source.name for source in navigate.files()]
    if len(names) < 2:
        return
    st.session_state["picked_store"] = view.selection.store
    st.selectbox(
        "Store",
        names,
        key="picked_store",
        on_change=_change_store,
        args=(view.selection,),
        label_visibility="collapsed",
        width=150,
    )


def _change_store(chosen: Selection) -> None:
    navigate.put(Selection(st.session_state["picked_store"], experiment=chosen.experiment))


def place(text: str) -> None:
    """Say where on the page's level the reader is."""
    st.html(f'<span class="us-place">{escape(text)}</span>', width="content")
