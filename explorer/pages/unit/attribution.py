"""Attribution maps of a unit on its strongest images, on one common scale."""

import shlex
from collections.abc import Mapping, Sequence

import numpy as np
import streamlit as st

from explorer import cache, navigate
from explorer.format import MINUS, count, md_small, number, significant
from explorer.likeness import NAME, Likeness
from explorer.navigate import View
from explorer.pictures import Floats, aspect_of, common_limit, heat
from explorer.widgets import gallery, palette, url_choice
from explorer.widgets.gallery import Picture, Taken
from explorer.widgets.html import escape, heading, note
from precompute.attribution_methods import METHODS, label_of
from precompute.store.reader import Exemplars, Layer
from precompute.store.records import AttributionMaps

_FEWEST_PLACES = 6


def show(view: View, layer: Layer, unit: int) -> None:
    """Show the maps of a method that the reader chooses, and say which methods were left out and why."""
    heading(
        "Where it looks",
        "pixels that raise (blue) or lower (orange) its peak",
        does="point at a picture to see the image",
    )
    held = [facts.method for facts in layer.attributions if facts.left_out is None and facts.n_exemplars]
    if not held:
        note("This store holds no attribution maps.")
    else:
        _maps(view, layer, unit, sorted(held, key=lambda method: [*METHODS, method].index(method)))
    if "top" in layer.exemplar_kinds:
        asked = view.selection.to(part="maps", by=view.selection.method, image=None)
        label = "Any method on any exemplar, compared with random weights"
        st.page_link(navigate.CLOSER, label=label, icon=":material/zoom_in:", query_params=asked.query())
    for reason, methods in _left_out(layer).items():
        note(f"Left out: {', '.join(methods)}. {reason[:1].upper()}{reason[1:].rstrip('.')}.")


def _left_out(layer: Layer) -> dict[str, list[str]]:
    """Group the methods that were left out by the reason."""
    reasons: dict[str, list[str]] = {}
    for facts in layer.attributions:
        if facts.left_out is not None:
            reasons.setdefault(facts.left_out, []).append(label_of(facts.method))
    return reasons


def _maps(view: View, layer: Layer, unit: int, held: Sequence[str]) -> None:
    method, found = _first_of(layer, unit, [each for each in held if each == view.selection.method] or held)
    likeness = cache.likeness(view.source, layer)
    _choose_method(view, held, method, likeness)
    _beside_random_weights(view, method, likeness.get(method))
    limit = common_limit(found.map[found.computed])
    strongest = layer.exemplars("top", unit)
    ceiling = _ceiling(strongest.value)
    pictures = _pictures(view, strongest, found, limit, ceiling)
    origin = view.origin(layer.name, f"unit {unit}", label_of(method))
    taken = Taken("attribution", "Pixels that raise (blue) or lower (orange) the unit's peak on its images", origin)
    gallery.show(pictures, aspect_of(view.store.model.input_size), wide=True, faded=True, taken=taken)
    if limit:
        _legend(limit)
    if n_shared := _with_several_peaks(strongest, len(pictures)):
        note(
            f"On {n_shared} of these pictures several positions share the highest value. The map is "
            "that of the first, from "
            "the top left; those of the others would look elsewhere."
        )
    _exactness(found)
    _not_computed(view, layer, unit, method, found)
    of = next(facts.of for facts in layer.attributions if facts.method == method)
    if of:
        note(f"What is attributed is {of}: at its upper bound a unit has no gradient.")


def _first_of(layer: Layer, unit: int, held: Sequence[str]) -> tuple[str, AttributionMaps]:
    """Return the first method with a map that is not zero everywhere, and its maps; the first if there is none."""
    read = ((method, layer.attribution(method, unit)) for method in held)
    shown = ((method, found) for method, found in read if found.map[found.computed].any())
    return next(shown, None) or (held[0], layer.attribution(held[0], unit))


def _beside_random_weights(view: View, method: str, found: Likeness | None) -> None:
    """Say in small type whether the method's maps look alike with random weights."""
    if found is None:
        note(f"Not compared with random weights yet: python -m precompute experiment {NAME} {view.source.quoted}")
    elif np.isnan(found.value):
        note(f"{label_of(method)} {found.verdict} with those of random weights: all units are silent there.")
    else:
        span = "" if np.isnan(found.low) else f" (95 % interval: {number(found.low, 2)} to {number(found.high, 2)})"
        note(
            f"{label_of(method)} {found.verdict}: rank correlation {number(found.value, 2)}{span} "
            f"over {count(found.n_maps, 'map')} of this layer."
        )


def _exactness(found: AttributionMaps) -> None:
    """Say how far the sums of the maps are from their expected values, if this is known."""
    known = found.error[found.computed & ~np.isnan(found.error)]
    if len(known):
        worst = 100 * float(known.max())
        missed = f"{worst:.0f} %" if worst >= 1 else "less than 1 %"
        note(
            f"A map should add up to the gain in activation from black to the image; these miss it by at most {missed}."
        )


def _not_computed(view: View, layer: Layer, unit: int, method: str, found: AttributionMaps) -> None:
    n_missing = int((~found.computed).sum())
    if n_missing:
        words = shlex.join(["--layer", layer.name, "--unit", str(unit), "--method", method])
        note(
            f"{count(n_missing, 'map')} of {len(found.computed)} were not computed, to keep the run short. "
            f"This computes them: python -m precompute experiment attribution {view.source.quoted} {words}"
        )


def _choose_method(view: View, held: Sequence[str], method: str, likeness: Mapping[str, Likeness]) -> None:
    words = {each: _label(each, likeness.get(each)) for each in held}
    url_choice.choose(view, "method", words, method, key="method", label="Method")


def _label(method: str, found: Likeness | None) -> str:
    """Return the method's name with its correlation, and with a warning if maps look alike with random weights."""
    if found is None or np.isnan(found.value):
        return label_of(method)
    small = number(found.value, 2) + (f", {found.verdict}" if found.alike else "")
    return md_small(label_of(method), small)


def _pictures(view: View, exemplars: Exemplars, found: AttributionMaps, limit: float, ceiling: float) -> list[Picture]:
    label = view.store.images.label
    # Exemplars whose map was not computed are shown only if there would be hardly any picture otherwise.
    n_shown = max(_FEWEST_PLACES, int(np.flatnonzero(found.computed).max(initial=-1)) + 1)
    signed = palette.signed()
    return [
        Picture(
            jpeg=view.store.thumbnail(image),
            title=view.store.classes.title[label[image]],
            value=significant(float(value)),
            overlay=heat(values, limit, signed) if computed and values.any() else None,
            hint=view.store.images.path[image],
            href=navigate.href_of_image(view, int(image)),
            title_href=navigate.href_of_class(view, int(label[image])),
            instead=_nothing(float(value), ceiling, computed=bool(computed)) if not (computed and values.any()) else "",
        )
        # Maps exist for the first exemplars only.
        for image, value, values, computed in list(
            zip(exemplars.image, exemplars.value, found.map, found.computed, strict=False)
        )[:n_shown]
    ]


def _with_several_peaks(exemplars: Exemplars, n_shown: int) -> int:
    """Count the shown pictures on which several positions of the unit's map share its highest value."""
    flat = exemplars.map[:n_shown].reshape(min(n_shown, len(exemplars.map)), -1)
    if not flat.size:
        return 0
    highest = flat.max(axis=1, keepdims=True)
    return int((((flat == highest).sum(axis=1) > 1) & (highest[:, 0] != 0)).sum())


def _ceiling(value: Floats) -> float:
    """Return the highest value if several of the strongest images share it, as with ReLU6; otherwise NaN."""
    return float(value[0]) if int((value == value[0]).sum()) > 1 else float("nan")


def _nothing(value: float, ceiling: float, *, computed: bool) -> str:
    """Return a text that says why a picture shows no map."""
    if not computed:
        return "not computed"
    if value == 0:
        return "nothing: the unit is at zero here"
    if value == ceiling:
        return (
            f"nothing: the unit is saturated at {significant(value)}, where a small change of the image changes nothing"
        )
    return "nothing: this map is zero everywhere, as far as half precision tells"


def _legend(limit: float) -> None:
    end = escape(significant(limit, 2))
    ends = f"<span>{MINUS}{end}</span><i></i><span>{end}</span>"
    st.html(f'<div class="us-legend">{ends}<span>one scale for all pictures</span></div>')
