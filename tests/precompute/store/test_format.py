"""FORMAT.md and the schema say the same, and the example in it runs."""

import re
from pathlib import Path

import pytest

from precompute import ablation_kinds
from precompute.store import schema
from tests.precompute.store.conftest import LAYER

TEXT = (Path(schema.__file__).parent / "FORMAT.md").read_text(encoding="utf-8")


def test_every_axis_of_the_schema_is_explained_and_no_other():
    assert {axis.name for axis in schema.AXES} == {axis for entry in schema.ENTRIES for axis in entry.axes}


def test_format_version_and_bounds_are_those_of_the_schema():
    assert f"format `{schema.FORMAT}`, version {schema.VERSION}" in TEXT
    assert f"at most\n{schema.MAX_EXEMPLAR_MAP_SIDE} a side" in TEXT
    assert f"at most {schema.MAX_ATTRIBUTION_MAP_SIDE} a side" in TEXT
    for kind in (*schema.EXEMPLAR_KINDS, *ablation_kinds.names()):
        assert f"`{kind}`" in TEXT


def test_the_example_runs(store_path, tmp_path, monkeypatch, capsys):
    (tmp_path / "runs").mkdir()
    store_path.rename(tmp_path / "runs/demo.h5")
    monkeypatch.chdir(tmp_path)
    (example,) = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    assert len([line for line in example.splitlines() if line]) == 5
    exec(compile(example, "FORMAT.md", "exec"), {})
    assert capsys.readouterr().out.startswith(f"{LAYER} [")


# The schema itself


def test_paths_of_the_schema_are_unique_and_found_again():
    assert len({entry.path for entry in schema.ENTRIES}) == len(schema.ENTRIES)
    for entry in schema.ENTRIES:
        assert schema.entry_for(entry.path) is entry


@pytest.mark.parametrize(
    "path", ["", "/", "/layers/conv", "/layers/conv/measure", "/images/path/more", "/experiments/x/y"]
)
def test_paths_outside_the_format_are_no_entry(path):
    assert schema.entry_for(path) is None


def test_layer_names_may_hold_dots_and_call_numbers():
    path = schema.layer_path("blocks.2.relu#3", "measure", "dead")
    assert path == "/layers/blocks.2.relu#3/measure/dead"
    assert schema.entry_for(path).path == "/layers/<layer>/measure/<name>"


@pytest.mark.parametrize(
    ("version", "major"), [(1, 1), ("1.7", 1), ("12", 12), (None, 0), ("", 0), ("x.1", 0), (-1, 0)]
)
def test_the_major_version_is_what_stands_before_the_point(version, major):
    assert schema.major(version) == major
