"""The head of every page: where the reader is, the stores there are, and whether this one fails its check."""

from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from explorer import navigate, page_registry
from explorer.format import md_text
from explorer.navigate import View
from explorer.selection import Selection
from explorer.widgets import check_warning
from explorer.widgets.html import escape


@contextmanager
def show(view: View, *, page: str) -> Iterator[None]:
    """Show the way here as links, what the page adds to them, and a picker where there are several stores."""
    chosen = view.selection
    st.set_page_config(page_title=page_registry.tab_title(page, chosen))
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="header"):
        st.page_link(navigate.OVERVIEW, label=f"**Unitscope** · {md_text(chosen.store)}", query_params=_home(view))
        if page in (navigate.LAYER, navigate.UNIT) and chosen.layer is not None:
            st.html('<span class="us-crumb">/</span>', width="content")
            st.page_link(navigate.LAYER, label=md_text(chosen.layer), query_params=chosen.to(unit=None).query())
        yield
        for other in page_registry.PAGES:
            if other.in_header and other.file != page:
                st.page_link(other.file, label=other.title, query_params=chosen.to(unit=None).query())
        _store_picker(view)
    check_warning.show(view)


def _home(view: View) -> dict[str, str]:
    return Selection(view.selection.store).query()


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
    st.html('<span class="us-crumb">/</span>', width="content")
    st.html(f'<span class="us-place">{escape(text)}</span>', width="content")
    st.space("stretch")
