import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.nn.utils import prune

from precompute.errors import ModelError
from precompute.models.checkpoints import parameters_for, read_checkpoint, split_entry
from precompute.models.state_dict import load_into


def network(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(4, 2))


def state(seed=0, prefix=""):
    return {f"{prefix}{name}": tensor for name, tensor in network(seed).state_dict().items()}


def equal(first, second):
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


@pytest.fixture
def found(tmp_path):
    """Save what a training program might, and return what is found of the network in it."""

    def finding(content, entry="", own=None):
        torch.save(content, tmp_path / "saved.pt")
        checkpoint = read_checkpoint(f"{tmp_path}/saved.pt{entry and '::'}{entry}")
        return parameters_for(network(9) if own is None else own, checkpoint)

    return finding


# Where the parameters are


ENTRIES = [
    *("state_dict", "model_state_dict", "model", "net", "network", "params", "model_state", "weights", "anything"),
    *("ema", "state_dict_ema", "model_ema", "params_ema"),
]


@pytest.mark.parametrize("entry", ENTRIES)
def test_parameters_are_found_under_any_entry(found, entry):
    beside = {"epoch": 3, "optimizer": {"state": {0: {"momentum": torch.ones(4, 3, 3, 3)}}, "lr": 0.1}}
    parameters = found({**beside, entry: state()})
    assert equal(parameters.state, state())
    assert parameters.notes == ()


def test_parameters_are_found_one_level_deeper(found):
    assert equal(found({"checkpoint": {"model": state(), "step": 3}}).state, state())


def test_parameters_alone_need_no_word(found, tmp_path):
    parameters = found(state())
    assert equal(parameters.state, state())
    assert (parameters.source, parameters.notes) == (str(tmp_path / "saved.pt"), ())


PREFIXES = [
    *("model.", "net.", "backbone.", "module.", "_orig_mod.", "module._orig_mod.", "_orig_mod.module.", "_module."),
    *("module.model.", "model.module.", "model.backbone.", "classifier.net.model.", "model._orig_mod."),
]


@pytest.mark.parametrize("entry", [None, "state_dict"])
@pytest.mark.parametrize("prefix", PREFIXES)
def test_what_wrappers_put_before_the_names_is_taken_off(found, prefix, entry):
    saved = state(prefix=prefix)
    parameters = found({entry: saved} if entry else saved)
    assert equal(parameters.state, state())
    assert bool(parameters.notes) == (prefix != "_orig_mod.")


def test_lightnings_checkpoint_is_read_and_the_rest_of_it_named(found):
    beside = {"criterion.weight": torch.ones(2), "train_acc.tp": torch.zeros(2)}
    content = {"state_dict": {**state(prefix="model."), **beside}, "hyper_parameters": {"lr": 0.1}, "epoch": 3}
    parameters = found(content)
    assert equal(parameters.state, state())
    assert "under 'state_dict.model' are taken" in parameters.notes[0]
    assert "state_dict.criterion.weight, state_dict.train_acc.tp" in parameters.notes[1]


@pytest.mark.parametrize("name", ["criterion.weight", "loss.weight", "loss_fn.pos_weight", "train_loss.weight"])
def test_the_weights_of_a_loss_are_no_part_of_the_network(found, name):
    parameters = found({**state(), name: torch.ones(2)})
    assert equal(parameters.state, state())
    assert name in parameters.notes[0]


def test_a_child_that_is_called_module_keeps_its_name(found):
    class Own(nn.Module):
        def __init__(self):
            super().__init__()
            self.module, self.fc = nn.Linear(3, 4), nn.Linear(4, 2)

    saved = Own().state_dict()
    assert equal(found(saved, own=Own()).state, dict(saved))


def test_parts_that_ran_on_several_gpus_are_found(found):
    class Own(nn.Module):
        def __init__(self, wrap):
            super().__init__()
            self.features, self.fc = wrap(nn.Conv2d(3, 4, 3)), nn.Linear(4, 2)

    saved = Own(nn.DataParallel).state_dict()
    assert "features.module.weight" in saved
    parameters = found({"state_dict": saved}, own=Own(lambda part: part)).state
    assert set(parameters) == {"features.weight", "features.bias", "fc.weight", "fc.bias"}


def test_parts_that_were_saved_apart_are_put_together(found):
    class Own(nn.Module):
        def __init__(self):
            super().__init__()
            self.backbone, self.head = nn.Linear(3, 4), nn.Linear(4, 2)

    own = Own()
    content = {"backbone": own.backbone.state_dict(), "head": own.head.state_dict(), "epoch": 3}
    assert equal(found(content, own=Own()).state, dict(own.state_dict()))


def test_an_averaged_model_is_found_beside_its_count(found):
    averaged = torch.optim.swa_utils.AveragedModel(network())
    assert equal(found(averaged.state_dict()).state, state())


# Several sets of parameters


@pytest.mark.parametrize(
    ("plain", "averaged"),
    [
        *(("state_dict", "state_dict_ema"), ("model", "ema"), ("params", "params_ema"), ("model", "model_ema")),
        *(("net", "teacher"), ("state_dict", "averaged_model"), ("model", "swa_model")),
    ],
)
def test_plain_parameters_go_before_averaged_ones_and_the_run_says_so(found, tmp_path, plain, averaged):
    for content in ({plain: state(0), averaged: state(1)}, {averaged: state(1), plain: state(0)}):
        parameters = found(content)
        assert equal(parameters.state, state(0))
        assert parameters.source == f"{tmp_path}/saved.pt::{plain}"
        assert f"Those under '{plain}' are taken, not those under {averaged};" in parameters.notes[0]
        assert f"--weights {tmp_path}/saved.pt::{averaged}" in parameters.notes[0]


def test_averaged_parameters_in_the_same_dictionary_are_no_unknown_names(found):
    parameters = found({"state_dict": {**state(0, "model."), **state(1, "ema_model.module.")}})
    assert equal(parameters.state, state(0))
    assert "not those under state_dict.ema_model.module" in parameters.notes[0]
    assert len(parameters.notes) == 1


@pytest.mark.parametrize("entry", ["state_dict_ema", "deep.ema", "deep", "list.model"])
def test_an_entry_can_be_chosen(found, tmp_path, entry):
    content = {"state_dict": state(0), "state_dict_ema": state(1), "deep": {"ema": state(1, "module.")}}
    content["list"] = {"model": state(1)}
    parameters = found(content, entry)
    assert equal(parameters.state, state(1))
    assert parameters.source == f"{tmp_path}/saved.pt::{entry}"


def test_what_was_taken_is_taken_again_by_the_name_that_the_store_keeps(found):
    first = found({"state_dict": {**state(0, "model."), **state(1, "ema.")}})
    again = parameters_for(network(9), read_checkpoint(first.source))
    assert equal(again.state, first.state)
    assert again.source == first.source


def test_an_unknown_entry_is_answered_with_the_known(found):
    with pytest.raises(ModelError, match=r"saved\.pt has no tensors under 'ema'.*model, model_ema"):
        found({"model": state(0), "model_ema": state(1), "epoch": 3}, "ema")


def test_a_file_whose_name_looks_like_an_entry_is_a_file(tmp_path):
    torch.save(state(), tmp_path / "a::b")
    assert split_entry(str(tmp_path / "a::b")) == (tmp_path / "a::b", "")
    assert split_entry(str(tmp_path / "c::b.d.")) == (tmp_path / "c", "b.d")


@pytest.mark.parametrize(
    "content",
    [
        {"model": state(0), "best_model": state(1)},
        {"student": state(0), "other": state(1)},
        {"state_dict": {**state(0, "encoder_q."), **state(1, "encoder_k.")}},
        {"ema_1": state(0), "ema_2": state(1)},
        {**state(0), "model": state(1)},
    ],
)
def test_nothing_is_guessed_between_several_plain_ones(found, content):
    with pytest.raises(ModelError, match=r"saved\.pt holds the network's parameters more than once.*--weights .*::\w"):
        found(content)


def test_the_same_parameters_twice_are_no_choice(found):
    parameters = found({"model": state(0), "best": state(0)})
    assert equal(parameters.state, state(0))
    assert parameters.notes == ()


def test_sizes_decide_between_names_that_fit_alike(found):
    wide = {name: torch.zeros(*tensor.shape, 2) for name, tensor in state().items()}
    assert equal(found({"other": wide, "student": state()}).state, state())


# What does not fit


def test_another_network_is_refused_with_the_names_on_both_sides(found):
    with pytest.raises(ModelError, match=r"None of its 2 names .* has a\.weight, a\.b, the network 0\.weight"):
        found({"a.weight": torch.ones(1), "a.b": torch.ones(1)}, own=nn.Sequential(nn.Linear(1, 1), nn.Linear(1, 1)))


def test_a_network_that_almost_fits_is_told_under_which_beginning(found):
    saved = state(prefix="model.")
    del saved["model.0.bias"]
    saved["model.extra.weight"] = torch.ones(1)
    with pytest.raises(ModelError) as error:
        found({"state_dict": saved})
    message = str(error.value)
    assert "does not fit the network. It lacks 0.bias; it has the unknown extra.weight." in message
    assert "Most names fit under 'state_dict.model': 7 of 8." in message


def test_a_network_with_fewer_layers_than_the_checkpoint_is_refused(found):
    """All its parameters are found, but the checkpoint's network had more."""
    parameters = found({"state_dict": {**state(prefix="model."), "model.4.weight": torch.ones(1)}})
    with pytest.raises(ModelError, match=r"has the unknown 4\.weight"):
        load_into(network(), parameters.state, "here")


@given(st.sampled_from(PREFIXES), st.sampled_from(ENTRIES), st.sets(st.sampled_from(list(state())), min_size=1))
def test_no_network_is_taken_that_lacks_a_parameter(tmp_path_factory, prefix, entry, lost):
    path = tmp_path_factory.mktemp("lost") / "saved.pt"
    torch.save(
        {entry: {name: value for name, value in state(0, prefix).items() if name[len(prefix) :] not in lost}}, path
    )
    counts_only = all(name.endswith("num_batches_tracked") for name in lost)
    try:
        parameters_for(network(), read_checkpoint(path))
    except ModelError:
        assert not counts_only
    else:
        assert counts_only


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda tensor: tensor.to_sparse(), "3.weight is sparse"),
        (lambda tensor: tensor.to("meta"), "3.weight is on the meta device, without values"),
        (lambda tensor: torch.quantize_per_tensor(tensor, 0.1, 0, torch.qint8), "3.weight is quantised"),
        (lambda tensor: (tensor * 100).to(torch.int8), "3.weight is int8 where the network has float32"),
        (lambda tensor: tensor.to(torch.complex64), "3.weight is complex64 where the network has float32"),
    ],
)
@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_tensors_without_ordinary_numbers_are_refused(found, spoil, words):
    parameters = found({"model": {**state(), "3.weight": spoil(state()["3.weight"])}})
    with pytest.raises(ModelError, match=words):
        load_into(network(), parameters.state, "here")


# One tensor under two names


class Tied(nn.Module):
    def __init__(self, seed=0):
        super().__init__()
        torch.manual_seed(seed)
        self.a, self.b = nn.Linear(3, 3), nn.Linear(3, 3)
        self.b.weight = self.a.weight


@pytest.mark.parametrize("lost", ["a.weight", "b.weight"])
def test_a_tensor_that_the_network_has_under_two_names_may_be_stored_once(found, lost):
    saved = Tied().state_dict()
    parameters = found({"model": {name: tensor for name, tensor in saved.items() if name != lost}}, own=Tied(1))
    target = Tied(1)
    load_into(target, parameters.state, "here")
    assert equal(dict(target.state_dict()), dict(saved))


def test_a_tensor_that_is_stored_under_neither_of_its_names_is_missed(found):
    saved = {name: tensor for name, tensor in Tied().state_dict().items() if not name.endswith("weight")}
    with pytest.raises(ModelError, match="2 of 3"):
        found(saved, own=Tied(1))


def test_two_tensors_for_what_is_one_in_the_network_are_refused(found):
    saved = dict(Tied().state_dict())
    saved["b.weight"] = saved["b.weight"] + 1
    parameters = found(saved, own=Tied(1))
    with pytest.raises(
        ModelError, match=r"different values where .* one tensor under two names: b\.weight and a\.weight"
    ):
        load_into(Tied(1), parameters.state, "here")


def test_a_number_that_is_nan_is_not_said_to_differ_from_itself(found):
    saved = dict(Tied().state_dict())
    saved["a.weight"] = saved["b.weight"] = saved["a.weight"] * float("nan")
    target = Tied(1)
    load_into(target, found(saved, own=Tied(1)).state, "here")
    assert target.a.weight.isnan().all()


# What else the file says


def test_adapters_that_would_be_left_out_are_refused(found):
    adapters = {"3.lora_A.weight": torch.ones(2, 4), "3.lora_B.weight": torch.ones(2, 2)}
    with pytest.raises(ModelError, match=r"holds adapters\.3\.lora_A\.weight, .*merge them"):
        found({"model": state(), "adapters": adapters})
    assert equal(found({"model": state(), "adapters": adapters}, "model").state, state())


def wrapped_in_peft(saved):
    return {name.replace("3.", "3.base_layer."): value for name, value in saved.items()} | {"3.lora_A.x": torch.ones(1)}


@pytest.mark.parametrize(
    ("wrap", "words"),
    [
        (lambda own: nn.utils.parametrizations.weight_norm(own[0]), "weight normalisation"),
        (lambda own: nn.utils.parametrizations.spectral_norm(own[0]), "take it off before you save"),
        (lambda own: prune.l1_unstructured(own[0], "weight", 0.5), "prune.remove"),
    ],
)
def test_a_weight_that_is_computed_from_others_is_told(found, wrap, words):
    own = network()
    wrap(own)
    with pytest.raises(ModelError, match=words):
        found(own.state_dict())


def test_adapters_around_a_layer_are_told(found):
    with pytest.raises(ModelError, match="merge them into these before you save"):
        found(wrapped_in_peft(state()))


def test_a_part_of_a_checkpoint_is_told_by_its_name(tmp_path):
    path = tmp_path / "model-00001-of-00002.bin"
    torch.save({name: state()[name] for name in list(state())[:3]}, path)
    with pytest.raises(ModelError, match="part 1 of 2, and the others hold the rest"):
        parameters_for(network(), read_checkpoint(path))


def test_layers_in_other_entries_are_listed_and_what_an_optimiser_keeps_is_not(found):
    content = {"net": state(), "head": {"weight": torch.ones(1)}, "optimizer": {"exp_avg": {"0.w": torch.ones(1)}}}
    assert found(content).notes == ("Left aside, since the network has no such parameters: head.weight.",)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_numbers_of_another_precision_are_told_and_loaded(found, dtype):
    saved = {name: tensor.to(dtype) for name, tensor in state().items()}
    parameters = found(saved)
    word = str(dtype).removeprefix("torch.")
    assert parameters.notes == (f"8 of the network's tensors are {word} in the file; the network has them as float32.",)
    target = network(9)
    load_into(target, parameters.state, "here")
    assert torch.equal(target[3].weight, saved["3.weight"].float())
