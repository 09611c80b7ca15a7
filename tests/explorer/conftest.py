"""Made-up stores and the app run without a browser."""

import contextlib
import os
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
import pytest
from streamlit.components.v2 import manifest_scanner
from streamlit.testing.v1 import AppTest
from streamlit.util import calc_hash

from explorer import cache
from explorer.pages.unit import measures
from precompute.store import probe
from precompute.store.reader import open_store
from tests.factory import Recipe, make_store

ROOT = Path(__file__).parents[2]
FULL = Recipe(per_class=12, layers=(("features.8", 5, (5, 5)), ("features.10", 6, (5, 5)), ("classifier.1", 4, ())))
THOUSAND = Recipe(n_classes=1000, per_class=1, layers=(("layer4", 3, (7, 7)),))


@pytest.fixture(scope="session")
def made(tmp_path_factory) -> Callable[..., Path]:
    """Make each store once: by name, a recipe's."""
    folder = tmp_path_factory.mktemp("made")

    def make(name: str, recipe: Recipe = FULL) -> Path:
        path = folder / f"{name}.h5"
        return path if path.exists() else make_store(path, recipe)

    return make


@pytest.fixture(scope="session")
def full_store(made):
    """An open store with every part; tests only read it."""
    with open_store(made("full")) as store:
        yield store


@pytest.fixture(scope="module", autouse=True)
def no_waste():
    """Leave out what costs a test as much as its page does, and is tested elsewhere or is not ours.

    The probe reads a store in this process rather than in one of its own. Streamlit does not look through all that is
    installed for components, which it does anew for every ``AppTest``.
    """

    def comes_to_an_end(path: Path) -> bool:
        with contextlib.suppress(Exception):  # whoever opens the file is told
            probe._read_through(str(path))
        return True

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(probe, "_try", comes_to_an_end)
        patch.setattr(manifest_scanner, "scan_component_manifests", list)
        yield


@dataclass
class Page:
    """The app after a run."""

    app: AppTest

    @property
    def words(self) -> str:
        """All that the page says in HTML and markdown, spaces that keep words together among the others."""
        parts = [element.value for element in self.app.markdown]
        parts += [body for element in self.app.get("html") if "<style>" not in (body := element.proto.body)]
        return "\n".join(parts).replace("\u00a0", " ")

    @property
    def said(self) -> str:
        """The same without its links."""
        return re.sub("</?a[^>]*>", "", self.words)

    def charts(self) -> list:
        return self.app.get("vega_lite_chart")

    def tiles(self) -> list:
        """The walls of units, without what listens to clicks on links."""
        found = self.app.get("bidi_component")
        return [component for component in found if component.proto.component_name == "unitscope_unit_grid"]


@pytest.fixture
def runs(tmp_path, monkeypatch) -> Path:
    """An empty runs folder that the app looks in."""
    folder = tmp_path / "runs"
    folder.mkdir()
    monkeypatch.setenv("UNITSCOPE_RUNS", str(folder))
    return folder


@pytest.fixture
def show(runs) -> Callable[..., Page]:
    """Run a page of the app on the stores in ``runs``, all measures of a unit unfolded; none may raise."""

    def run(page: str = "overview", **query: str) -> Page:
        app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=30)
        for name, value in query.items():
            app.query_params["class" if name == "class_" else name] = value
        app.session_state[measures.FOLD] = True
        if page != "overview":
            # `switch_page` would need a whole run of the first page before it.
            app._page_hash = calc_hash(page)
        app.run()
        assert [element.value for element in app.exception] == []
        return Page(app)

    return run


@pytest.fixture(scope="module")
def stand_in(tmp_path_factory):
    """The process that runs networks is a stand-in, one for all tests; its rules are in `stand_in_worker`."""
    with _standing_in(str(tmp_path_factory.mktemp("w") / "died")):
        yield


@pytest.fixture(scope="module")
def answering_stand_in():
    """The process that runs networks is a stand-in that answers about any units, also those that a page chooses."""
    with _standing_in("always"):
        yield


@contextlib.contextmanager
def _standing_in(word: str) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("UNITSCOPE_WHAT_IF_COMMAND", f"{sys.executable} -m tests.explorer.stand_in_worker {word}")
        cache.what_if_process.clear()
        yield
        cache.what_if_process()._end()
        cache.what_if_process.clear()


@pytest.fixture
def answered(show) -> Callable[..., Page]:
    """Run a page until all that it asks of that process is answered."""

    def run(page: str, **query: str) -> Page:
        shown = show(page, **query)
        for _ in range(2):  # an answer may lead to the next question
            for job in list(cache.what_if_process()._jobs.values()):
                assert job.wait(30)
            shown.app.run()
        assert [element.value for element in shown.app.exception] == []
        return shown

    return run


def put(source: Path, runs: Path, name: str = "demo") -> Path:
    """Copy a store into the runs folder."""
    return Path(shutil.copyfile(source, runs / f"{name}.h5"))


def add_experiment(path: Path, name: str, arrays: dict, **facts) -> None:
    """Put an experiment's group into a store, as it is: nothing is checked."""
    with h5py.File(path, "r+") as file:
        group = file.create_group(f"/experiments/{name}")
        made = {"title": name.title(), "source": "Nobody 2000", "created": "2026-01-01T00:00:00+00:00", "seed": 7}
        group.attrs.update(made | {"command": "by hand", "options": "{}", "versions": "{}"} | facts)
        for part, values in arrays.items():
            values = np.asarray(values)
            group[part] = values.astype(object) if values.dtype.kind == "U" else values


def stamp(path: Path, **facts) -> None:
    """Overwrite facts of a store's root."""
    with h5py.File(path, "r+") as file:
        file.attrs.update(facts)


def truncate(path: Path) -> None:
    """Cut a store short."""
    os.truncate(path, path.stat().st_size // 2)
