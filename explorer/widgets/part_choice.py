"""The choice of the part to show, on pages that show one of several parts."""

from collections.abc import Mapping

from explorer.navigate import View
from explorer.widgets import url_choice

_KEY = "page_part"


def choose(view: View, parts: Mapping[str, str]) -> str:
    """Let the reader choose a part by its title, and return its word in the URL; the first part is the default."""
    part = view.selection.part
    shown = part if part is not None and part in parts else next(iter(parts))
    url_choice.choose(view, "part", parts, shown, key=_KEY, label="Part")
    return shown
