"""Galleries of images as one piece of HTML, with overlays that disappear under the pointer.

One HTML element with data URLs is several times faster to show than a Streamlit element for each image.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
import streamlit as st

from explorer import paper
from explorer.origin import Origin
from explorer.paper import Drawing, Tile
from explorer.pictures import data_uri
from explorer.widgets import take_away
from explorer.widgets.html import Markup, escape, link, together

_LOST = "lost"
_LEAST, _LEAST_TALL, _WIDEST, _A_ROW = 84, 64, 260, 6


@dataclass(frozen=True)
class Picture:
    """One picture of a gallery.

    Parameters
    ----------
    jpeg : bytes
        The image; empty where the store holds none.
    title, value : str
        The two texts below the image.
    overlay : bytes or None
        A transparent PNG that is drawn over the image.
    chosen : bool or None
        Whether the image belongs to the chosen class; None if no class is chosen.
    lost : bool
        Whether the network loses this image without the unit.
    hint : str
        The text under the pointer.
    instead : str
        A text in place of the overlay, which says why there is none.
    badge : str
        A text in the corner of the picture.
    href : str
        The address that a click on the picture opens; empty for none.
    title_href : str
        The address that a click on the title opens; empty for none.
    alt : str
        What the picture shows, for readers who cannot see it; the title by default.
    """

    jpeg: bytes
    title: str
    value: str = ""
    overlay: bytes | None = None
    chosen: bool | None = None
    lost: bool = False
    hint: str = ""
    instead: str = ""
    badge: str = ""
    href: str = ""
    title_href: str = ""
    alt: str = ""


@dataclass(frozen=True, eq=False)
class Taken:
    """The facts that a gallery needs so that it can be downloaded.

    Parameters
    ----------
    key : str
        Identifies the gallery on its page.
    says : str
        What the gallery shows.
    origin : Origin
        Where its pictures come from.
    """

    key: str
    says: str
    origin: Origin


def show(
    pictures: Sequence[Picture],
    aspect: float,
    *,
    wide: bool = False,
    faded: bool = False,
    row: int = 5,
    taken: Taken | None = None,
) -> None:
    """Show pictures in a grid, uncropped and in their own proportions.

    Parameters
    ----------
    pictures : iterable of Picture
        In reading order.
    aspect : float
        The width of a picture divided by its height. Wider pictures get wider columns, so that the pictures of all
        galleries have about the same area.
    wide : bool
        Whether a row has a few large pictures rather than as many small ones as fit.
    row : int
        How many small square pictures a row holds if there is room.
    faded : bool
        Whether an image is pale under its overlay until the pointer is on it.
    taken : Taken, optional
        The facts for a download; without them the gallery cannot be downloaded.
    """
    figures = "".join(_figure(picture, faded) for picture in pictures)
    root = math.sqrt(aspect)
    columns = min(_A_ROW, max(1, round(_A_ROW / root)))
    look = (
        f"--aspect: {aspect:.4f}; --least: {max(_LEAST_TALL, _LEAST * root):.0f}px; "
        f"--share: {100 / row * max(1, root):.1f}%; --columns: {columns}; --widest: {_WIDEST * root:.0f}px"
    )
    st.html(f'<div class="us-gallery{" us-wide" if wide else ""}" style="{look}">{figures}</div>')
    if taken is not None and pictures:
        in_a_row = columns if wide else row
        take_away.show(
            lambda: take_away.wall(
                lambda width: _on_paper(pictures, aspect, width, in_a_row, faded),
                taken.says,
                taken.origin,
                lambda: _numbers(pictures),
            ),
            key=taken.key,
        )


def _on_paper(pictures: Sequence[Picture], aspect: float, width: float, row: int, faded: bool) -> Drawing:
    tiles = [
        Tile(each.jpeg, each.title, each.value, each.overlay, faded, each.instead or each.badge or _LOST * each.lost)
        for each in pictures
    ]
    return paper.draw_wall(tiles, aspect, width, row)


def _numbers(pictures: Sequence[Picture]) -> pd.DataFrame:
    return pd.DataFrame({"title": each.title, "value": each.value, "of": each.hint} for each in pictures)


def _figure(picture: Picture, faded: bool) -> str:
    state = {None: "", True: "us-chosen", False: "us-unlike"}[picture.chosen]
    pale = ' class="us-faded"' if faded else ""
    image = (
        f'<img{pale} src="{data_uri(picture.jpeg, "jpeg")}" alt="{escape(picture.alt or picture.title)}">'
        if picture.jpeg
        else ""
    )
    over = f'<img class="us-over" src="{data_uri(picture.overlay, "png")}" alt="">' if picture.overlay else ""
    badge = f'<b class="us-badge">{_LOST}</b>' if picture.lost else ""
    if picture.badge:
        badge = f'<b class="us-badge us-quiet">{escape(picture.badge)}</b>'
    instead = f'<span class="us-instead">{escape(picture.instead)}</span>' if picture.instead else ""
    title = link(picture.title_href, picture.title) if picture.title_href else escape(picture.title)
    caption = f'<span title="{escape(picture.title)}">{title}</span><span>{together(escape(picture.value))}</span>'
    shown = f'<div class="us-picture">{image}{over}{instead}{badge}</div>'
    if picture.href:
        shown = link(picture.href, Markup(shown))
    below = f"<figcaption>{caption}</figcaption>" if picture.title or picture.value else ""
    return f'<figure class="{state}" title="{escape(picture.hint)}">{shown}{below}</figure>'
