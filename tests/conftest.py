"""What tests of several parts need."""

import os
import signal
import sys
from pathlib import Path

import pytest
from hypothesis import settings

# The machines that run the tests are shared: how long one example takes says nothing. On them a failure must repeat.
# Every run draws other examples, so a few a day are many in time; `make test-long` draws many at once.
usual = settings(deadline=None, derandomize=bool(os.environ.get("CI")))
settings.register_profile("everyday", usual, max_examples=30)
settings.register_profile("long", usual, max_examples=300)
settings.load_profile("everyday")

# A shell's background jobs begin with Ctrl-C ignored, and what they start inherits that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def _same_draws():
    """Start torch's draws anew: a test sees the same numbers whichever tests ran before it in its process."""
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(0)


@pytest.fixture(scope="session")
def real() -> Path:
    """Folder of the real networks and images; its tests skip where it is absent."""
    folder = Path(os.environ.get("UNITSCOPE_REAL", Path(__file__).parents[1] / "../shared/real")).resolve()
    if not folder.is_dir():
        pytest.skip(f"no real networks at {folder}: set UNITSCOPE_REAL to their folder")
    return folder


@pytest.fixture(params=["second", pytest.param("cuda", marks=pytest.mark.gpu)])
def device(request):
    """A device that is not the CPU: one that is made up, and CUDA's where there is one."""
    import torch

    from tests.second_device import second_device

    if request.param == "second":
        with second_device() as made_up:
            yield made_up
    elif torch.cuda.is_available():
        yield torch.device("cuda")
    else:
        pytest.skip("no CUDA device")


def pytest_collection_finish(session):
    """Have the made-up device known before any test runs a backward pass, where a test is about it."""
    if any("device" in getattr(item, "fixturenames", ()) for item in session.items):
        import tests.second_device  # noqa: F401


_real = {"ran": 0, "skipped": 0}


def pytest_runtest_logreport(report):
    """Count the tests on real networks: a skip is told in set-up, anything else by the call."""
    if "real" in report.keywords:
        _real["skipped"] += report.skipped
        _real["ran"] += report.when == "call" and not report.skipped


def pytest_unconfigure(config):
    """Say last of all whether the real networks were there."""
    if hasattr(config, "workerinput"):
        return
    if _real["ran"]:
        print(f"Real networks and images: {_real['ran']} tests ran.")
    elif _real["skipped"]:
        print(f"Real networks and images: absent, {_real['skipped']} tests skipped; UNITSCOPE_REAL names their folder.")
