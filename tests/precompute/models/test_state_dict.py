import hashlib

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from precompute.errors import ModelError
from precompute.models.state_dict import load_into, plain_tensors, state_digest
from tests.precompute.models.test_checkpoints import equal, network


def test_a_network_without_values_is_not_filled():
    with torch.device("meta"):
        empty = network()
    with pytest.raises(ModelError, match=r"0\.weight, .* have no values to be replaced .*Build the network on the CPU"):
        load_into(empty, network().state_dict(), "here")


def test_lazy_modules_take_their_size_from_the_checkpoint():
    lazy = nn.Sequential(nn.LazyLinear(3))
    full = nn.Sequential(nn.Linear(2, 3))
    load_into(lazy, full.state_dict(), "here")
    assert equal(dict(lazy.state_dict()), dict(full.state_dict()))


def test_parameters_are_loaded():
    source, target = network(), nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(4, 2))
    source[1].running_mean.fill_(7)
    load_into(target, source.state_dict(), "here")
    assert equal(target.state_dict(), source.state_dict())


def test_old_checkpoints_without_a_count_of_batches_are_loaded():
    state = {name: value for name, value in network().state_dict().items() if "num_batches" not in name}
    target = network(seed=1)
    load_into(target, state, "here")
    assert equal({name: target.state_dict()[name] for name in state}, state)


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
