"""The page of an app without stores: what Unitscope is, and a button that builds a demo."""

import sys

import streamlit as st

from explorer import cache
from explorer.demo_build import BuildProgress, DemoBuild
from explorer.format import md_text
from explorer.store_files import find_store_files, runs_folder
from explorer.widgets.html import escape, sentence
from explorer.widgets.messages import alert
from precompute.errors import UnitscopeError

_POLL_SECONDS, _REFUSED = 0.5, "demo_refused"
_FIRST_RUN = """python -m precompute run resnet50 \\
    --images FOLDER --layer layer4 --out runs/resnet50.h5
streamlit run app.py"""


def show() -> None:
    """Say what Unitscope is and offer to build the demo."""
    _, middle, _ = st.columns([1, 4, 1])
    with middle:
        st.html('<p class="us-brand">Unitscope</p>')
        sentence("What <b>every unit</b> of an image classifier sees, and <b>what breaks</b> without it.")
        st.markdown(
            "An offline stage runs a trained classifier over a labelled set of images, silences each unit in turn and "
            "writes one file, the store. This app reads stores. There is none in "
            f"{md_text(runs_folder())} yet."
        )
        _demo()
        st.html('<h2 class="us-head">Your own network</h2>')
        st.markdown("A torchvision name or a file of yours, a folder with one folder of images a class, and a layer:")
        st.code(_FIRST_RUN, language=None)


@st.fragment(run_every=_POLL_SECONDS)
def _demo() -> None:
    # Every tab polls, so that a build that another tab started shows here too, and its store opens by itself.
    build = cache.demo_build()
    if find_store_files(sys.argv) and not build.running:
        st.rerun()
    st.html('<h2 class="us-head">The demo</h2>')
    if build.running:
        _going(build)
    else:
        _offer(build)


def _offer(build: DemoBuild) -> None:
    st.markdown(
        "A small network is trained on drawn pictures and looked at unit by unit. It takes a few minutes on this "
        "machine and needs no internet."
    )
    if build.failed:
        alert("us-error", "The demo could not be built. Its last words:")
        st.code(build.last_words or "(nothing)", language=None)
    if refused := st.session_state.pop(_REFUSED, None):
        alert("us-error", escape(refused))
    st.button("Build the demo", type="primary", key="build_demo", on_click=_start, args=(build,))


def _start(build: DemoBuild) -> None:
    """Start the build; keep the reason if it cannot be started. For callbacks."""
    try:
        build.start()
    except UnitscopeError as error:
        st.session_state[_REFUSED] = str(error)


def _going(build: DemoBuild) -> None:
    progress = build.progress
    st.progress(progress.overall, text=md_text(_words(progress)))
    st.button("Stop", key="stop_demo", on_click=build.stop)


def _words(progress: BuildProgress) -> str:
    if not progress.stage:
        return "Starting"
    steps = f", {progress.done:,} of {progress.total:,}" if progress.total else ""
    return f"{progress.stage[:1].upper()}{progress.stage[1:]}{steps}"
