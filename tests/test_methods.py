"""The folds of docs/methods.md, "Recompute it yourself", run as they stand on the demo store."""

import os
import re
import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest

from precompute.__main__ import main
from precompute.store.experiments import registry

METHODS = (Path(__file__).parents[1] / "docs" / "methods.md").read_text()
FOLDS = re.findall(r"<summary>Recompute it yourself: (.*?)</summary>\n\n```python\n(.*?)```", METHODS, re.DOTALL)
STORE = '"runs/demo.h5"'
QUICK = ["--images-per-class", "4", "--max-minutes", "0.05"]
NOT_FROM_ITS_GROUP = {"selectivity"}
"""Its number is a measure of the layer."""


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """A copy of the demo store with every experiment, on few images."""
    named = os.environ.get("UNITSCOPE_DEMO_STORE")
    if not named:
        pytest.skip("no demo store: `make test` builds one and names it by UNITSCOPE_DEMO_STORE")
    path = shutil.copyfile(named, tmp_path_factory.mktemp("methods") / "demo.h5")
    masks = str(Path(named).parent / "demo-images" / "masks")
    assert main(["experiment", "all", str(path), "--layer", "features.10", *QUICK, "--masks", masks]) == 0
    # Its fold takes all images of the store, and roles are quickly told.
    assert main(["experiment", "roles", str(path), "--layer", "features.10"]) == 0
    return path


@pytest.mark.parametrize("what", [what for what, _ in FOLDS])
def test_what_the_store_holds_is_what_a_reader_computes(store, what):
    code = dict(FOLDS)[what]
    assert STORE in code
    names: dict = {}
    exec(code.replace(STORE, repr(str(store))), names)
    mine, stored = (np.asarray(names[name], dtype=float) for name in ("mine", "stored"))
    assert mine.shape == stored.shape
    assert not np.isnan(stored).all()
    # A hundredth, for chance that is drawn; what is counted agrees to the store's precision.
    np.testing.assert_allclose(mine, stored, rtol=1e-3, atol=0.01 if "rng" in names else 1e-5)


def test_every_experiment_has_a_fold_of_about_ten_lines():
    code = "\n".join(code for _, code in FOLDS)
    for name in registry.NAMES:
        assert f"experiments/{name}" in code or name in NOT_FROM_ITS_GROUP, (
            f"docs/methods.md lacks a fold “Recompute it yourself” that reads experiments/{name}"
        )
    for of, code in FOLDS:
        assert len(code.strip().splitlines()) <= 24, f"the fold of {of} in docs/methods.md has more than 24 lines"
    assert "import torch" not in code


def test_the_folds_read_only_what_the_format_names(store):
    with h5py.File(store) as file:
        assert set(registry.NAMES) <= set(file["experiments"])
