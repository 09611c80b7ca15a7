"""A question mark beside a measure that explains the measure, for pointer and keyboard."""

from explorer.measure_help import Told, help_of
from explorer.widgets.html import Markup, escape


def help_mark(measure: Told) -> Markup:
    """Return the mark as HTML; empty for a measure without an explanation."""
    lines = help_of(measure)
    if not lines:
        return Markup("")
    said = "".join(f"<span><b>{word}</b> {escape(text)}</span>" for word, text in lines)
    return Markup(f'<span class="us-help" tabindex="0">?<span class="us-told" role="tooltip">{said}</span></span>')
