"""Whole commands on a device other than the CPU: the store is the one that the CPU makes."""

from types import SimpleNamespace

import h5py
import numpy as np
import pytest
import torch

from precompute.__main__ import main
from precompute.experiments import restored_run, runner
from precompute.run import planning
from precompute.store.check import check
from precompute.store.experiments import registry
from tests.small import write_images, write_network


@pytest.fixture
def commands(device, monkeypatch, tmp_path):
    """What runs the small job, then every experiment that runs the network, and returns the store."""
    model, images = write_network(tmp_path), write_images(tmp_path / "images")
    on_devices = [spec for spec in registry.specs() if spec.needs_network]
    monkeypatch.setattr(runner, "registry", SimpleNamespace(specs=lambda: on_devices, spec_of=registry.spec_of))

    def run(name, where):
        for module in (planning, restored_run):
            monkeypatch.setattr(module, "pick_device", lambda _: where)
        out = tmp_path / f"{name}.h5"
        words = [
            "--ablation",
            "zero",
            "--ablation",
            "mean",
            "--attribution",
            "guided_backpropagation",
            "--workers",
            "0",
        ]
        assert main(["run", model, "--images", str(images), "--layer", "features.4", "--out", str(out), *words]) == 0
        assert main(["experiment", "all", str(out)]) == 0
        return out

    return run


def differences(found, expected):
    """Say which arrays are not alike: counts and predictions to the last one, the rest but for rounding."""
    with h5py.File(found) as ours, h5py.File(expected) as theirs:
        arrays = []
        theirs.visititems(lambda name, item: arrays.append(name) if isinstance(item, h5py.Dataset) else None)
        return [name for name in arrays if name not in ours or not _alike(ours[name][()], theirs[name][()])]


def _alike(a, b):
    if np.shape(a) != np.shape(b):
        return False
    kind = getattr(a, "dtype", np.dtype(object)).kind
    if kind == "O" and np.ndim(a):
        return all(_alike(x, y) for x, y in zip(a, b, strict=True))
    return np.allclose(a, b, atol=2e-3, rtol=2e-3, equal_nan=True) if kind == "f" else np.array_equal(a, b)


def test_the_store_is_that_of_the_cpu(device, commands, capsys):
    there = commands("there", device)
    said = capsys.readouterr()
    assert "whole forward passes" not in said.out, "the engine did not run"
    assert "could not" not in said.out + said.err
    assert check(there) == []
    assert differences(there, commands("here", torch.device("cpu"))) == []
