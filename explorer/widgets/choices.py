"""The choices of a reader on the Experiments page.

Every choice is part of the URL, so that a link shows the same figure.
"""

from collections.abc import Callable, Mapping, Sequence

import streamlit as st

from explorer import navigate
from explorer.navigate import View
from explorer.widgets.html import note

_MOST_SHOWN = 6
_ALL = "all classes"
_CHOICE = "experiment_choice"


def choose(view: View, options: Mapping[str, str], *, label: str, help_of: Callable[[str], str] | None = None) -> str:
    """Let the reader choose one of a few ways to show an experiment; a figure may have one such choice.

    Parameters
    ----------
    view : View
        The store and the selection; the selection's ``choice`` is the chosen word.
    options : mapping
        Labels for readers, by their words in the URL. The first is the default.
    label : str
        What is chosen.
    help_of : callable, optional
        Gives the help text of an option, as markdown.

    Returns
    -------
    str
        The word.
    """
    value = _show_chosen(view, options, next(iter(options)))
    told = help_of(value) if help_of else None
    put, args, names, words = (
        navigate.put_widget,
        (view.selection, "choice", _CHOICE),
        list(options),
        options.__getitem__,
    )
    if len(options) <= _MOST_SHOWN:
        st.segmented_control(
            label, names, format_func=words, key=_CHOICE, on_change=put, args=args, required=True, help=told
        )
    else:
        st.selectbox(label, names, format_func=words, key=_CHOICE, on_change=put, args=args, width=320, help=told)
    return value


def choose_level(view: View, levels: Sequence[float], usual: float, *, label: str) -> float:
    """Let the reader choose one of many numbers, in ascending order, in place of words."""
    options = {f"{level:g}": level for level in levels}
    value = _show_chosen(view, {word: word for word in options}, f"{usual:g}")
    put, args = navigate.put_widget, (view.selection, "choice", _CHOICE)
    st.select_slider(label, list(options), key=_CHOICE, on_change=put, args=args, width=320)
    return options[value]


def _show_chosen(view: View, options: Mapping[str, str], usual: str) -> str:
    """Return the word that the URL asks for and make it that of the widget; say so if it is none of the options."""
    asked = view.selection.choice
    if asked is not None and asked not in options:
        note(f"The address asks for “{asked[:60]}”, which is not there; {options[usual]} is shown instead.")
    value = asked if asked is not None and asked in options else usual
    st.session_state[_CHOICE] = value
    return value


def choose_layer(view: View, held: Sequence[str]) -> str:
    """Let the reader choose one of the layers that an experiment was run on, and return its name."""
    asked = view.selection.layer
    value = asked if asked is not None and asked in held else held[-1]
    key = "experiment_layer"
    st.session_state[key] = value
    put, args = navigate.put_widget, (view.selection, "layer", key)
    if len(held) <= _MOST_SHOWN:
        st.radio("Layer", held, key=key, on_change=put, args=args)
    else:
        st.selectbox("Layer", held, key=key, on_change=put, args=args)
    if asked != value:
        note(f"Not carried out on {asked}; {value} is shown.")
    return value


def choose_class(view: View) -> int | None:
    """Let the reader choose a class or all classes; return the index of the class, None for all."""
    classes = view.store.classes
    titles = dict(zip(classes.name, classes.title, strict=True))
    key = "experiment_class"
    st.session_state[key] = view.selection.label
    st.selectbox(
        "Class",
        classes.name,
        index=None,
        format_func=lambda name: titles.get(name, str(name)),
        key=key,
        placeholder=_ALL,
        on_change=_put_class,
        args=(view, key),
        width=260,
    )
    return view.chosen_class


def _put_class(view: View, key: str) -> None:
    navigate.put(view.selection.to(label=st.session_state[key]))
