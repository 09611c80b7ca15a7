"""The pages of the app: one row each, and a file each in ``explorer/views``."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from explorer.selection import Selection


@dataclass(frozen=True)
class Page:
    """One page.

    Parameters
    ----------
    name : str
        Its name in the URL, and that of its file.
    title : str
        Its name for readers.
    place : callable
        The parts of a selection that name what it shows, for the title of the tab, the narrowest part first.
    about_unit : bool
        Whether links to it keep the unit that is looked at.
    path : str
        Its file, from the top of the project; by default the file with its name.
    in_bar : bool
        Whether the bar on every page has a link to it; otherwise it is opened from another page.
    """

    name: str
    title: str
    place: Callable[[Selection], Sequence[str | None]]
    about_unit: bool = False
    path: str = ""
    in_bar: bool = True

    @property
    def file(self) -> str:
        """Its file, from the top of the project."""
        return self.path or f"explorer/views/{self.name}.py"


PAGES: tuple[Page, ...] = (
    Page("overview", "Unitscope", lambda _: []),
    Page("layer", "Layer", lambda chosen: [chosen.layer]),
    Page("unit", "Unit", lambda chosen: [f"Unit {chosen.unit}", chosen.layer], about_unit=True),
    Page(
        "closer",
        "Closer look",
        lambda chosen: ["Closer look", f"Unit {chosen.unit or 0}", chosen.layer],
        about_unit=True,
        in_bar=False,
    ),
    Page("class", "Class", lambda chosen: [chosen.label, "Class"], about_unit=True, path="explorer/views/class_.py"),
    Page("image", "Image", lambda chosen: [chosen.image, "Image"], about_unit=True),
    Page("experiments", "Experiments", lambda _: ["Experiments"]),
    Page("what_if", "What if", lambda chosen: ["What if", chosen.layer]),
    Page("name", "Name", lambda chosen: ["Name", chosen.layer]),
    Page("quiz", "Quiz", lambda chosen: ["Quiz", chosen.layer]),
    Page("compare", "Compare", lambda _: ["Compare"]),
)
"""The pages in order; the first is shown where the URL names none."""


def file_of(name: str) -> str:
    """Return the file of a page, from the top of the project.

    Raises
    ------
    LookupError
        Where no page is called so.
    """
    return _first((page for page in PAGES if page.name == name), name).file


def page_of(file: str) -> Page:
    """Return the page of a file.

    Raises
    ------
    LookupError
        Where it is the file of no page.
    """
    return _first((page for page in PAGES if page.file == file), file)


def _first(found: Iterator[Page], asked: str) -> Page:
    page = next(found, None)
    if page is None:
        raise LookupError(f"{asked}: no page. Pages are the rows of PAGES in explorer/page_registry.py.")
    return page


def tab_title(file: str, chosen: Selection) -> str:
    """Return the tab's title on a page, the narrowest part first, so that tabs and history can be told apart."""
    page = page_of(file)
    return " · ".join([*filter(None, page.place(chosen)), chosen.store, "Unitscope"])
