"""Print how long a what-if takes: ``python -m tests.benchmarks.what_if STORE.h5``.

Each set of units is asked of a warm process, as the page asks it, ten times with another set of the same size, so that
no answer is one that was given before. ``--click`` also types ten sets into the page in a browser and waits for their
numbers.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from urllib.parse import urlencode

import psutil

from explorer.store_files import StoreFile
from explorer.what_if_process import Question, WhatIfProcess, process_command
from precompute.store.reader import Layer, open_store
from precompute.what_if.request import Change, Request
from precompute.what_if.unit_list import write_units

_REPEATS = 10


def main() -> None:
    """Read the options, measure, print."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.what_if", description=__doc__)
    parser.add_argument("store", type=Path)
    parser.add_argument("--click", action="store_true", help="from a key press in a browser to the numbers, too")
    options = parser.parse_args()
    source = StoreFile("store", options.store.resolve())
    with open_store(source.path) as store:
        print(f"{store.model.spec}, {len(store.images):,} images; load {os.getloadavg()[0]:.1f}")
        print("| layer | units | change | seconds, median of ten (lowest to highest) | processor seconds |")
        print("|---|---|---|---|---|")
        process = WhatIfProcess(process_command(allow_code=True))
        for layer in store.layers:
            for line in lines(process, source, layer):
                print(line, flush=True)
        if options.click:
            print(clicks(source, store.layers[-1]))


def lines(process: WhatIfProcess, source: StoreFile, layer: Layer):
    """Yield a row of the table for every size of a set."""
    started = time.perf_counter()
    seconds(process, source, layer, 1, Change(), 0)
    yield f"| `{layer.name}` | 1 | off, the first question | {time.perf_counter() - started:.2f} | |"
    for size in sorted({1, max(1, layer.n_units // 4), layer.n_units - 1}):
        for change in (Change(), Change("scale", factor=2.0)):
            before = processor_seconds(process)
            found = sorted(seconds(process, source, layer, size, change, shift + 1) for shift in range(_REPEATS))
            spent = (processor_seconds(process) - before) / _REPEATS
            span = f"{median(found):.3f} ({found[0]:.3f} to {found[-1]:.3f})"
            yield f"| `{layer.name}` | {size} | {change.written()} | {span} | {spent:.3f} |"


def seconds(process: WhatIfProcess, source: StoreFile, layer: Layer, size: int, change: Change, shift: int) -> float:
    """Return how long the process takes for one set of units."""
    units = tuple(sorted((shift + unit) % layer.n_units for unit in range(size)))
    started = time.perf_counter()
    job = process.ask(Question(source.path, source.signature, Request(layer.name, units, change)))
    assert job.wait(600)
    assert job.state == "answered", job.why
    return time.perf_counter() - started


def processor_seconds(process: WhatIfProcess) -> float:
    """Return the processor time that the process has used so far."""
    used = psutil.Process(process._running.process.pid).cpu_times()
    return used.user + used.system


def clicks(source: StoreFile, layer: Layer) -> str:
    """Measure from the key press on the page to its numbers, in a browser."""
    with TemporaryDirectory() as runs:
        shutil.copyfile(source.path, Path(runs) / "store.h5")
        command = [
            sys.executable,
            "-m",
            "streamlit",
            "run",
            "app.py",
            "--server.port",
            "8651",
            "--server.headless=true",
        ]
        server = subprocess.Popen(
            [*command, "--", "--allow-code"],
            env={**os.environ, "UNITSCOPE_RUNS": runs},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            found = sorted(_typed(layer))
        finally:
            server.kill()
            server.wait()
    return (
        f"\nFrom Enter to the numbers on the page, {layer.name}: median of ten {median(found):.2f} s "
        f"({found[0]:.2f} to {found[-1]:.2f})"
    )


def _typed(layer: Layer) -> list[float]:
    from playwright.sync_api import expect, sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--headless", "--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        time.sleep(8)
        query = urlencode({"store": "store", "layer": layer.name, "units": "0"})
        page.goto(f"http://127.0.0.1:8651/what_if?{query}")
        expect(page.locator(".us-sentence")).to_have_text(re.compile("Without unit 0, "), timeout=300_000)
        found = []
        for shift in range(1, _REPEATS + 1):
            units = write_units([(shift + unit) % layer.n_units for unit in range(max(2, layer.n_units // 4))])
            page.get_by_role("textbox", name="Units").fill(units)
            started = time.perf_counter()
            page.get_by_role("textbox", name="Units").press("Enter")
            named = re.compile(f"Without units {re.escape(units.split(',')[0].split('-')[0])}\\b.*images are right")
            expect(page.locator(".us-sentence")).to_have_text(named, timeout=60_000)
            found.append(time.perf_counter() - started)
        browser.close()
    return found


if __name__ == "__main__":
    main()
