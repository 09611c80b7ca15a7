"""FORMAT.md and the schema say the same, and the example in it runs."""

import re
from pathlib import Path

import pytest

from precompute.store import schema
from tests.precompute.store.conftest import LAYER

TEXT = (Path(schema.__file__).parent / "FORMAT.md").read_text(encoding="utf-8")


def table(first_column):
    """Rows of the table whose first column has a name, each a dict by column."""
    lines = iter(TEXT.splitlines())
    head = next(line for line in lines if line.startswith(f"| {first_column} |"))
    next(lines)
    names = [cell.strip() for cell in head.strip("|").split("|")]
    rows = []
    for line in lines:
        if not line.startswith("|"):
            break
        cells = [cell.strip() for cell in line.removeprefix("|").removesuffix("|").split("|")]
        rows.append(dict(zip(names, cells, strict=True)))
    return rows


def nan_rule(entry):
    return (entry.nan or "never") if entry.dtype in ("f2", "f4", schema.ANY) else ""


def test_the_table_of_datasets_is_the_schema():
    expected = [
        {
            "path": f"`{entry.path}`",
            "type": entry.dtype,
            "axes": ", ".join(entry.axes) or "as the network has them",
            "unit": entry.unit,
            "must be there": "yes" if entry.required else "no",
            "NaN": nan_rule(entry),
            "meaning": entry.doc,
        }
        for entry in schema.ENTRIES
    ]
    assert table("path") == expected


def test_the_table_of_attributes_is_the_schema():
    held = {"`/`": schema.ROOT_FACTS}
    held |= {f"`{group}`": facts for group, facts in schema.GROUP_FACTS.items()}
    held["`every dataset`"] = schema.DATASET_FACTS
    held["`every group and dataset`"] = schema.CHECKSUM_FACTS
    expected = [
        {
            "of": group,
            "attribute": f"`{name}`",
            "kind": fact.kind,
            "must be there": "yes" if fact.required else "no",
            "meaning": fact.doc,
        }
        for group, facts in held.items()
        for name, fact in facts.items()
    ]
    assert table("of") == expected


def test_every_axis_of_the_schema_is_explained_and_no_other():
    explained = {name for row in table("axis") for name in re.findall(r"`([^`]+)`", row["axis"])}
    assert explained == {axis for entry in schema.ENTRIES for axis in entry.axes}


def test_format_version_and_bounds_are_those_of_the_schema():
    assert f"format `{schema.FORMAT}`, version {schema.VERSION}" in TEXT
    assert f"at most\n{schema.MAX_EXEMPLAR_MAP_SIDE} a side" in TEXT
    assert f"at most {schema.MAX_ATTRIBUTION_MAP_SIDE} a side" in TEXT
    for kind in (*schema.EXEMPLAR_KINDS, *schema.ABLATION_KINDS):
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
