"""The layout is the architecture: import directions, a light app, small pieces, one vocabulary."""

import ast
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from precompute.store.experiments import registry
from tests import floors

ROOT = Path(__file__).parents[1]
SOURCES = sorted(
    [*ROOT.glob("precompute/**/*.py"), *ROOT.glob("explorer/**/*.py"), ROOT / "app.py", ROOT / "unitscope.py"]
)
NAMES = [str(path.relative_to(ROOT)) for path in SOURCES]
TEXTS = {name: (ROOT / name).read_text(encoding="utf-8") for name in NAMES}

MAX_MODULE_LINES = 400
MAX_FUNCTION_LINES = 60
# What a unit is called elsewhere. Libraries may use these words; names given here may not.
# "Feature entropy" is what its authors call the method.
METHOD = re.compile(r"feature_?entropy", re.IGNORECASE)
BANNED = re.compile("neuron|filter|feature", re.IGNORECASE)
# A part of the demo's network, called as in torchvision's, so that its layers have the usual paths.
PARTS = {"features"}


@pytest.fixture(scope="module")
def trees():
    """The syntax tree of every module."""
    return {name: ast.parse(text) for name, text in TEXTS.items()}


# Import directions


def lint_imports(folder):
    command = [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


def test_imports_run_one_way():
    done = lint_imports(ROOT)
    assert done.returncode == 0, done.stdout


VIOLATIONS = {
    "explorer/cache.py": "import torch",
    "precompute/measures/drops.py": "import h5py",
    "precompute/measures/paired.py": "import scipy.stats",
    "precompute/stages/ablation.py": "import precompute.store.writer",
    "precompute/images/folder.py": "import precompute.ablation.plain",
    "precompute/store/reader.py": "import precompute.run.plan",
    "precompute/new_module.py": "",
    "explorer/new_piece.py": "",
    "explorer/pages/unit/exemplars.py": "import explorer.pages.layer.plot",
    "explorer/charts/theme.py": "import streamlit",
}


def test_an_import_the_other_way_is_noticed(tmp_path):
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for name in NAMES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    for name, line in VIOLATIONS.items():
        with (tmp_path / name).open("a") as file:
            file.write(f"\n{line}\n")
    done = lint_imports(tmp_path)
    assert done.returncode == 1
    for told in (
        "explorer.cache -> torch",
        "precompute.measures.drops -> h5py",
        "precompute.measures.paired -> scipy",
        "precompute.stages.ablation -> precompute.store.writer",
        "precompute.images.folder -> precompute.ablation.plain",
        "precompute.store.reader -> precompute.run.plan",
        "new_module",
        "new_piece",
        "explorer.pages.unit.exemplars -> explorer.pages.layer.plot",
        "explorer.charts.theme -> streamlit",
    ):
        assert told in done.stdout


# An experiment of several modules is a package, whose own file is the experiment; only the runner imports it.
EXPERIMENTS = {f"precompute/experiments/{name}/__init__.py" for name in registry.NAMES}


def imports_in(tree):
    return [node.lineno for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]


def test_packages_import_nothing(trees):
    packages = [name for name in NAMES if name.endswith("__init__.py") and name not in EXPERIMENTS]
    assert len(packages) > 10
    assert {name: found for name in packages if (found := imports_in(trees[name]))} == {}


def test_an_import_in_a_package_would_be_noticed():
    assert imports_in(ast.parse('"""Say."""\n\ndef f():\n    from a import b\n')) == [4]


# A light app

IMPORT = r"""
import importlib, pkgutil, re, sys

for name in sys.argv[1:]:
    found = importlib.import_module(name)
    for module in pkgutil.walk_packages(getattr(found, "__path__", ()), f"{name}."):
        # The scripts of the pages are run by Streamlit; they import other parts only.
        if not re.fullmatch(r"explorer\.views\.\w+", module.name):
            importlib.import_module(module.name)
print(sorted({"torch", "torchvision", "captum"} & set(sys.modules)))
"""


def heavy_modules_loaded_by(*names):
    """Which heavy libraries a fresh process has loaded after importing modules and all that they contain."""
    done = subprocess.run([sys.executable, "-c", IMPORT, *names], cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.strip().splitlines()[-1]


def test_the_apps_side_loads_no_torch():
    assert heavy_modules_loaded_by("explorer", "precompute.store", "precompute.measures", "precompute.errors") == "[]"


def test_the_command_line_starts_without_torch():
    assert heavy_modules_loaded_by("precompute.options", "precompute.__main__") == "[]"


def test_loading_torch_would_be_noticed():
    assert "torch" in heavy_modules_loaded_by("precompute.ablation.plain")


# Small pieces


def test_modules_are_short():
    lines = {name: len(text.splitlines()) for name, text in TEXTS.items()}
    assert {name: n for name, n in lines.items() if n > MAX_MODULE_LINES} == {}


def lines_of(function):
    body = function.body[1:] if ast.get_docstring(function) else function.body
    return body[-1].end_lineno - body[0].lineno + 1 if body else 0


def functions_of(tree):
    return [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]


def test_functions_are_short(trees):
    every = [(name, function) for name in NAMES for function in functions_of(trees[name])]
    assert len(every) > len(NAMES)
    assert [(name, function.name) for name, function in every if lines_of(function) > MAX_FUNCTION_LINES] == []


def test_the_length_of_a_function_is_that_of_its_body_without_the_docstring():
    (function,) = ast.parse('def f(a,\n      b):\n    """Say.\n\n    More."""\n    a = 1\n\n    return a\n').body
    assert lines_of(function) == 3


# One vocabulary


def other_words(tree):
    """Names given in a module that call a unit something else."""
    return [name for name in given_names(tree) if BANNED.search(METHOD.sub("", name)) and name not in PARTS]


def given_names(tree):
    """Every name that a module gives to something; names that come from elsewhere are not asked."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.id if isinstance(node, ast.Name) else node.attr
        elif isinstance(node, ast.alias) and node.asname:
            yield node.asname


def test_a_unit_is_called_a_unit(trees):
    assert {name: found for name in NAMES if (found := other_words(trees[name]))} == {}
    assert [name for name in NAMES if BANNED.search(Path(name).stem)] == []


def test_another_word_for_a_unit_would_be_noticed():
    source = "import a as filters\nclass FeatureMap: pass\ndef f(neuron, *, x): self.n_features = y = x.filter(neuron)"
    assert set(other_words(ast.parse(source))) == {"filters", "FeatureMap", "neuron", "n_features"}


# Linux, macOS and Windows

# What some of these systems lack, and where else a test of the system stands before it.
POSIX_ONLY = re.compile(
    r"\b(fcntl|resource|pwd|grp|termios)\.\w|\bos\.(fork|sysconf|uname|getuid|geteuid|mkfifo|killpg|setsid|O_DIRECTORY)\b"
    r"|\bsignal\.(SIGKILL|SIGALRM|SIGHUP|alarm|setitimer)\b|/proc/|/dev/shm"
)
GUARDED = {
    "precompute/images/loading.py": 1,  # shared memory of workers, which are forked: Linux alone has them
    "precompute/store/lock.py": 3,  # the one lock that there is
    "precompute/store/probe.py": 5,  # the limits of the process that tries a file
}


def posix_only(text):
    return [found[0] for found in POSIX_ONLY.finditer(text)]


def test_nothing_is_called_that_one_system_lacks():
    called = {name: posix_only(text) for name, text in TEXTS.items()}
    assert {name: found for name, found in called.items() if len(found) > GUARDED.get(name, 0)} == {}
    imported = [name for name, text in TEXTS.items() if re.search(r"import (fcntl|resource)", text)]
    assert [name for name in imported if 'sys.platform == "win32"' not in TEXTS[name]] == []


def test_a_call_that_one_system_lacks_would_be_noticed():
    assert len(posix_only('os.fork(); fcntl.flock(f, 1); os.sysconf("SC_PAGE_SIZE"); open("/proc/meminfo")')) == 4


# The picture of the floors


def test_the_floors_are_drawn_as_they_are():
    page, drawn = floors.PAGE.read_text("utf-8"), floors.PICTURE.read_text("utf-8")
    assert floors.with_tables(page) == page, "run `python -m tests.floors`"
    assert floors.picture() == drawn, "run `python -m tests.floors`"


@pytest.mark.parametrize("package", ["precompute", "explorer"])
def test_every_module_with_a_floor_has_a_sentence(package):
    rooms = [room for floor in floors.floors_of(package) for room in floor]
    assert all(room.sentence.endswith(".") for room in rooms)
