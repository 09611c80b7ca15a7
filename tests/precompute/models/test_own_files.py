"""Which files and libraries a network is made of."""

import hashlib
import sys
from importlib.metadata import version

from precompute.models.own_files import imported_digests, library_versions

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


def test_versions_are_those_of_the_libraries_that_make_the_network(tmp_path):
    assert library_versions("resnet18") == {}
    assert library_versions("timm:resnet18") == {"timm": version("timm")}
    assert list(library_versions("hf:folder")) == ["transformers"]
    assert library_versions(write(tmp_path, FILES)) == {"timm": version("timm")}


def test_a_network_without_a_file_of_its_own_imports_nothing():
    assert imported_digests("resnet18") == imported_digests("timm:resnet18") == {}
