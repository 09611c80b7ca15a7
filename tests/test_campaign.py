"""The long campaigns begin: one trial of the shortest, so that nobody finds out after hours that none could work."""

import subprocess
import sys

import pytest


@pytest.mark.long  # tests/precompute/test_run.py kills a run every day
def test_a_run_that_is_killed_once_ends_in_the_same_store():
    done = subprocess.run(
        [sys.executable, "-m", "tests.campaign", "kills", "--trials", "1", "--seed", "3"],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-400:] + done.stderr[-400:]
    assert done.stdout.strip().endswith("kills: 1 the same store")
