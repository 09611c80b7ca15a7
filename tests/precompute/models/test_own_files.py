"""Which files and libraries a network is made of."""

import hashlib
import sys
import sysconfig
from importlib.metadata import version
from pathlib import Path

from precompute.models.load import load_model
from precompute.models.own_files import imported_digests, library_versions
from precompute.models.user_file import _loaded_from

FILES = {
    "network.py": "import blocks\nfrom parts import head as h\nimport torch, numpy, json\ndef build(): ...",
    "blocks.py": "def later():\n    import deep.inner\n",
    "unused.py": "",
    "deep/__init__.py": "from . import beside",
    "deep/inner.py": "from .. import top\nimport timm.layers",
    "deep/beside.py": "syntax error(",
    "parts/__init__.py": "",
    "parts/head.py": "from .neck import Neck",
    "parts/neck.py": "import blocks",
    "top.py": "import no_such_module",
}


def write(folder, files):
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return f"{folder / 'network.py'}:build"


def test_files_that_are_imported_on_any_way_are_told_apart_from_others(tmp_path):
    spec = write(tmp_path, FILES)
    found = imported_digests(spec)
    assert sorted(found) == sorted(FILES.keys() - {"network.py", "unused.py"})
    assert found["top.py"] == hashlib.sha256(b"import no_such_module").hexdigest()
    (tmp_path / "deep" / "beside.py").write_text("")
    assert {name for name, digest in imported_digests(spec).items() if digest != found[name]} == {"deep/beside.py"}


def test_a_folder_that_is_imported_from_is_looked_at_and_libraries_are_not(tmp_path, monkeypatch):
    spec = write(tmp_path, {"network.py": "import elsewhere, einops_of_mine", "other/elsewhere.py": ""})
    library = tmp_path / "site-packages"
    library.mkdir()
    (library / "einops_of_mine.py").write_text("")
    monkeypatch.setattr(sys, "path", [str(tmp_path / "other"), str(library), *sys.path])
    assert list(imported_digests(spec)) == ["other/elsewhere.py"]


def test_files_whose_names_are_made_while_the_network_is_made_are_known(tmp_path):
    text = "import importlib\nfrom torch import nn\ndef build():\n    importlib.import_module('par' + 'ts.head')\n"
    files = {
        "network.py": text + "    return nn.Linear(2, 2)\n",
        "parts/__init__.py": "",
        "parts/head.py": "import neck",
    }
    spec = write(tmp_path, files | {"neck.py": "", "unused.py": "", "site-packages/library.py": ""})
    assert imported_digests(spec) == {}
    loaded = load_model(spec).files
    assert sorted(imported_digests(spec, loaded)) == ["neck.py", "parts/__init__.py", "parts/head.py"]
    assert load_model(spec).files == loaded


def test_modules_of_python_are_no_files_of_a_network_in_a_folder_above_them():
    assert _loaded_from(Path(sysconfig.get_path("stdlib")).parent) == ()


def test_versions_are_those_of_the_libraries_that_make_the_network(tmp_path):
    assert library_versions("resnet18") == {}
    assert library_versions("timm:resnet18") == {"timm": version("timm")}
    assert list(library_versions("hf:folder")) == ["transformers"]
    assert library_versions(write(tmp_path, FILES)) == {"timm": version("timm")}


def test_a_network_without_a_file_of_its_own_imports_nothing():
    assert imported_digests("resnet18") == imported_digests("timm:resnet18") == {}
