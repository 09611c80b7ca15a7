"""The public face: light, described, equal to what the store holds; and the command that `pip install -e .` gives."""

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from streamlit.web import cli

import unitscope
from tests.factory import Recipe, make_store

ROOT = Path(__file__).parents[1]
LAYER = "features.10"


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    recipe = Recipe(per_class=6, layers=(("features.8", 4, (5, 5)), (LAYER, 5, (5, 5))), signed=frozenset({LAYER}))
    return make_store(tmp_path_factory.mktemp("face") / "demo.h5", recipe)


@pytest.fixture(scope="module")
def store(path):
    with unitscope.open_store(path) as found:
        yield found


# The module


def test_importing_it_loads_neither_torch_nor_pandas():
    heavy = "{'torch', 'pandas', 'numpy', 'h5py', 'streamlit'}"
    script = f"import sys, unitscope; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("name", unitscope.__all__)
def test_every_public_name_is_there_and_described(name):
    assert getattr(unitscope, name).__doc__
    assert f"`{name}" in (ROOT / "docs" / "python.md").read_text(encoding="utf-8")


def test_a_name_that_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError, match="__all__"):
        unitscope.neurons  # noqa: B018


def test_types_are_declared_for_every_name_that_is_imported_late():
    (block,) = [
        node for node in ast.parse(Path(unitscope.__file__).read_text("utf-8")).body if isinstance(node, ast.If)
    ][:1]
    declared = {
        (node.module, name.name) for node in block.body if isinstance(node, ast.ImportFrom) for name in node.names
    }
    assert declared == {(module, name) for module, names in unitscope._HOME.items() for name in names}


def test_the_examples_of_its_page_run(path, monkeypatch):
    monkeypatch.chdir(ROOT)
    text = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")
    examples = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    assert examples
    for example in examples:
        if "unitscope.run" not in example:
            exec(example.replace("runs/demo.h5", path.as_posix()), {})


# Frames


def test_measures_are_a_column_each(store):
    frame = unitscope.measures_frame(store, LAYER)
    held = store.layer(LAYER).measures
    assert list(frame.columns) == list(held)
    assert frame.index.name == "unit"
    for name, measure in held.items():
        np.testing.assert_array_equal(frame[name], measure.values)
    assert frame.attrs["class_selectivity"] == held["class_selectivity"].label


@pytest.mark.parametrize("over_space", ["max", "mean", "positive_mean"])
def test_activations_are_a_column_for_each_unit(store, over_space):
    frame = unitscope.activations_frame(store, LAYER, over_space=over_space)
    assert frame.shape == (len(store.images), 5)
    for unit in range(5):
        np.testing.assert_array_equal(frame[unit], getattr(store.layer(LAYER).activation(unit), over_space))


def test_activations_that_a_layer_lacks_are_refused(store):
    with pytest.raises(ValueError, match=r"features\.8 holds no such activations"):
        unitscope.activations_frame(store, "features.8", over_space="positive_mean")


def test_drops_are_a_row_for_each_unit_and_a_column_for_each_class(store):
    frame = unitscope.drops_frame(store, LAYER)
    np.testing.assert_array_equal(frame, store.layer(LAYER).ablation("zero").drop)
    assert tuple(frame.columns) == tuple(store.classes.name)


def test_an_ablation_that_the_store_lacks_is_refused(store):
    with pytest.raises(ValueError, match="ablated by zero and mean only"):
        unitscope.drops_frame(store, LAYER, ablation="noise")


def test_drops_follow_from_flips_and_images(store):
    images, flips = unitscope.images_frame(store), unitscope.flips_frame(store, LAYER)
    count = images.groupby("class").size()
    for unit, row in unitscope.drops_frame(store, LAYER).iterrows():
        changes = flips[flips["unit"] == unit].groupby(["class", "change"]).size().unstack(fill_value=0)
        changes = changes.reindex(index=row.index, columns=["lost", "gained"], fill_value=0)
        np.testing.assert_allclose(row, (changes["lost"] - changes["gained"]) / count[row.index], atol=1e-6)


def test_images_say_what_the_network_answers(store):
    frame = unitscope.images_frame(store)
    np.testing.assert_array_equal(frame["correct"], store.baseline_correct)
    np.testing.assert_array_equal(frame["log_prob"], store.baseline.log_prob)
    assert list(frame["path"]) == list(store.images.path)


# The package


@pytest.fixture(scope="module")
def package():
    """What setuptools reads in pyproject.toml."""
    script = (
        "import json; from setuptools import Distribution; d = Distribution(); d.parse_config_files();"
        "print(json.dumps([d.metadata.name, d.metadata.version, d.packages, d.py_modules, d.entry_points,"
        "d.install_requires, d.package_data]))"
    )
    pytest.importorskip("setuptools")
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout)


def test_every_package_is_installed(package):
    name, version, packages, modules, scripts, _, data = package
    assert (name, version, modules) == ("unitscope", unitscope.__version__, ["unitscope"])
    assert scripts == {"console_scripts": ["unitscope = unitscope:main"]}
    folders = {file.parent for top in ("precompute", "explorer") for file in (ROOT / top).rglob("*.py")}
    assert set(packages) == {".".join(folder.relative_to(ROOT).parts) for folder in folders}
    assert "py.typed" in data[""]  # of every package
    for top in ("precompute", "explorer"):
        assert (ROOT / top / "py.typed").is_file()


def test_it_requires_what_requirements_txt_lists(package):
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    listed = [line.split("#")[0].strip() for line in lines]
    assert package[5] == [line for line in listed if line]


# The command


def test_the_command_is_that_of_precompute(path, capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["unitscope", "check", str(path)])
    assert unitscope.main() == 0
    assert "no problems found" in capsys.readouterr().out


def test_it_calls_itself_by_its_name(capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["unitscope", "run", "resnet18"])
    with pytest.raises(SystemExit):
        unitscope.main()
    assert "usage: unitscope run" in capsys.readouterr().err


@pytest.fixture
def started(monkeypatch, tmp_path):
    """Give the command `unitscope app` words, and return what Streamlit would be started with, and on which folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("UNITSCOPE_RUNS", raising=False)
    words = []
    monkeypatch.setattr(cli, "main", lambda arguments, **_: words.extend(arguments))

    def start(*given):
        import os

        monkeypatch.setenv("UNITSCOPE_RUNS", "")  # taken back at the end of the test, whatever the command sets
        monkeypatch.delenv("UNITSCOPE_RUNS")
        monkeypatch.setattr(sys, "argv", ["unitscope", "app", *given])
        assert unitscope.main() == 0
        return words, os.environ.get("UNITSCOPE_RUNS")

    return start


def test_the_app_is_started_on_the_stores_of_a_folder(started, tmp_path):
    (tmp_path / "stores").mkdir()
    words, folder = started("stores", "--port", "8600")
    assert words == ["run", str(ROOT / "app.py"), "--server.port", "8600", "--"]
    assert folder == str(tmp_path / "stores")


def test_without_a_folder_it_shows_those_of_runs_here(started, tmp_path):
    (tmp_path / "runs").mkdir()
    assert started()[1] == str(tmp_path / "runs")


def test_where_there_is_no_runs_here_it_shows_those_of_the_project(started):
    assert started()[1] is None


def test_it_shows_one_store_from_anywhere(started, tmp_path):
    assert started("--store", "mine.h5")[0][-2:] == ["--store", str(tmp_path / "mine.h5")]


def test_a_folder_that_is_not_there_is_refused(started, capsys):
    with pytest.raises(SystemExit):
        started("nowhere")
    assert "no such folder" in capsys.readouterr().err


def test_it_hands_on_where_images_lie_and_whether_code_may_run(started, tmp_path):
    words, _ = started("--store", "mine.h5", "--images", "there", "--allow-code")
    assert words[-5:] == ["--store", str(tmp_path / "mine.h5"), "--images", str(tmp_path / "there"), "--allow-code"]
    assert "--allow-code" not in started("--store", "mine.h5")[0][len(words) :]
