import pytest
import torch

from precompute.errors import OptionError
from precompute.models.device import exact_float32, pick_device


def switches():
    return (
        torch.get_float32_matmul_precision(),
        torch.backends.cuda.matmul.allow_tf32,
        torch.backends.cudnn.allow_tf32,
        torch.backends.cudnn.benchmark,
        torch.backends.mkldnn.matmul.fp32_precision,
        torch.backends.mkldnn.conv.fp32_precision,
    )


@pytest.fixture(params=["highest", "high", "medium"])
def fast(request):
    """Every short cut on, as a user's file may have left them; all as before at the end."""
    precision, tf32, benchmark = switches()[0], torch.backends.cudnn.allow_tf32, torch.backends.cudnn.benchmark
    torch.set_float32_matmul_precision(request.param)
    torch.backends.cudnn.allow_tf32 = torch.backends.cudnn.benchmark = True
    yield
    torch.set_float32_matmul_precision(precision)
    torch.backends.cudnn.allow_tf32, torch.backends.cudnn.benchmark = tf32, benchmark


def test_the_cpu_is_always_there():
    assert pick_device("cpu") == torch.device("cpu")


def test_auto_takes_the_best_device_there_is(monkeypatch):
    present = {"cuda": True, "mps": True}
    monkeypatch.setattr(torch.cuda, "is_available", lambda: present["cuda"])
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: present["mps"])
    assert pick_device("auto").type == "cuda"
    present["cuda"] = False
    assert pick_device("auto").type == "mps"
    present["mps"] = False
    assert pick_device("auto").type == "cpu"


@pytest.mark.parametrize("name", ["cuda", "mps"])
def test_an_absent_device_is_refused(name, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    with pytest.raises(OptionError, match=f"no {name} device.*--device cpu"):
        pick_device(name)


def test_an_unknown_device_is_answered_with_the_known():
    with pytest.raises(OptionError, match=r"'tpu'.*auto, cpu, cuda, mps"):
        pick_device("tpu")


@pytest.mark.usefixtures("fast")
def test_float32_is_exact_inside_the_block_only():
    before = switches()
    with exact_float32():
        assert switches() == ("highest", False, False, False, "ieee", "ieee")
    assert switches() == before


@pytest.mark.usefixtures("fast")
def test_the_switches_are_restored_after_an_error():
    before = switches()
    with pytest.raises(ZeroDivisionError), exact_float32():
        raise ZeroDivisionError
    assert switches() == before


def test_a_user_who_mixed_the_switches_is_served_too(fast):
    del fast
    torch.backends.cudnn.conv.fp32_precision = "ieee"
    with exact_float32():
        assert not torch.backends.cudnn.allow_tf32
    assert torch.backends.cudnn.conv.fp32_precision == "ieee"
    assert torch.backends.cudnn.rnn.fp32_precision == "tf32"


def test_products_are_those_of_the_cpu(device):
    a = torch.randn(512, 512)
    with exact_float32():
        torch.testing.assert_close((a.to(device) @ a.to(device)).cpu(), a @ a, atol=1e-4, rtol=1e-5)
