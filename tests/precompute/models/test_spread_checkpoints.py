"""Checkpoints of training on several devices: read where one file holds all, otherwise refused with the way to one."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
from torch import nn

from precompute.errors import ModelError
from precompute.models.checkpoint_files import read_tensors

ROOT = Path(__file__).parents[3]


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(4, 2))


@pytest.fixture
def alone():
    """A group of one process, as of a training program that is started on one device."""
    if not dist.is_available():
        pytest.skip("this torch has no torch.distributed")
    dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    yield
    dist.destroy_process_group()


def assert_holds(tensors, expected):
    assert tensors.keys() == expected.keys()
    for name, tensor in expected.items():
        torch.testing.assert_close(tensors[name].tensor, tensor, rtol=0, atol=0)


def test_a_distributed_checkpoint_becomes_one_file_by_the_command_that_is_named(tmp_path, alone):
    from torch.distributed import checkpoint

    saved = network().state_dict()
    checkpoint.save({"model": saved}, checkpoint_id=str(tmp_path / "folder"))
    with pytest.raises(ModelError, match="is a distributed checkpoint") as refusal:
        read_tensors(tmp_path / "folder")
    command = str(refusal.value).split("`")[1].replace("FILE.pt", str(tmp_path / "one.pt")).split()
    subprocess.run([sys.executable, *command[1:]], check=True, capture_output=True)
    assert_holds(read_tensors(tmp_path / "one.pt"), {f"model.{name}": each for name, each in saved.items()})
    (part,) = (tmp_path / "folder").glob("*.distcp")
    with pytest.raises(ModelError, match="is one part of a distributed checkpoint"):
        read_tensors(part)


def test_what_a_sharded_network_gives_is_refused_and_what_it_gathers_is_read(tmp_path, alone):
    from torch.distributed.checkpoint.state_dict import StateDictOptions, get_model_state_dict
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard

    expected, sharded = network().state_dict(), network()
    fully_shard(sharded, mesh=init_device_mesh("cpu", (1,)))
    torch.save({"model": sharded.state_dict()}, tmp_path / "spread.pt")
    with pytest.raises(ModelError, match=r"spread over several processes .DTensor.\. Gather them"):
        read_tensors(tmp_path / "spread.pt")
    # A process that has not imported such tensors cannot read them at all.
    code = "from precompute.models.checkpoint_files import *; import sys; read_tensors(Path(sys.argv[1]))"
    fresh = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "spread.pt"], capture_output=True, text=True, cwd=ROOT
    )
    assert "ModelError" in fresh.stderr.splitlines()[-1]
    assert "Gather them before you save" in fresh.stderr.splitlines()[-1]
    gathered = get_model_state_dict(sharded, options=StateDictOptions(full_state_dict=True, cpu_offload=True))
    torch.save(gathered, tmp_path / "whole.pt")
    assert_holds(read_tensors(tmp_path / "whole.pt"), expected)


def test_what_deepspeed_leaves_is_read_or_refused_by_its_cause(tmp_path):
    saved = network().state_dict()
    folder = tmp_path / "run" / "global_step10"
    folder.mkdir(parents=True)
    (tmp_path / "run" / "latest").write_text("global_step10")
    file = folder / "mp_rank_00_model_states.pt"
    torch.save({"module": saved, "ds_version": "0.14", "global_steps": 10}, file)
    assert_holds(read_tensors(file), {f"module.{name}": each for name, each in saved.items()})
    for place in (tmp_path / "run", folder):
        with pytest.raises(ModelError, match=r"is a checkpoint of DeepSpeed\. The zero_to_fp32\.py"):
            read_tensors(place)
    spread = {name: each if "running" in name else torch.empty(0) for name, each in saved.items()}
    torch.save({"module": spread}, file)
    with pytest.raises(ModelError, match=r"7 of its 9 tensors are empty, such as module\.0\.weight.* \(ZeRO stage 3\)"):
        read_tensors(file)


def test_a_folder_of_transformers_or_accelerate_is_told_its_file(tmp_path):
    (tmp_path / "model.safetensors").write_bytes(b"")
    with pytest.raises(ModelError, match=r"give the file in it that holds the parameters, .*model\.safetensors"):
        read_tensors(tmp_path)
