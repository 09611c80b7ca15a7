"""What tests of several parts need."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

# The machines that run the tests are shared: how long one example takes says nothing. On them a failure must repeat.
settings.register_profile("unitscope", deadline=None, derandomize=bool(os.environ.get("CI")))
settings.load_profile("unitscope")


@pytest.fixture(scope="session")
def real() -> Path:
    """Folder of the real networks and images; its tests skip where it is absent."""
    folder = Path(os.environ.get("UNITSCOPE_REAL", Path(__file__).parents[1] / "../shared/real")).resolve()
    if not folder.is_dir():
        pytest.skip(f"no real networks at {folder}: set UNITSCOPE_REAL to their folder")
    return folder
