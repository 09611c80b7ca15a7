"""Pictures of images, with an overlay that hovering lifts, as one piece of HTML.

One element with data addresses is several times faster to show than an image element for each.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import streamlit as st

from explorer.components.html import escape
from explorer.pictures import data_uri


@dataclass(frozen=True)
class Picture:
    """One picture of a gallery.

    Parameters
    ----------
    jpeg : bytes
        The image; empty where the store holds none.
    title, value : str
        What stands below it, left and right.
    overlay : bytes or None
        A transparent PNG to lay over it.
    chosen : bool or None
        Whether it belongs to the class that is looked at; None where no class is.
    lost : bool
        Whether the network loses this image without the unit.
    hint : str
        What hovering says.
    """

    jpeg: bytes
    title: str
    value: str = ""
    overlay: bytes | None = None
    chosen: bool | None = None
    lost: bool = False
    hint: str = ""


def gallery(pictures: Iterable[Picture], *, wide: bool = False, faded: bool = False) -> None:
    """Show pictures in a grid.

    Parameters
    ----------
    pictures : iterable of Picture
        In reading order.
    wide : bool
        Six large ones a row rather than as many small ones as fit.
    faded : bool
        Pale the image under its overlay until the pointer is on it.
    """
    figures = "".join(_figure(picture, faded) for picture in pictures)
    st.html(f'<div class="us-gallery{" us-wide" if wide else ""}">{figures}</div>')


def _figure(picture: Picture, faded: bool) -> str:
    state = {None: "", True: "us-chosen", False: "us-unlike"}[picture.chosen] + (" us-misses" if picture.lost else "")
    pale = ' class="us-faded"' if faded else ""
    image = f'<img{pale} src="{data_uri(picture.jpeg, "jpeg")}" alt="{escape(picture.title)}">' if picture.jpeg else ""
    over = f'<img class="us-over" src="{data_uri(picture.overlay, "png")}" alt="">' if picture.overlay else ""
    caption = f"<span>{escape(picture.title)}</span><span>{escape(picture.value)}</span>"
    return (
        f'<figure class="{state}" title="{escape(picture.hint)}"><div class="us-picture">{image}{over}</div>'
        f"<figcaption>{caption}</figcaption></figure>"
    )
