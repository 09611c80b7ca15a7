"""An option that is written once: a field of a frozen dataclass says its default, its help and its bounds.

The command line, its help, the validation, what a store keeps of the options and the tables of the documentation are
made from these fields.
"""

import argparse
import dataclasses
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from precompute.errors import OptionError

T = TypeVar("T")
_KINDS = {int: "a whole number", float: "a number"}


class Unreadable(str):
    """What was written on the command line where another kind of value was expected."""


@dataclass(frozen=True, kw_only=True)
class Option:
    """What is said of an option.

    Parameters
    ----------
    help : str
        What it does, in short; Markdown, as the documentation shows it.
    written : str
        How it is written; by default ``--`` and the name of the field.
    value : str
        What stands for its value in the help; empty for a switch.
    read : callable
        Makes a value of a text.
    choices : tuple of str, or callable
        The values there are, or what returns them; empty where there is no list of them. Its help lists them.
    several : callable or None
        Makes one value of those that an option was given by repeating it; None where it is not repeated.
    default : str
        The default, for readers; by default the field's own.
    at_least, above, below : float or None
        Bounds of a number.
    bounds : str
        What the number must be, for a refusal; by default from the bounds.
    check : callable or None
        Raises an OptionError for a value that cannot be.
    """

    help: str
    written: str = ""
    value: str = ""
    read: Callable[[str], Any] = str
    choices: tuple[str, ...] | Callable[[], tuple[str, ...]] = ()
    several: Callable[[list[Any]], Any] | None = None
    default: str = ""
    at_least: float | None = None
    above: float | None = None
    below: float | None = None
    bounds: str = ""
    check: Callable[[Any], object] | None = None

    @property
    def in_full(self) -> str:
        """What it does, its choices, and whether it can be given several times."""
        known = ", ".join(f"`{choice}`" for choice in self.known)
        listed = f": {' or '.join(known.rsplit(', ', 1))}" if known else ""
        return self.help + listed + ("; repeatable" if self.several else "")

    @property
    def known(self) -> tuple[str, ...]:
        """The values there are; none where there is no list of them."""
        return self.choices() if callable(self.choices) else self.choices

    def problem(self, value: Any) -> str:
        """Say what is wrong with a value; nothing where it can be."""
        for each in value if isinstance(value, tuple) else (value,):
            expected = self._expected(each)
            if expected:
                shown = f"{each:g}" if isinstance(each, float) else each
                return f"{self.written} must be {expected}, but it is {shown}."
        return self._refusal(value)

    def _refusal(self, value: Any) -> str:
        try:
            if self.check is not None:
                self.check(value)
        except OptionError as error:
            return str(error)
        return ""

    def _expected(self, value: Any) -> str:
        if isinstance(value, Unreadable):
            return _KINDS.get(self.read, "another value")  # type: ignore[call-overload]
        if self.known and value not in self.known:
            return f"one of {', '.join(self.known)}"
        return self._bounds() if isinstance(value, int | float) and not self._within(value) else ""

    def _within(self, value: float) -> bool:
        return (
            (self.at_least is None or value >= self.at_least)
            and (self.above is None or value > self.above)
            and (self.below is None or value < self.below)
        )

    def _bounds(self) -> str:
        said = (
            (self.at_least, "{:g} or more" if self.at_least == 0 else "at least {:g}"),
            (self.above, "more than {:g}"),
            (self.below, "less than {:g}"),
        )
        return self.bounds or " and ".join(text.format(bound) for bound, text in said if bound is not None)


def option(help: str, *, default: Any = dataclasses.MISSING, told: str = "", **said: Any) -> Any:
    """Return a dataclass's field that is an option.

    Parameters
    ----------
    help : str
        What it does.
    default
        Of the field; without one the option must be given.
    told : str
        The default, for readers, where it is not the field's own.
    said
        What else :class:`Option` knows.
    """
    return dataclasses.field(default=default, metadata={"option": Option(help=help, default=told, **said)})


def options_of(kind: type) -> dict[str, Option]:
    """Return the options of a dataclass by the names of their fields."""
    found = {}
    for field in dataclasses.fields(kind):
        if "option" in field.metadata:
            said: Option = field.metadata["option"]
            written = said.written or f"--{field.name.replace('_', '-')}"
            found[field.name] = dataclasses.replace(said, written=written, default=said.default or _told(field))
    return found


def _told(field: "dataclasses.Field[Any]") -> str:
    value = field.default
    if value is dataclasses.MISSING or value is None or isinstance(value, bool):
        return ""
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def refuse_wrong(options: Any, more: Sequence[str] = ()) -> None:
    """Refuse options whose values cannot work, all at once.

    Parameters
    ----------
    options
        An instance of a dataclass of options.
    more : sequence of str
        What else is wrong with them.

    Raises
    ------
    OptionError
        A sentence for each.
    """
    values = ((said, getattr(options, name)) for name, said in options_of(type(options)).items())
    problems = [*filter(None, (said.problem(value) for said, value in values if value is not None)), *more]
    if problems:
        raise OptionError("\n".join(problems))


def as_json_values(options: Any, only: Collection[str] | None = None) -> dict[str, Any]:
    """Return options as values that JSON can hold; those without a value are left out."""
    names = options_of(type(options)) if only is None else only
    values = {name: getattr(options, name) for name in names}
    return {name: _as_json_value(value) for name, value in values.items() if value is not None}


def _as_json_value(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_as_json_value(each) for each in value]
    return str(value) if isinstance(value, Path) else value


# The command line


def add_arguments(parser: argparse.ArgumentParser, kind: type, only: Collection[str] | None = None) -> None:
    """Let a command line take the options of a dataclass, or only some of them."""
    required = {field.name for field in dataclasses.fields(kind) if field.default is dataclasses.MISSING}
    for name, said in options_of(kind).items():
        if only is None or name in only:
            if said.written.startswith("-"):
                parser.add_argument(said.written, dest=name, **_argument(said, required=name in required))
            else:
                parser.add_argument(name, metavar=said.written, help=_in_help(said))


def _argument(said: Option, *, required: bool) -> dict[str, Any]:
    shared = {"help": _in_help(said), "default": argparse.SUPPRESS, "required": required}
    if not said.value:
        return shared | {"action": "store_true"}
    action = "store" if said.several is None else "append"
    return shared | {"action": action, "metavar": said.value, "type": lambda text: _read(said, text)}


def _in_help(said: Option) -> str:
    default = f" ({said.default})" if said.default and said.value else ""
    return f"{said.in_full}{default}".replace("%", "%%").replace("`", "")


def _read(said: Option, text: str) -> Any:
    try:
        return said.read(text)
    except ValueError:
        return Unreadable(text)


def asked(kind: type[T], parser: argparse.ArgumentParser, found: argparse.Namespace) -> T:
    """Return the options that a command line was given; the program ends where one of them cannot be read.

    Raises
    ------
    OptionError
        Where values can be read, but not work.
    """
    values = {name: _gathered(said, getattr(found, name)) for name, said in options_of(kind).items() if name in found}
    try:
        return kind(**values)
    except OptionError as error:
        if any(_is_unreadable(said, values[name]) for name, said in options_of(kind).items() if name in values):
            parser.error(str(error))
        raise


def _gathered(said: Option, value: Any) -> Any:
    return value if said.several is None else said.several(value)


def _is_unreadable(said: Option, value: Any) -> bool:
    several = value if isinstance(value, tuple) else (value,)
    return any(isinstance(each, Unreadable) or (said.known and each not in said.known) for each in several)


# The documentation


def rows(kind: type) -> Iterator[tuple[str, str, str]]:
    """Return an option, its default and what it does, as cells of a table."""
    for said in options_of(kind).values():
        if said.written.startswith("-"):
            written = f"{said.written} {said.value}".strip()
            yield f"`{written}`", said.default, said.in_full
