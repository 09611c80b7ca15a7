"""Building the demo from the app, with a stand-in for the command."""

import json
import sys
import time

import pytest

from explorer import demo_build
from explorer.demo_build import BuildProgress, DemoBuild, demo_command, read_progress
from tests.explorer.conftest import Page


def stand_in(monkeypatch, tmp_path, code):
    script = tmp_path / "stand_in.py"
    script.write_text(code)
    monkeypatch.setenv("UNITSCOPE_DEMO_COMMAND", f"{sys.executable} {script}")


def wait_until(holds):
    deadline = time.monotonic() + 20
    while not holds() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert holds()


SLEEP = "import time; time.sleep(60)"


def test_the_demo_is_built_into_the_runs_folder_by_this_python(runs):
    assert demo_command() == [sys.executable, "-m", "precompute", "demo", "--out", str(runs / "demo.h5")]


def test_a_build_writes_where_it_was_told_and_tells_how_far_it_is(runs, tmp_path, monkeypatch):
    said = {"stage": "training", "done": 3, "total": 12, "overall": 0.25}
    tell = f"open(os.environ['UNITSCOPE_PROGRESS'], 'w').write({json.dumps(said)!r})"
    code = f"import os, sys; {tell}; open(sys.argv[2], 'w')"
    stand_in(monkeypatch, tmp_path, code)
    building = DemoBuild()
    building.start()
    wait_until(lambda: not building.running)
    assert (runs / "demo.h5").exists()
    assert building.progress == BuildProgress("training", 3, 12, 0.25)
    assert not building.failed


def test_starting_twice_builds_once(runs, tmp_path, monkeypatch):
    stand_in(monkeypatch, tmp_path, f"open({str(tmp_path / 'starts')!r}, 'a').write('x'); {SLEEP}")
    building = DemoBuild()
    building.start()
    wait_until((tmp_path / "starts").exists)
    building.start()
    time.sleep(0.3)
    assert (tmp_path / "starts").read_text() == "x"
    building.stop()
    assert not building.running


def test_a_build_that_fails_leaves_its_last_words(runs, tmp_path, monkeypatch):
    code = "import sys; print('\\n'.join(map(str, range(100)))); print('1 %\\r50 %\\r99 %'); sys.exit('no space left')"
    stand_in(monkeypatch, tmp_path, code)
    building = DemoBuild()
    building.start()
    wait_until(lambda: building.failed)
    lines = building.last_words.split("\n")
    assert len(lines) == 8
    assert "no space left" in lines
    assert "99 %" in lines


def test_a_stopped_build_has_not_failed(runs, tmp_path, monkeypatch):
    stand_in(monkeypatch, tmp_path, SLEEP)
    building = DemoBuild()
    building.start()
    building.stop()
    assert not building.failed


def test_a_folder_that_cannot_be_written_is_told_on_the_page(runs, show):
    (runs / ".build").write_text("no folder")
    app = show().app
    next(button for button in app.button if button.key == "build_demo").click()
    app.run()
    assert [element.value for element in app.exception] == []
    assert "the demo cannot be built here" in Page(app).words


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"stage": "x"}', '{"stage": "x", "done": "a", "total": 1, "overall": 0}']
)
def test_a_progress_file_that_makes_no_sense_is_no_progress_yet(text, tmp_path):
    path = tmp_path / "progress.json"
    path.write_text(text)
    assert read_progress(path) == BuildProgress()
    assert read_progress(tmp_path / "missing.json") == BuildProgress()


def test_progress_stays_between_nothing_and_all(tmp_path):
    path = tmp_path / "progress.json"
    path.write_text('{"stage": "x", "done": 1, "total": 0, "overall": 7}')
    assert demo_build.read_progress(path).overall == 1.0
