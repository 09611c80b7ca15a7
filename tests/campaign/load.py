"""Ten browsers on one server, whose store is replaced again and again."""

import os
import random
import re
import shutil
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import cycle
from pathlib import Path

import psutil
from playwright.sync_api import Error as BrowserError
from playwright.sync_api import sync_playwright

from precompute.__main__ import main as command_line
from precompute.store.place import own_part, put, sync_file
from tests.browser.conftest import AT_REST, BROWSERS, QUIET, App, Server, new_context, new_tab, serve
from tests.factory import Recipe, make_store

N_BROWSERS = 10
BETWEEN_STORES_S = 10
TO_ANSWER_S = 300
MOST_GROWTH = 1.15
"""What the server may have of memory at the end, measured by what it had in the middle."""
MOST_HANDLES = 10
"""How many more open files than at the start it may have when all have left; each visitor it remembers has three."""

MOST_LEFT = 1
"""How many replaced stores may be open when all have left: what the first page showed is in no garbage collection."""
TO_FORGET_S = 150
"""After how long Streamlit forgets who has left: two minutes, and some more."""

ADDRESSES = (
    "/unit?store=s&layer=conv&unit={unit}",
    "/layer?store=s&layer=conv",
    "/?store=s",
    "/class?store=s&layer=conv&class=red_ball",
    "/image?store=s&layer=conv&image=red_ball/0003.png",
    "/experiments?store=s&experiment=statistics",
    "/closer?store=s&layer=conv&unit={unit}",
    "/compare?store=s",
)
ERRORS = "[data-testid=stException], .us-error, [data-testid=stConnectionStatus]"
LOGGED = re.compile(r"^\s*(Traceback|.*\b(ERROR|CRITICAL)\b|[\w.]*(Error|Exception)\b)")


def load(folder: Path, rng: random.Random, n_trials: int) -> Iterator[str]:
    """Ten browsers, hundreds of reruns, another good store every ten seconds: no error, nothing that grows.

    Each rerun that a visitor asks for, by a key or a link, is a trial. An error is one on the screen or in the server's
    log.
    """
    found = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if found is None:
        yield "skipped: there is no Chrome or Chromium on the path"
        return
    versions = good_stores(folder / "versions")
    (folder / "runs").mkdir()
    store, log = folder / "runs" / "s.h5", folder / "log"
    shutil.copyfile(versions[0], store)
    with log.open("w") as written, sync_playwright() as playwright:
        for server in serve(folder / "runs", {}, log=written):
            browser = playwright.chromium.launch(executable_path=found, args=list(QUIET))
            visitors = [new_tab(new_context(browser), server) for _ in range(N_BROWSERS)]
            yield from visits(visitors, Measured(server, store), versions, rng, n_trials)
    yield from (
        f"fault: in the server's log: {line.strip()}" for line in log.read_text().splitlines() if LOGGED.match(line)
    )


def good_stores(folder: Path) -> list[Path]:
    """Make the stores that take each other's place: one more experiment, and in the end another run."""
    folder.mkdir()
    recipe = Recipe(n_classes=6, per_class=20, layers=(("conv", 24, (7, 7)),), k=9)
    with_statistics, other = folder / "statistics.h5", Recipe(n_classes=4, per_class=9, layers=(("conv", 8, (5, 5)),))
    made = [make_store(folder / "run.h5", recipe), make_store(folder / "other.h5", replace(other, seed=5))]
    shutil.copyfile(made[0], with_statistics)
    command_line(["experiment", "statistics", str(with_statistics)])
    return [made[0], with_statistics, made[1]]


@dataclass(frozen=True)
class Measured:
    """The server, and what it holds."""

    server: Server
    store: Path

    def now(self) -> "Held":
        """Return what the server holds at this moment."""
        process = psutil.Process(self.server.process.pid)
        links = [_target(link) for link in Path(f"/proc/{process.pid}/fd").iterdir()] if os.name == "posix" else []
        stores = [link for link in links if link.startswith(str(self.store))]
        replaced = sum(link.endswith("(deleted)") for link in stores)
        return Held(process.num_fds(), len(stores), replaced, process.memory_info().rss / 1e6)


@dataclass(frozen=True)
class Held:
    """Open files, those that are stores, those of stores that were replaced, and memory in MB."""

    handles: int
    stores: int
    replaced: int
    memory: float


def _target(link: Path) -> str:
    try:
        return str(link.readlink())
    except OSError:
        return ""


def visits(
    visitors: Sequence[App], measured: Measured, versions: Sequence[Path], rng: random.Random, n_acts: int
) -> Iterator[str]:
    """Let all of them act at once, again and again, until they have asked for so many reruns; in the end they leave."""
    figures, acts = [], 0
    yield from round_of(visitors, rng, first=True)
    with replacing(measured.store, versions) as replaced:
        for share, when in ((0.1, "start"), (0.55, "middle"), (1.0, "end")):
            while acts < share * n_acts:
                yield from round_of(visitors, rng)
                acts += len(visitors)
            figures.append(measured.now())
            yield f"figure: {when}: {acts} reruns, {replaced[0]} times another store; {said(figures[-1])}"
    leave(visitors)
    visitors[0].page.wait_for_timeout(1000 * TO_FORGET_S)
    for _ in range(2):  # those whose time is up are let go of when the next one leaves
        yield from round_of(visitors[:1], rng, first=True)
        leave(visitors[:1])
    yield f"figure: when all have left: {said(after := measured.now())}"
    if figures[2].memory > MOST_GROWTH * figures[1].memory:
        yield "fault: memory grows"
    if after.handles > figures[0].handles + MOST_HANDLES or after.replaced > MOST_LEFT:
        yield "fault: handles are left open"


def leave(visitors: Sequence[App]) -> None:
    """Let visitors go to no page, and the server notice it."""
    for visitor in visitors:
        visitor.page.goto("about:blank")
    visitors[0].page.wait_for_timeout(1000)


def said(held: "Held") -> str:
    """Say what a server holds."""
    stores = f"{held.stores} of them stores, {held.replaced} of these replaced"
    return f"{held.memory:.0f} MB, {held.handles} open handles, {stores}"


def round_of(visitors: Sequence[App], rng: random.Random, *, first: bool = False) -> Iterator[str]:
    """Let each visitor do something, then look at what each was shown."""
    before = [visitor.runs for visitor in visitors]
    did = [act(visitor, rng, first=first) for visitor in visitors]
    for visitor, runs, what in zip(visitors, before, did, strict=True):
        yield looked_at(visitor, runs, what)


def act(visitor: App, rng: random.Random, *, first: bool) -> str:
    """Go on to the next unit, or to another page, in the same session or a new one; return what was done."""
    if not first and "/unit" in visitor.page.url and rng.random() < 0.7:
        visitor.page.keyboard.press("ArrowRight")
        return "the next unit"
    address = rng.choice(ADDRESSES).format(unit=rng.randrange(8))
    visitor.page.goto(visitor.url + address, wait_until="commit")
    return address


def looked_at(visitor: App, runs: int, what: str) -> str:
    """Wait until a visitor's page is drawn, and say whether there is an error on it."""
    for _ in range(TO_ANSWER_S * 20):
        if visitor.runs > runs:
            break
        visitor.page.wait_for_timeout(50)
    else:
        # A key that leads to the next unit does nothing at the last one.
        return f"fault: {what}: nothing was drawn within {TO_ANSWER_S} s" if what.startswith("/") else "no next unit"
    try:
        visitor.page.wait_for_function(f"() => {AT_REST}", timeout=1000 * TO_ANSWER_S)
    except BrowserError as error:
        return f"fault: {what}: the page does not come to rest ({str(error).splitlines()[0]})"
    shown = [*visitor.page.locator(ERRORS).all_inner_texts(), *visitor.faults]
    visitor.faults.clear()
    return f"fault: {what}: {' '.join(' '.join(shown).split())[:400]}" if shown else "drawn without an error"


@contextmanager
def replacing(store: Path, versions: Sequence[Path]) -> Iterator[list[int]]:
    """Put one of some stores in the place of another every ten seconds, as an experiment does; yield how often."""
    done, count = threading.Event(), [0]

    def replace() -> None:
        for version in cycle([*versions[1:], versions[0]]):
            if done.wait(BETWEEN_STORES_S):
                return
            part = own_part(store)
            shutil.copyfile(version, part)
            sync_file(part)
            put(part, store)
            count[0] += 1

    thread = threading.Thread(target=replace)
    thread.start()
    try:
        yield count
    finally:
        done.set()
        thread.join()
