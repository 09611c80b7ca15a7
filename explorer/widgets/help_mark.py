"""A question mark beside a measure that says what it is, under the pointer and by the keyboard."""

from explorer.measure_help import Told, help_of
from explorer.widgets.html import Markup, escape


def help_mark(measure: Told) -> Markup:
    """Return the mark; nothing for a measure of which nothing is known."""
    lines = help_of(measure)
    if not lines:
        return Markup("")
    said = "".join(f"<span><b>{word}</b> {escape(text)}</span>" for word, text in lines)
    return Markup(f'<span class="us-help" tabindex="0">?<span class="us-told" role="tooltip">{said}</span></span>')
