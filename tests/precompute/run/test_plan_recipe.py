"""A plan that another process completes."""

import pickle
from pathlib import Path

import torch

from precompute.models.load import load_model
from precompute.options import RunOptions
from precompute.run.plan_recipe import PlanRecipe
from precompute.run.planning import make_plan
from precompute.workers.recipe import Place
from tests.small import write_images, write_network

MOVES = """


def moving():
    import os
    os.chdir("elsewhere")
    return build()
"""


def test_relative_paths_are_found_though_the_networks_file_changes_the_current_folder(tmp_path, monkeypatch):
    spec = write_network(tmp_path)
    (tmp_path / "small.py").write_text((tmp_path / "small.py").read_text() + MOVES)
    (tmp_path / "elsewhere").mkdir()
    write_images(tmp_path / "images")
    monkeypatch.chdir(tmp_path)
    state = load_model(spec).network.state_dict()
    torch.save({name: 2 * values for name, values in state.items()}, "weights.pt")
    files = [path.relative_to(tmp_path) for path in Path("images").absolute().rglob("*.png")]
    Path("labels.csv").write_text("path,label\n" + "".join(f"{file},{file.parent.name}\n" for file in files))
    options = RunOptions(
        model="small.py:moving",
        weights="weights.pt",
        labels=Path("labels.csv"),
        layers=("features.3",),
        out=tmp_path / "small.h5",
        attribution=(),
        workers=0,
    )
    recipe = pickle.loads(pickle.dumps(PlanRecipe.of(make_plan(options))))
    assert Path.cwd() == tmp_path / "elsewhere"
    plan = recipe.build(Place(torch.device("cpu"))).plan
    assert torch.equal(plan.model.network.signed.weight, 2 * state["signed.weight"])
    assert plan.candidates.root == tmp_path
    assert Path.cwd() == tmp_path / "elsewhere"
