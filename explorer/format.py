"""Words and numbers for the screen: rounded to the precision of the data, and literal where markdown is read."""

import math
import re
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from precompute.words import decimals_for, percent, rounded

__all__ = [
    "MINUS",
    "count",
    "decimals_for",
    "md_small",
    "md_text",
    "median",
    "number",
    "ordinal",
    "percent",
    "points",
    "probability",
    "significant",
    "some_points",
    "without_markdown",
]

MINUS = "−"
_SMALLEST = 1e-4
_MOST_DECIMALS = 6
_FROM_HERE, _TO_HERE = "\u2068", "\u2069"
_TURNS = re.compile("[\u202a-\u202e\u2066-\u2069]")
_ISOLATED = re.compile(f"({_FROM_HERE}[^\u202a-\u202e\u2066-\u2069]*{_TO_HERE})")
_RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\U00010800-\U00010fff\U0001e800-\U0001efff]")


def writable(text: object) -> str:
    """Return text that can be sent and that leaves the text beside it alone.

    Bytes of a file's name that are not text become escapes, and so do signs that would turn the direction of the words
    and numbers after a name. The signs around a name that `isolated` returns stay.
    """
    sent = str(text)
    if sent.isascii():  # as nearly all names are
        return sent
    sent = sent.encode("utf-8", "backslashreplace").decode()
    return "".join(
        part if _ISOLATED.fullmatch(part) else _TURNS.sub(lambda sign: f"\\u{ord(sign[0]):04x}", part)
        for part in _ISOLATED.split(sent)
    )


def isolated(name: object) -> str:
    """Return a name for the middle of a sentence; one that is written from right to left turns no word around it."""
    text = writable(name)
    return f"{_FROM_HERE}{text}{_TO_HERE}" if _RIGHT_TO_LEFT.search(text) else text


def not_isolated(text: str, instead: str = "") -> str:
    """Return a text with another sign, or none, in place of each that `isolated` put around names."""
    return _ISOLATED.sub(lambda name: f"{instead}{name[0][1:-1]}{instead}", text)


def md_text(text: object) -> str:
    """Return text that markdown shows exactly as it is.

    Class names come from folders and may hold anything: HTML, formulas, links, emoji codes.
    """
    literal = re.sub(r"([\\`*_{}\[\]()<>#+\-.!|$~&^=@\"'])", r"\\\1", " ".join(writable(text).split()))
    # A word joiner breaks :emoji: codes, automatic links and arrows, which a backslash does not.
    return re.sub(r"(:|\\@|\\-|\\<|w(?=\\\.))", "\\1\u2060", literal)


def md_small(text: str, small: str) -> str:
    """Return markdown with a small, pale text behind it."""
    return f"{text} :small[:gray[{small}]]"


def without_markdown(markdown: str) -> str:
    """Return text from `md_text` and `md_small` as a reader sees it; small text is put in brackets."""
    seen = re.sub(r" :small\[:gray\[(.*)\]\]$", r" (\1)", markdown)
    return re.sub(r"\\(.)", r"\1", seen.replace("\u2060", ""))


def number(value: float, decimals: int = 2) -> str:
    """Return a number with a true minus sign; a dash where it is not defined."""
    if math.isnan(value):
        return "–"
    text = f"{value:,.{decimals}f}"
    if float(text.replace(",", "")) == 0:
        text = text.lstrip("-")
    return text.replace("-", MINUS)


def median(values: NDArray[np.floating[Any]]) -> str:
    """Return the median of the values that are not NaN, with two decimals; a dash where all are NaN."""
    return number(float("nan") if np.isnan(values).all() else float(np.nanmedian(values)))


def significant(value: float, digits: int = 3) -> str:
    """Return a measured quantity with a few significant digits."""
    if math.isnan(value) or value == 0:
        return number(value, 0)
    decimals = max(0, digits - 1 - math.floor(math.log10(abs(value))))
    if decimals > _MOST_DECIMALS:
        return f"{value:.{digits - 1}e}".replace("-", MINUS)
    return number(value, decimals)


def points(fraction: float, n_images: int) -> str:
    """Return a difference of accuracies in percentage points, with the precision that the number of images allows.

    One image of 50 is 2 points, so there are no decimals; one of 1,000 is 0.1 points, so there is one.
    """
    return "–" if math.isnan(fraction) else number(rounded(fraction, n_images), decimals_for(n_images))


def some_points(fraction: float, n_images: int) -> str:
    """Return :func:`points` with the unit: ``1 point``, ``0 points``, ``12 points``, ``1.0 points``."""
    size = points(fraction, n_images)
    return f"{size} {'point' if size == '1' else 'points'}"


def is_told(fraction: float, n_images: int) -> bool:
    """Whether a difference of accuracies is not zero after rounding to the precision of the number of images."""
    return any(digit in points(abs(fraction), n_images) for digit in "123456789")


def interval(low: float, high: float, n_images: int) -> str:
    """Return the limits of an interval in points; a limit that rounds to zero is written as just above or below 0."""
    return f"{_limit(low, n_images)} to {_limit(high, n_images)}"


def _limit(end: float, n_images: int) -> str:
    if end == 0 or math.isnan(end) or is_told(end, n_images):
        return points(end, n_images)
    return "just above 0" if end > 0 else "just below 0"


def probability(p: float) -> str:
    """Return a probability with its sign of equality, such as ``= 0.03`` or ``< 0.0001``; none is ever 0."""
    return f"= {significant(p, 2)}" if p >= _SMALLEST or math.isnan(p) else f"< {_SMALLEST:.4f}"


def count(n: int, noun: str, plural: str | None = None) -> str:
    """Return a number with its noun in the right form."""
    return f"{n:,} {noun if n == 1 else plural or noun + 's'}"


def certainty(share: float, decimals: int = 1) -> str:
    """Return a probability that the network gives, in percent; one that is almost 0 or 1 is written as a bound."""
    if math.isnan(share):
        return "–"
    least = 10.0**-decimals
    if 0 < 100 * share < least / 2:
        return f"< {least:.{decimals}f} %"
    if 100 - least / 2 <= 100 * share < 100:
        return f"> {100 - least:.{decimals}f} %"
    return f"{100 * share:.{decimals}f} %" if 0 < share < 1 else f"{100 * share:.0f} %"


def ordinal(n: int) -> str:
    """Return 1st, 2nd, 3rd, 4th ..."""
    ending = "th" if 10 <= n % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(n % 10, "th")
    return f"{n:,}{ending}"


def moment(text: str) -> str:
    """Return a date and time of ISO 8601 for readers, to the minute; any other text as it is."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return text
    return f"{found:%Y-%m-%d %H:%M}" + (" UTC" if found.utcoffset() is not None and not found.utcoffset() else "")
