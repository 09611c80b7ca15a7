"""Names of units, classes, outputs and images as links to their pages."""

from collections.abc import Sequence

from explorer import navigate
from explorer.headline import Span, as_html
from explorer.navigate import View
from explorer.widgets.html import Markup, escape, link
from precompute.store.reader import Layer


def unit_link(view: View, layer: Layer, unit: int, text: str = "") -> Markup:
    """Return a link to a unit, by its number."""
    return link(navigate.href_of_unit(view, layer, unit), text or str(unit))


def class_link(view: View, label: int) -> Markup:
    """Return a link to a class, by its title."""
    return link(navigate.href_of_class(view, label), view.store.classes.title[label])


def output_link(view: View, output: int) -> Markup:
    """Return an output of the network: a link to its class, or its number if it belongs to no class."""
    classes = view.store.classes
    label = classes.of_output.get(int(output))
    return Markup(escape(classes.title_of_output(output))) if label is None else class_link(view, label)


def with_links(view: View, spans: Sequence[Span]) -> str:
    """Return a sentence as HTML in which strong titles of classes are links, unless two classes share the title."""
    titles = view.titles
    return "".join(
        f"<b>{class_link(view, titles.index(span.text))}</b>"
        if span.strong and titles.count(span.text) == 1
        else as_html([span])
        for span in spans
    )


def image_link(view: View, image: int) -> Markup:
    """Return a link to an image, by its path."""
    return link(navigate.href_of_image(view, image), view.store.images.path[image])


def joined(parts: list[Markup], most: int) -> Markup:
    """Return the first links, separated by commas, and how many more there are."""
    shown = ", ".join(parts[:most])
    return Markup(f"{shown} and {len(parts) - most:,} more" if len(parts) > most else shown)
