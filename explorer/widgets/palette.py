"""The palette that the reader chose, and the legend of the colours."""

from pathlib import Path

import streamlit as st

from explorer.charts.theme import PALETTES, Palette
from explorer.pictures import Signed
from explorer.widgets.html import escape

PARAMETER = "palette"
"""The parameter of the URL that asks for a palette by its name."""
USUAL = next(iter(PALETTES))
_KEY, _CHOICE, _BY_HAND = "palette", "palette_choice", "palette_by_hand"
_COOKIE = "unitscope_palette"
_VARIABLES = ("activation", "loss", "gain", "rest", "violet")
_MEANINGS = (
    ("activation", "Blue: how strongly a unit fires; pixels that raise it; what is told from chance"),
    ("loss", "Orange: accuracy lost without a unit; pixels that lower it"),
    ("gain", "Green: accuracy gained without it"),
    ("rest", "Grey: everything else, what chance makes, what is not told from chance"),
    ("violet", "Violet: a concept on a picture; a further line of a chart"),
)


def chosen() -> Palette:
    """Return the palette that the reader chose by a link, here or on an earlier visit; otherwise the usual one."""
    return PALETTES[name()]


def name() -> str:
    """Return the name of the palette that the reader has chosen."""
    asked = st.query_params.get(PARAMETER)
    if asked in PALETTES:
        st.session_state[_KEY] = asked
    held = st.session_state.get(_KEY) or st.context.cookies.get(_COOKIE)
    return held if held in PALETTES else USUAL


def current() -> Palette:
    """Return the palette of the page: the chosen one, or the usual one if a dark page would hide the chosen one."""
    wanted = chosen()
    return wanted if wanted.on_dark or st.context.theme.type != "dark" else PALETTES[USUAL]


def signed() -> Signed:
    """Return the colours of a signed map, above and below zero."""
    above, below = (tuple(int(colour[at : at + 2], 16) for at in (1, 3, 5)) for colour in current().colours[:2])
    return above, below  # type: ignore[return-value]


def show_style() -> None:
    """Give the page's own elements the colours of the palette; every page calls this once."""
    if (shown := current()) is not PALETTES[USUAL]:
        pairs = zip(_VARIABLES, shown.colours, strict=False)
        st.html(
            f"<style>.stApp, .stDialog {{ {' '.join(f'--us-{name}: {colour};' for name, colour in pairs)} }}</style>"
        )
    _keep("palette_kept")


def show_legend() -> None:
    """Say what the colours mean, and let the reader choose others."""
    rows = (f'<dt style="background: var(--us-{name})"></dt><dd>{escape(said)}</dd>' for name, said in _MEANINGS)
    st.html(f'<dl class="us-colours">{"".join(rows)}</dl>')
    st.segmented_control(
        "Palette",
        list(PALETTES),
        default=name(),
        format_func=lambda name: PALETTES[name].title,
        key=_CHOICE,
        required=True,
        on_change=_choose,
    )
    if current() is not chosen():
        st.html('<p class="us-note">The colours for print are for light pages and for what is taken away.</p>')
        # The page itself does not run now, so the choice is stored from here.
        _keep("palette_kept_by_help")


def _keep(key: str) -> None:
    """Store a palette that the reader chose by hand in the browser; a palette from a link holds for this visit only."""
    if st.session_state.get(_BY_HAND):
        script = Path(__file__).with_suffix(".js").read_text("utf-8")
        component = st.components.v2.component("unitscope_palette", html="<i></i>", js=script)
        component(data={"cookie": _COOKIE, "palette": name()}, key=key)


def _choose() -> None:
    st.session_state[_KEY] = st.session_state[_CHOICE]
    st.session_state[_BY_HAND] = True
    # The parameter of a link would override the choice.
    if PARAMETER in st.query_params:
        del st.query_params[PARAMETER]
