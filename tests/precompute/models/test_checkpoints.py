import argparse
import hashlib

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from precompute.errors import ModelError
from precompute.models.checkpoints import load_into, plain_tensors, read_checkpoint, state_digest


class Callback:
    """Runs code when it is unpickled."""

    def __reduce__(self):
        return print, ("this must never be printed",)


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(4, 2))


def equal(first, second):
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize(
    "wrap",
    [
        lambda state: state,
        lambda state: {"epoch": 3, "state_dict": state},
        lambda state: {"model_state_dict": state, "optimizer": {"lr": 0.1}},
        lambda state: {"model": state},
    ],
)
def test_parameters_are_found_where_training_scripts_put_them(tmp_path, wrap, zipped):
    state = dict(network().state_dict())
    torch.save(wrap(state), tmp_path / "saved.pt", _use_new_zipfile_serialization=zipped)
    assert equal(read_checkpoint(tmp_path / "saved.pt"), state)


@pytest.mark.parametrize("prefix", ["module.", "_orig_mod.", "module._orig_mod.", "_orig_mod.module."])
def test_prefixes_of_wrappers_are_stripped(tmp_path, prefix):
    torch.save({f"{prefix}fc.weight": torch.ones(2)}, tmp_path / "saved.pt")
    assert list(read_checkpoint(tmp_path / "saved.pt")) == ["fc.weight"]


@pytest.mark.parametrize("names", [["a.module.weight"], ["module.weight", "fc.weight"]])
def test_a_child_that_is_called_module_keeps_its_name(tmp_path, names):
    torch.save(dict.fromkeys(names, torch.ones(2)), tmp_path / "saved.pt")
    assert list(read_checkpoint(tmp_path / "saved.pt")) == names


def test_parts_that_were_compiled_keep_the_rest_of_their_name(tmp_path):
    torch.save({"layer1._orig_mod.conv.weight": torch.ones(2)}, tmp_path / "saved.pt")
    assert list(read_checkpoint(tmp_path / "saved.pt")) == ["layer1.conv.weight"]


@pytest.mark.parametrize(
    "content",
    [network(), {"state_dict": {"w": torch.ones(1)}, "args": argparse.Namespace(lr=1)}, {"x": Callback()}],
    ids=["a whole module", "a namespace beside", "a hostile object"],
)
def test_a_file_that_would_run_code_is_refused(tmp_path, content, capsys):
    torch.save(content, tmp_path / "saved.pt")
    with pytest.raises(ModelError, match=r"saved\.pt is more than tensors.*torch\.save\(network\.state_dict"):
        read_checkpoint(tmp_path / "saved.pt")
    assert "never" not in capsys.readouterr().out


def truncated(path):
    torch.save(network().state_dict(), path)
    return path.read_bytes()[:-200]


@pytest.mark.parametrize("content", [lambda _: b"", lambda _: b"hello, this is text", truncated])
def test_a_file_that_is_no_checkpoint_is_refused(tmp_path, content):
    path = tmp_path / "saved.pt"
    path.write_bytes(content(path))
    with pytest.raises(ModelError, match=r"saved\.pt is not a checkpoint"):
        read_checkpoint(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ModelError, match=r"no checkpoint file .*nowhere\.pt"):
        read_checkpoint(tmp_path / "nowhere.pt")


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ({}, "nothing"),
        ([torch.ones(1)], "list"),
        ({"epoch": 3, "net": {"w": torch.ones(1)}}, "epoch, net"),
        ({"state_dict": {"w": 3}}, "entries w"),
    ],
)
def test_a_file_without_parameters_is_refused(tmp_path, content, found):
    torch.save(content, tmp_path / "saved.pt")
    with pytest.raises(ModelError, match=f"holds no parameters.*{found}"):
        read_checkpoint(tmp_path / "saved.pt")


def test_parameters_are_loaded():
    source, target = network(), nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(4, 2))
    source[1].running_mean.fill_(7)
    load_into(target, source.state_dict(), "here")
    assert equal(target.state_dict(), source.state_dict())


def test_old_checkpoints_without_a_count_of_batches_are_loaded():
    state = {name: value for name, value in network().state_dict().items() if "num_batches" not in name}
    load_into(network(), state, "here")


def test_a_checkpoint_that_does_not_fit_is_told_by_all_its_faults():
    state = dict(network().state_dict())
    del state["0.bias"]
    state["extra.weight"] = torch.ones(1)
    state["3.weight"] = torch.ones(10, 4)
    with pytest.raises(ModelError) as error:
        load_into(network(), state, "here.pt")
    message = str(error.value)
    assert "here.pt" in message
    assert "lacks 0.bias;" in message
    assert "has the unknown extra.weight;" in message
    assert "3.weight is 10×4 where the network has 2×4." in message


def test_a_long_list_of_faults_is_cut():
    state = {f"layer{i}": torch.ones(1) for i in range(9)} | dict(network().state_dict())
    with pytest.raises(ModelError, match="layer0, layer1, layer2, layer3 and 5 more"):
        load_into(network(), state, "here")


def test_a_checkpoint_that_does_not_fit_changes_nothing():
    target = network()
    before = state_digest(target)
    state = {name: value + 1 for name, value in target.state_dict().items()} | {"3.weight": torch.ones(1)}
    with pytest.raises(ModelError):
        load_into(target, state, "here")
    assert state_digest(target) == before


def test_the_digest_is_that_of_the_definition():
    conv = nn.Conv2d(1, 1, 1)
    expected = hashlib.sha256()
    expected.update(b"bias torch.float32 (1,)\n" + conv.bias.detach().numpy().tobytes())
    expected.update(b"weight torch.float32 (1, 1, 1, 1)\n" + conv.weight.detach().numpy().tobytes())
    assert state_digest(conv) == expected.hexdigest()


def test_the_digest_does_not_depend_on_the_order_of_registration():
    a, b = nn.Linear(2, 2), nn.Linear(2, 3)
    assert state_digest(nn.ModuleDict({"a": a, "b": b})) == state_digest(nn.ModuleDict({"b": b, "a": a}))


@given(st.integers(0, 3), st.sampled_from([torch.float32, torch.bfloat16, torch.float16]))
def test_the_digest_depends_on_every_value_and_type(place, dtype):
    first, second = nn.Linear(2, 2, bias=False).to(dtype), nn.Linear(2, 2, bias=False).to(dtype)
    second.load_state_dict(first.state_dict())
    assert state_digest(first) == state_digest(second)
    second.weight.data.view(-1)[place] += 1
    assert state_digest(first) != state_digest(second)
    assert state_digest(first) != state_digest(first.double())


def test_plain_tensors_are_numpy_arrays_of_every_parameter_and_buffer():
    source = network()
    arrays = plain_tensors(source)
    assert arrays.keys() == source.state_dict().keys()
    np.testing.assert_array_equal(arrays["3.weight"], source[3].weight.detach().numpy())
    assert arrays["1.num_batches_tracked"].dtype == np.int64


def test_bfloat16_becomes_float32_without_loss():
    source = nn.Linear(3, 2).bfloat16()
    weight = plain_tensors(source)["weight"]
    assert weight.dtype == np.float32
    assert torch.equal(torch.from_numpy(weight).bfloat16(), source.weight)


def test_float16_stays_as_it_is():
    assert plain_tensors(nn.Linear(3, 2).half())["weight"].dtype == np.float16
