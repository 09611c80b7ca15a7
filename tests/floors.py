"""Draw the floors of the code: `make architecture` writes docs/architecture.svg and the tables of docs/architecture.md.

The floors are the layers that pyproject.toml declares and `lint-imports` holds the code to; what a floor is for is the
first sentence of its module. So the picture cannot say what the code does not do.
"""

import ast
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "architecture.md"
PICTURE = ROOT / "docs" / "architecture.svg"

WIDTH, ROW, GAP, LEFT, RIGHT = 760, 30, 6, 110, 30
_BETWEEN = re.compile(r"(<!-- table: floors of (\w+) -->\n).*?(<!-- end of table -->)", re.DOTALL)


@dataclass(frozen=True)
class Room:
    """One module or package on a floor: its name and what it is for."""

    name: str
    sentence: str


Floors = list[list[Room]]


def floors_of(package: str) -> Floors:
    """Return the floors of a package from the top one down, as its contract in pyproject.toml declares them."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]["contracts"]
    (layers,) = [each["layers"] for each in contracts if each.get("containers") == [package]]
    names = [re.split(r"\s*[|:]\s*", layer) for layer in layers]
    return [[Room(name, sentence_of(ROOT / package / name)) for name in floor] for floor in names]


def sentence_of(place: Path) -> str:
    """Return the first sentence of a module's or package's docstring."""
    path = place / "__init__.py" if place.is_dir() else place.with_suffix(".py")
    said = ast.get_docstring(ast.parse(path.read_text("utf-8"))) or ""
    paragraph = " ".join(said.split("\n\n")[0].split())
    return re.split(r"(?<=[.!?])\s+(?=[A-Z`])", paragraph)[0]


def table(floors: Floors) -> str:
    """Return the floors as a Markdown table, a row for each room."""
    rows = [f"| `{room.name}` | {room.sentence.replace('|', chr(92) + '|')} |" for floor in floors for room in floor]
    return "\n".join(["| | |", "|---|---|", *rows, ""])


def with_tables(page: str) -> str:
    """Return the page with the table of each package between its marks."""
    return _BETWEEN.sub(lambda found: found[1] + table(floors_of(found[2])) + found[3], page)


def picture() -> str:
    """Return the floors as an SVG: the app on top, the explorer below it, the machine at the bottom."""
    houses = [
        ("entry", [[Room("app.py", sentence_of(ROOT / "app")), Room("unitscope.py", sentence_of(ROOT / "unitscope"))]]),
        ("explorer", floors_of("explorer")),
        ("precompute", floors_of("precompute")),
    ]
    parts, top = [], 16
    for name, floors in houses:
        height = len(floors) * (ROW + GAP) + GAP
        parts.append(f'<rect class="house" x="8" y="{top}" width="{WIDTH - 16 - RIGHT}" height="{height}" rx="6"/>')
        parts.append(f'<text class="name" x="20" y="{top + 22}">{name}</text>')
        for number, floor in enumerate(floors):
            parts += _floor(floor, top + GAP + number * (ROW + GAP))
        top += height + 14
    middle = WIDTH - RIGHT / 2 - 4
    parts.append(f'<path class="arrow" d="M{middle} 20 V{top - 24} m-5 -9 l5 9 l5 -9"/>')
    said = "<title>The floors of the code. A module imports from the floors below it, never from those above.</title>"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {top}" font-family="sans-serif">{said}\n'
        "<style>.house{fill:#f4f5f6;stroke:#c5cbd1}.room{fill:#fff;stroke:#1f7fb8}text{font-size:12px;fill:#1c2126}"
        ".name{font-weight:600}.arrow{fill:none;stroke:#6b7680;stroke-width:1.5}</style>\n"
        + f'<rect width="{WIDTH}" height="{top}" fill="#fff"/>\n'
        + "\n".join(parts)
        + "\n</svg>\n"
    )


def _floor(rooms: list[Room], y: int) -> Iterator[str]:
    width = (WIDTH - 16 - RIGHT - LEFT) / len(rooms)
    for number, room in enumerate(rooms):
        x = LEFT + number * width
        yield (
            f'<g><title>{escape(room.sentence)}</title><rect class="room" x="{x:.0f}" y="{y}" '
            f'width="{width - GAP:.0f}" height="{ROW}" rx="3"/><text x="{x + (width - GAP) / 2:.0f}" y="{y + 19}" '
            f'text-anchor="middle">{escape(room.name)}</text></g>'
        )


if __name__ == "__main__":
    PICTURE.write_text(picture(), encoding="utf-8")
    PAGE.write_text(with_tables(PAGE.read_text("utf-8")), encoding="utf-8")
