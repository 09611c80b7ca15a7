"""One server and one browser for all browser tests, and a tab that remembers nothing for each."""

import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO
from urllib.parse import parse_qsl, urlparse

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from precompute.__main__ import main
from tests.factory import Recipe, make_store

ROOT = Path(__file__).parents[2]
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
QUIET = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def pytest_collection_modifyitems(items):
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)


AT_REST = (
    "(document.querySelector('[data-testid=stApp]')?.dataset.testScriptState === 'notRunning'"
    " && !document.querySelector('[data-stale=true],[data-testid=stSkeleton]'))"
)
"""Whether the script has run and nothing on the page is stale, in JavaScript."""

PAINTED = f"({AT_REST} && [...document.images].every(image => image.complete))"
"""Whether its pictures are there too."""


@dataclass
class Server:
    """A running app."""

    url: str
    runs: Path
    process: subprocess.Popen


@dataclass
class App:
    """A tab on the app, and what happened in it."""

    page: Page
    url: str
    stores: Path
    foreign: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    runs: int = 0

    def open(self, address: str) -> None:
        self.settle(lambda: self.page.goto(self.url + address))

    def settle(self, act: Callable[[], object]) -> None:
        """Do something and wait until the script has run and nothing on the page is stale."""
        wanted = self.runs + 1
        act()
        deadline = time.monotonic() + 20
        while self.runs < wanted and time.monotonic() < deadline:
            self.page.wait_for_timeout(10)
        assert self.runs >= wanted, "the script did not run"
        self.page.wait_for_function(f"() => {AT_REST}")

    def says(self, beginning: str) -> None:
        """Wait until the page's sentence begins so: a run may have been on its way before the last click."""
        expect(self.page.locator(".us-sentence")).to_have_text(re.compile(f"^{re.escape(beginning)}"), timeout=15_000)

    def asks(self, path: str, **query: str) -> None:
        """Wait until the URL is this page with these parameters among others."""
        self.page.wait_for_url(lambda address: _is(address, path, query), timeout=15_000)

    def _received(self, message) -> None:
        if isinstance(message, bytes):
            forward = ForwardMsg()
            forward.ParseFromString(message)
            self.runs += forward.WhichOneof("type") == "script_finished"


def _is(address: str, path: str, query: dict[str, str]) -> bool:
    parts = urlparse(address)
    return parts.path == path and query.items() <= dict(parse_qsl(parts.query)).items()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    found = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if found is None:
        missing = "no Chrome or Chromium on the path; on Debian: apt-get install chromium"
        if os.environ.get("CI") == "true":
            pytest.fail(missing)
        pytest.skip(missing)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=list(QUIET))
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def server(tmp_path_factory) -> Iterator[Server]:
    """The app on a made-up store called ``demo``, or on the real one that UNITSCOPE_DEMO_STORE names.

    A made-up store has no network: what runs one beside the app is a stand-in then.
    """
    runs = tmp_path_factory.mktemp("runs")
    real = os.environ.get("UNITSCOPE_DEMO_STORE")
    environment = {}
    if real:
        shutil.copyfile(real, runs / "demo.h5")
    else:
        environment["UNITSCOPE_WHAT_IF_COMMAND"] = f"{sys.executable} -m tests.explorer.stand_in_worker {runs / 'died'}"
        made = make_store(runs / "demo.h5", Recipe(k=10))
        assert main(["experiment", "statistics", str(made)]) == 0
    yield from serve(runs, environment)


@pytest.fixture(scope="session")
def small_server(tmp_path_factory) -> Iterator[Server]:
    """The app on one small made-up store, with a stand-in for the process that runs networks, see its own module."""
    runs = tmp_path_factory.mktemp("small")
    layers = (("features.8", 14, (5, 5)), ("classifier.1", 3, ()))
    made = make_store(runs / "demo.h5", Recipe(n_classes=6, per_class=20, layers=layers, k=10))
    assert main(["experiment", "statistics", str(made)]) == 0
    command = f"{sys.executable} -m tests.explorer.stand_in_worker {runs / 'died'}"
    yield from serve(runs, {"UNITSCOPE_WHAT_IF_COMMAND": command})


@pytest.fixture
def empty_server(tmp_path) -> Iterator[Server]:
    """The app without any store, whose demo is a stand-in that takes a second."""
    made = make_store(tmp_path / "made.h5", Recipe(n_classes=4, per_class=5))
    stand_in = tmp_path / "stand_in.py"
    stand_in.write_text(STAND_IN)
    runs = tmp_path / "runs"
    runs.mkdir()
    yield from serve(runs, {"UNITSCOPE_DEMO_COMMAND": f"{sys.executable} {stand_in} {made}"})


STAND_IN = """
import json, os, shutil, sys, time
made, out, progress = sys.argv[1], sys.argv[3], os.environ["UNITSCOPE_PROGRESS"]
for step in range(1, 5):
    with open(progress + ".part", "w") as file:
        json.dump({"stage": "drawing pictures", "done": step, "total": 4, "overall": step / 4}, file)
    os.replace(progress + ".part", progress)
    time.sleep(0.7)
shutil.copyfile(made, out + ".part")
os.replace(out + ".part", out)
"""


def serve(
    runs: Path, environment: dict[str, str], script: str = "app.py", log: int | IO[str] = subprocess.DEVNULL
) -> Iterator[Server]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", script, "--server.port", str(port), "--server.headless=true"]
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env={**os.environ, "UNITSCOPE_RUNS": str(runs), **environment},
        stdout=log,
        stderr=log,
    )
    url = f"http://127.0.0.1:{port}"
    try:
        _wait_for(f"{url}/_stcore/health", process)
        yield Server(url, runs, process)
    finally:
        # Asked politely, it would wait for tabs that are still open.
        process.kill()
        process.wait()


def _wait_for(address: str, process: subprocess.Popen) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        assert process.poll() is None, "the server stopped"
        try:
            with urllib.request.urlopen(address, timeout=2):
                return
        except OSError:
            time.sleep(0.1)
    raise AssertionError(f"{address} does not answer")


@pytest.fixture(scope="session")
def usual(browser) -> BrowserContext:
    """The context of most tabs: it keeps the compiled code of the app, a fifth of what a test takes with a new one."""
    return new_context(browser)


@pytest.fixture
def tab(browser, usual) -> Iterator[Callable[..., App]]:
    """Open tabs; at the end of the test none may have shown an exception or asked another machine.

    The first tab of a test is in the usual context. Others are of other visitors, or have settings of their own.
    """
    opened: list[App] = []

    def open_tab(server: Server, **settings) -> App:
        others = bool(opened or settings)
        opened.append(new_tab(new_context(browser, **settings) if others else usual, server))
        return opened[-1]

    yield open_tab
    for app in opened:
        exceptions = app.page.locator("[data-testid=stException]").all_inner_texts()
        _forget(app.page, usual)
        assert exceptions == []
        assert app.faults == []
        assert app.foreign == []


def _forget(page: Page, usual: BrowserContext) -> None:
    """Close a tab and forget all that it kept."""
    if page.context is not usual:
        page.context.close()
        return
    if page.url.startswith("http"):
        page.evaluate("() => { localStorage.clear(); sessionStorage.clear(); }")
    usual.clear_cookies()
    for each in usual.pages:
        each.close()


def new_context(browser: Browser, **settings) -> BrowserContext:
    return browser.new_context(viewport={"width": 1280, "height": 900}, **settings)


def new_tab(context: BrowserContext, server: Server) -> App:
    app = App(context.new_page(), server.url, server.runs)
    app.page.on("websocket", lambda socket: socket.on("framereceived", app._received))
    app.page.on("request", lambda request: _note_foreign(app, request.url))
    app.page.on("pageerror", lambda error: app.faults.append(str(error)))
    return app


def _note_foreign(app: App, address: str) -> None:
    if not address.startswith((app.url, app.url.replace("http", "ws"), "data:", "blob:")):
        app.foreign.append(address)


@pytest.fixture
def app(tab, server) -> App:
    """A tab on the app with a store."""
    return tab(server)
