"""Which programs a store may name."""

import hashlib
from types import SimpleNamespace

import pytest

from precompute.errors import ModelError
from precompute.what_if.code_permission import permitted_spec


def sha(file):
    return hashlib.sha256(file.read_bytes()).hexdigest()


@pytest.fixture
def store(tmp_path):
    network, blocks = tmp_path / "network.py", tmp_path / "blocks.py"
    network.write_text("import blocks")
    blocks.write_text("")
    recorded = {"network_file_sha256": sha(network), "imported_files_sha256": {"blocks.py": sha(blocks)}}
    return SimpleNamespace(model=SimpleNamespace(spec=f"{network}:build"), provenance=recorded)


def test_the_files_that_the_run_had_may_be_run_again(store):
    assert permitted_spec(store, allowed=True) == store.model.spec
    store.provenance.pop("imported_files_sha256")  # by an earlier version
    assert permitted_spec(store, allowed=True) == store.model.spec


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda file: file.write_text("# changed"), "this is not the file that the run had"),
        (lambda file: file.unlink(), "there is no such file"),
    ],
    ids=["changed", "gone"],
)
def test_an_imported_file_that_is_another_one_is_not_run(store, tmp_path, change, said):
    change(tmp_path / "blocks.py")
    with pytest.raises(ModelError, match=rf"blocks\.py: {said}"):
        permitted_spec(store, allowed=True)
