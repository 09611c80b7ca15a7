"""Unitscope: what every unit of an image classifier sees, and what breaks without it.

``streamlit run app.py`` shows the stores in ``runs/``; ``streamlit run app.py -- --store FILE.h5`` shows that one.
"""

import streamlit as st

from explorer import cache, navigate, page_registry
from explorer.pages import welcome
from explorer.store_files import ROOT
from explorer.widgets import links, messages
from precompute.errors import StoreChanged, UnitscopeError
from precompute.store.damage import reading

st.set_page_config(page_title="Unitscope", page_icon=str(ROOT / "assets" / "icon.png"), layout="wide")
st.html(ROOT / "explorer" / "widgets" / "style.css")

FIRST, *OTHERS = page_registry.PAGES
page = st.navigation(
    [
        st.Page(FIRST.file, title=FIRST.title, default=True),
        *(st.Page(other.file, title=other.title, url_path=other.name) for other in OTHERS),
    ],
    position="hidden",
)

try:
    if sources := navigate.look_for_stores():
        with reading(*navigate.asked_paths(sources)):
            # First: a run that a click cuts short must have registered what listens to clicks.
            links.listen()
            page.run()
    else:
        welcome.show()
except StoreChanged as error:
    if navigate.may_begin_again():
        st.rerun()
    messages.show_refusal(error)
except UnitscopeError as error:
    messages.show_refusal(error)
else:
    navigate.has_ended()

cache.freeze()
