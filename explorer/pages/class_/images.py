"""The images of a class, right and wrong, and the classes with which they are confused."""

from itertools import islice

import numpy as np
import streamlit as st

from explorer import navigate
from explorer.class_effects import Ints
from explorer.format import certainty, count, percent
from explorer.navigate import View
from explorer.pictures import aspect_of
from explorer.widgets import gallery
from explorer.widgets.gallery import Picture, Taken
from explorer.widgets.html import Markup, escape, heading, note, table
from explorer.widgets.names import class_link, output_link

_MOST_SHOWN, _MOST_ROWS, _A_ROW = 20, 6, 10


def show_images(view: View, label: int) -> None:
    """Show the wrong images, then the right ones.

    If the store holds probabilities, images with the lowest probability of their class come first.
    """
    images = np.flatnonzero(np.asarray(view.store.images.label) == label)
    right = view.store.baseline_correct[images]
    for kind, title, chosen in (
        ("wrong", "Its images, taken for another class", images[~right]),
        ("right", "Its images, right", images[right]),
    ):
        if not len(chosen):
            continue  # the confusions below say so
        order = _by_certainty(view, chosen)
        shown = list(islice(filter(view.store.thumbnail, order), _MOST_SHOWN))
        heading(title, _aside(view, len(shown), len(chosen)))
        taken = Taken(title, title, view.origin(f"class {view.titles[label]}"))
        pictures = [_picture(view, image) for image in shown]
        with st.container(key=f"images_of_class_{kind}"):
            gallery.show(pictures, aspect_of(view.store.model.input_size), row=_A_ROW, taken=taken)


def _by_certainty(view: View, images: Ints) -> list[int]:
    log_prob = view.store.baseline.log_prob
    order = images if log_prob is None else images[np.argsort(log_prob[images], kind="stable")]
    return order.tolist()


def _aside(view: View, n_shown: int, n_all: int) -> str:
    order = "" if view.store.baseline.log_prob is None else ", lowest probability of their class first"
    if n_shown == n_all:
        return count(n_all, "image") + (order if n_all > 1 else "")
    return f"{n_shown:,} of {count(n_all, 'image')}: those that some unit shows, up to {_MOST_SHOWN}{order}"


def _picture(view: View, image: int) -> Picture:
    output = int(view.store.baseline.prediction[image])
    said = view.title_of_output(output)
    log_prob = view.store.baseline.log_prob
    sure = "" if log_prob is None else certainty(float(np.exp(log_prob[image])), 0)
    right = bool(view.store.baseline_correct[image])
    return Picture(
        jpeg=view.store.thumbnail(image),
        title="right" if right else f"taken for {said}",
        value=f"its class {sure}" if sure else "",
        hint=view.store.images.path[image],
        href=navigate.href_of_image(view, image),
    )


def show_confusions(view: View, label: int) -> None:
    """Show for which classes the images of a class are taken, and of which classes images are taken for it."""
    store = view.store
    own, output = np.asarray(store.images.label) == label, int(store.classes.output_index[label])
    wrong = ~store.baseline_correct
    heading("With what it is confused", "nothing silenced")
    outputs, n_images = np.unique(store.baseline.prediction[own & wrong], return_counts=True)
    _counts(
        "its images are taken for",
        "None of its images is taken for another class.",
        [output_link(view, one) for one in outputs],
        n_images,
    )
    mistaken = np.asarray(store.images.label)[(store.baseline.prediction == output) & wrong]
    labels, n_images = np.unique(mistaken, return_counts=True)
    _counts(
        "images taken for it are of",
        "No image of another class is taken for it.",
        [class_link(view, int(one)) for one in labels],
        n_images,
    )


def _counts(title: str, none: str, names: list[Markup], n_images: Ints) -> None:
    order = np.argsort(-n_images, kind="stable")
    if not len(order):
        note(none)
        return
    table([title, "images"], [[names[at], f"{n_images[at]:,}"] for at in order[:_MOST_ROWS]])
    if len(order) > _MOST_ROWS:
        note(f"And {count(len(order) - _MOST_ROWS, 'other class', 'other classes')}.")


def words_of_accuracy(view: View, label: int) -> str:
    """Say how many images of a class are right, and for which class most of the others are taken; as HTML."""
    store = view.store
    own = np.asarray(store.images.label) == label
    n_images, n_right = int(own.sum()), int((own & store.baseline_correct).sum())
    title = f"<b>{escape(view.titles[label])}</b>"
    if not n_images:
        return f"{title} has no images in this store."
    share = percent(n_right / n_images, n_images)
    said = f"{title}: {n_right:,} of {n_images:,} images are right (<b>{share}</b>)"
    outputs, counts = np.unique(store.baseline.prediction[own & ~store.baseline_correct], return_counts=True)
    if not len(outputs):
        return f"{said}."
    worst = counts.argmax()
    others = others_words(int(counts[worst]), n_images - n_right)
    return f"{said}; {others} taken for {output_link(view, outputs[worst])}."


def others_words(n: int, n_others: int) -> str:
    """Begin a clause about some of the images that are not right."""
    if n == n_others:
        return "the other one is" if n == 1 else f"all {n:,} others are"
    return f"{n:,} of the {n_others:,} others {'is' if n == 1 else 'are'}"
