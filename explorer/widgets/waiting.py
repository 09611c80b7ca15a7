"""Asking the process that runs networks a question, and waiting for the answer."""

import sys

import streamlit as st

from explorer import cache
from explorer.format import count
from explorer.navigate import View
from explorer.store_files import app_options
from explorer.what_if_process import Job, Question
from explorer.widgets.html import escape, note
from explorer.widgets.messages import alert
from precompute.what_if.request import Request
from precompute.what_if.wire import Arrays

_AT_ONCE_S = 1.0
_POLL_S = 0.4
_MINE = "what_if_of_mine"


def answer(view: View, request: Request, picture: bytes) -> Arrays | None:
    """Return the answer to a question; until there is one, show the progress or the error and return None."""
    job = _job(view, request, picture)
    if not job.wait(_AT_ONCE_S):
        _follow(job)
    elif job.state == "answered":
        return job.arrays
    else:
        _say_why(job)
    return None


def _job(view: View, request: Request, picture: bytes) -> Job:
    source = view.source
    images = app_options(sys.argv).images
    question = Question(source.path.absolute(), source.signature, request, images, picture)
    if not request.upload:
        return cache.what_if_process().ask(question)
    # The picture of a reader stays in the reader's own session.
    held: Job | None = st.session_state.get(_MINE)
    if held is None or held.key != question.key:
        held = st.session_state[_MINE] = cache.what_if_process().ask(question)
    return held


@st.fragment(run_every=_POLL_S)
def _follow(job: Job) -> None:
    """Show the progress of a job and a button to stop it; run the page again when the job has ended."""
    if job.ended:
        st.rerun()
    if before := cache.what_if_process().before(job):
        st.progress(0.0, text=f"Waiting for {count(before, 'other question')}.")
    elif job.state == "waiting" or not job.stage:
        st.progress(0.0, text="Waiting for the process that runs the network.")
    else:
        done = f": {job.done:,} of {job.total:,}" if job.total > 1 else ""
        st.progress(min(1.0, job.done / max(job.total, 1)), text=f"{job.stage.capitalize()}{done}")
    st.button(
        "Stop", key="stop_what_if", on_click=job.stop, icon=":material/stop:", disabled=job.stop_asked_at is not None
    )
    note("The first question about a layer loads the network and reads the images. The next ones are quick.")


def _say_why(job: Job) -> None:
    if job.state == "stopped":
        note("This was stopped.")
    else:
        alert("us-error", f"<b>This cannot be answered.</b> {escape(job.why)}")
    st.button("Ask again", key="ask_again", on_click=_ask_again, args=(job,))


def _ask_again(job: Job) -> None:
    cache.what_if_process().forget(job)
    st.session_state.pop(_MINE, None)
