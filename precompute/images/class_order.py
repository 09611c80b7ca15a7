"""The order in which classes are outputs 0, 1, 2 ..., if only the order of their names can tell it.

Training programs sort names in different ways, and a single name in another place gives all classes after it the wrong
output. So an order is accepted only if all usual ways of sorting agree, or if the user names one.
"""

import re
from collections.abc import Callable, Sequence
from decimal import Decimal
from itertools import pairwise
from typing import Any

from precompute.errors import ClassError
from precompute.images.same_text import composed

ORDERS = {
    "text": "as text",
    "number": "with numbers read as numbers",
    "natural": "with numbers read as numbers and capitals as small letters",
}
"""The ways of sorting that the user can choose, and what each does."""
_LETTERS = "with capitals read as small letters"
_COMPOSED = "where accents are composed with their letters"
_SHOWN = 3


def in_order(names: Sequence[str], order: str) -> list[str]:
    """Sort the names of classes in the way that the user chose.

    Parameters
    ----------
    names : sequence of str
        The names, no two the same.
    order : str
        One of `ORDERS`. ``text`` sorts by code point, as torchvision and Keras do; ``natural`` as timm's training does.

    Returns
    -------
    list of str
        The name of output 0, of output 1 and so on.

    Raises
    ------
    ClassError
        If two names are equal in this way of sorting, so that their order is open.
    """
    same = _same(names, _READINGS[ORDERS[order]])
    if same is not None:
        raise ClassError(
            f"--class-order {order}: {same[0]!r} and {same[1]!r} are the same {ORDERS[order]}, so their order is open. "
            "Say which output each class is with --classes FILE.json."
        )
    return _sorted(names, _READINGS[ORDERS[order]])


def refuse_doubtful_order(names: Sequence[str]) -> None:
    """Refuse names that the usual ways of sorting bring into different orders.

    Parameters
    ----------
    names : sequence of str
        The names, no two the same.

    Raises
    ------
    ClassError
        If the ways differ. The message shows where they differ first, and what the user can do.
    """
    orders = {how: _sorted(names, keys) for how, keys in _READINGS.items()}
    as_text = orders[ORDERS["text"]]
    parted = [
        place for how in orders for place, pair in enumerate(zip(as_text, orders[how], strict=True)) if len({*pair}) > 1
    ]
    if parted:
        place = min(parted)
        raise ClassError(_parted(place, {how: order[place : place + _SHOWN] for how, order in orders.items()}))
    for how, keys in {**_READINGS, _COMPOSED: _composed}.items():
        same = _same(names, keys)
        if same is not None:
            raise ClassError(f"The class names {same[0]!r} and {same[1]!r} are the same {how}. {_WAYS_ON}")


_WAYS_ON = (
    "Nothing says in which order the network was trained. Say it with --class-order "
    "(text: torchvision's ImageFolder and Keras; number; natural: timm's training), "
    "or write a JSON file, class name -> output index from 0, and pass it with --classes."
)


def _parted(place: int, shown: dict[str, list[str]]) -> str:
    # A way of sorting that agrees with an earlier one is not shown again.
    told: dict[tuple[str, ...], str] = {}
    for how, names in shown.items():
        told.setdefault(tuple(names), how)
    n_names = len(next(iter(told)))
    outputs = f"Outputs {place:,} to {place + n_names - 1:,}" if n_names > 1 else f"Output {place:,}"
    options = {how: f", --class-order {order}" for order, how in ORDERS.items()}
    ways = "; ".join(f"{', '.join(names)} ({how}{options.get(how, '')})" for names, how in told.items())
    return f"The order of the classes depends on how their names are sorted. {outputs} would be {ways}. {_WAYS_ON}"


def _sorted(names: Sequence[str], keys: "_Keys") -> list[str]:
    return [name for _, name in sorted(zip(keys(names), names, strict=True))]


def _same(names: Sequence[str], keys: "_Keys") -> tuple[str, str] | None:
    """Return the first two names with the same key; None if there are none."""
    for (key, name), (next_key, next_name) in pairwise(sorted(zip(keys(names), names, strict=True))):
        if key == next_key:
            return name, next_name
    return None


# From names to the keys by which they are sorted.
_Keys = Callable[[Sequence[str]], Sequence[Any]]


def _by_number(names: Sequence[str]) -> Sequence[Any]:
    if all(re.fullmatch(r"[+-]?\d+(\.\d+)?", name) for name in names):
        return [Decimal(name) for name in names]
    return [_digits_as_numbers(name) for name in names]


def _composed(names: Sequence[str]) -> Sequence[Any]:
    return [composed(name) for name in names]


def _digits_as_numbers(name: str) -> list[str | int]:
    return [int(part) if place % 2 else part for place, part in enumerate(re.split(r"(\d+)", name))]


_READINGS: dict[str, _Keys] = {
    ORDERS["text"]: list,
    ORDERS["number"]: _by_number,
    ORDERS["natural"]: lambda names: [_digits_as_numbers(name.lower()) for name in names],
    _LETTERS: lambda names: [name.lower() for name in names],
}
