"""Print how fast the explorer is on a large store: ``python -m tests.benchmarks.explorer [FOLDER]``.

The store is made up and kept in the folder: 1,024 units, 1,000 classes, 50,000 images. A page counts as painted at the
first frame in which its sentence is the new one, nothing on it is stale, and all its pictures are there. Each figure
stands beside the same on an empty page, which is what Streamlit and the browser cost by themselves.
"""

import argparse
import os
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from statistics import median
from urllib.parse import urlencode

import psutil
from playwright.sync_api import Browser, Page, sync_playwright

from explorer.unit_conditions import Condition, met
from explorer.unit_criteria import Searched, criteria_of, range_of
from precompute.__main__ import main as run_command
from precompute.store.reader import Store, open_store
from tests.benchmarks.page_script import unit_script
from tests.browser.conftest import PAINTED, QUIET, Server, serve
from tests.factory import Recipe, make_store

LAYER, N_UNITS = "layer4", 1024
LARGE = Recipe(n_classes=1000, per_class=50, layers=((LAYER, N_UNITS, (7, 7)),), kinds=("zero",))
SMALL = Recipe(n_classes=20, per_class=50, layers=((LAYER, N_UNITS, (7, 7)),), kinds=("zero",))
N_STEPS, N_BROWSERS, SECONDS_BETWEEN, N_CLICKS = 20, 10, 5, 12

EMPTY_PAGE = """
import streamlit as st
number = int(st.query_params.get("unit", 0))
def step(): st.query_params["unit"] = number + 1
st.button("next", on_click=step, shortcut="right")
st.html(f'<p class="us-sentence">Unit {number}</p>')
"""

# Kept in the page, so that ten of them can be timed at once: what Playwright itself takes is not counted.
WATCH = """
() => {
  window.timed = [];
  const sentence = () => document.querySelector('.us-sentence')?.textContent;
  const quiet = () => PAINTED;
  document.addEventListener('keydown', () => {
    const started = performance.now(), before = sentence(), found = {};
    const look = () => {
      const now = performance.now() - started;
      if (sentence() !== before) found.sentence ??= now;
      if (found.sentence !== undefined && quiet()) { found.painted = now; window.timed.push(found); return; }
      requestAnimationFrame(look);
    };
    requestAnimationFrame(look);
  }, true);
}
""".replace("PAINTED", PAINTED)


def main() -> None:
    """Make the store, measure, print."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.explorer", description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", default=Path(".cache/large"))
    parser.add_argument(
        "--small", action="store_true", help="20 classes in place of 1,000, to try the benchmark itself"
    )
    options = parser.parse_args()
    folder = options.folder / ("small" if options.small else "large")
    store = make(folder, SMALL if options.small else LARGE)
    print(f"{store.stat().st_size / 1e9:.2f} GB; load {os.getloadavg()[0]:.1f}, {os.cpu_count()} cores\n")
    with open_store(store) as opened:
        print(conditions(opened))
    print(unit_script(store, LAYER), flush=True)
    with sync_playwright() as playwright, served(folder, {}) as server:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=list(QUIET))
        for line in pages(browser, server):
            print(line, flush=True)
        print(ten_browsers(browser, server))
    with sync_playwright() as playwright, empty(options.folder) as server:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=list(QUIET))
        print(f"an empty page: {steps(opened_page(browser, f'{server.url}/?unit=0'), 'ArrowRight')}")


def make(folder: Path, recipe: Recipe) -> Path:
    """Make the store where it is not there yet, as a run leaves it."""
    store = folder / "store.h5"
    if not store.exists():
        folder.mkdir(parents=True, exist_ok=True)
        started = time.perf_counter()
        made = make_store(folder / "made", recipe)
        run_command(["experiment", "statistics", str(made)])
        made.rename(store)
        print(f"made in {time.perf_counter() - started:.0f} s")
    return store


def conditions(store: Store) -> str:
    """Measure how long it takes to find units by four conditions: the first time, and then."""
    units = Searched(store, store.layer(LAYER), "zero")
    asked = [
        Condition("needed_by", store.classes.name[3]),
        Condition("class_selectivity", range_of(0.2, None)),
        Condition("saturated", "no"),
        Condition("dead", "no"),
    ]
    found = []
    for _ in range(5):
        started = time.perf_counter()
        met(asked, criteria_of(units), N_UNITS)
        found.append(1000 * (time.perf_counter() - started))
    return f"four conditions over {N_UNITS:,} units: {found[0]:.0f} ms at first, then {median(found[1:]):.0f} ms"


@contextmanager
def served(runs: Path, environment: dict[str, str], script: str = "app.py") -> Iterator[Server]:
    """Serve a script as the browser tests do."""
    yield from serve(runs, environment, script)


@contextmanager
def empty(folder: Path) -> Iterator[Server]:
    """Serve the empty page."""
    script = folder / "empty.py"
    script.write_text(EMPTY_PAGE, encoding="utf-8")
    with served(folder, {}, str(script.resolve())) as server:
        yield server


def pages(browser: Browser, server: Server) -> Iterator[str]:
    """Measure pages that are opened by a link, then steps from unit to unit, and the memory after all of them."""
    query = {"store": "store", "layer": LAYER}
    links = {
        "a unit, the first link after the start": f"/unit?{urlencode({**query, 'unit': 5})}",
        "a unit, by a new visitor": f"/unit?{urlencode({**query, 'unit': 6})}",
        "an image": f"/image?{urlencode({**query, 'image': 'red_ball/0007.png'})}",
        "another image": f"/image?{urlencode({**query, 'image': 'red_ball/0008.png'})}",
        "a class": f"/class?{urlencode({**query, 'class': 'red_ball'})}",
        "the layer": f"/layer?{urlencode(query)}",
    }
    for name, link in links.items():
        started = time.perf_counter()
        page = opened_page(browser, server.url + link)
        yield f"{name}: {time.perf_counter() - started:.2f} s"
        page.context.close()
    page = opened_page(browser, f"{server.url}/unit?{urlencode({**query, 'unit': 20})}")
    before = processor_seconds(server), browser_seconds()
    yield f"the next unit: {steps(page, 'ArrowRight')}"
    of_server, of_browser = processor_seconds(server) - before[0], browser_seconds() - before[1]
    yield (
        f"processor for each of these steps: {1000 * of_server / N_STEPS:.0f} ms of the server, "
        f"{1000 * of_browser / N_STEPS:.0f} ms of the browser"
    )
    page.context.close()
    yield f"memory of the app: {memory(server):.0f} MB"


def opened_page(browser: Browser, address: str) -> Page:
    """Open an address in a context of its own and wait until it is painted."""
    page = browser.new_context(viewport={"width": 1280, "height": 800}).new_page()
    page.goto(address)
    page.wait_for_function(f"() => document.querySelector('.us-sentence') && {PAINTED}", timeout=120_000)
    page.evaluate(WATCH)
    return page


def steps(page: Page, key: str) -> str:
    """Measure from the key press to the sentence, and to the page painted, for one unit after the other."""
    for number in range(N_STEPS):
        page.keyboard.press(key)
        page.wait_for_function(f"() => window.timed.length > {number}", timeout=60_000)
        page.wait_for_timeout(300)
    return said(page.evaluate("() => window.timed"))


def said(timed: list[dict[str, float]]) -> str:
    """Say medians and spans of what was timed."""
    parts = []
    for name in ("sentence", "painted"):
        found = sorted(one[name] for one in timed)
        parts.append(f"{name} after {median(found):.0f} ms ({found[0]:.0f} to {found[-1]:.0f})")
    return f"{', '.join(parts)}; {len(timed)} times"


def ten_browsers(browser: Browser, server: Server) -> str:
    """Let ten visitors step through units, each every five seconds for a minute; say what it took and cost."""
    query = {"store": "store", "layer": LAYER}
    visitors = [
        opened_page(browser, f"{server.url}/unit?{urlencode({**query, 'unit': 50 * number})}")
        for number in range(N_BROWSERS)
    ]
    memory_before, processor = memory(server), processor_seconds(server)
    for _ in range(N_CLICKS):
        for visitor in visitors:
            visitor.keyboard.press("ArrowRight")
            visitor.wait_for_timeout(1000 * SECONDS_BETWEEN / N_BROWSERS)
    visitors[0].wait_for_timeout(5000)
    spent = processor_seconds(server) - processor
    mixed = sum(at != 50 * number + N_CLICKS for number, at in enumerate(map(unit_shown, visitors)))
    timed = [one for visitor in visitors for one in visitor.evaluate("() => window.timed")]
    return (
        f"ten browsers: {said(timed)} of {N_BROWSERS * N_CLICKS}; {mixed} ended at another unit than theirs; "
        f"{1000 * spent / len(timed):.0f} ms of the server's processor each; "
        f"memory {memory_before:.0f} to {memory(server):.0f} MB"
    )


def unit_shown(page: Page) -> int:
    """Return the unit that a page's sentence is about."""
    said = re.search(r"\bunit (\d+)", page.locator(".us-sentence").inner_text(), re.IGNORECASE)
    assert said is not None
    return int(said[1])


def memory(server: Server) -> float:
    """Return the memory of the app's own process, in MB."""
    return psutil.Process(server.process.pid).memory_info().rss / 1e6


def processor_seconds(server: Server) -> float:
    """Return the processor time that the app's own process has used so far."""
    used = psutil.Process(server.process.pid).cpu_times()
    return used.user + used.system


def browser_seconds() -> float:
    """Return the processor time that the processes of the browser have used so far."""
    found = 0.0
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            if process.name().startswith("chrom"):
                used = process.cpu_times()
                found += used.user + used.system
    return found


if __name__ == "__main__":
    main()
