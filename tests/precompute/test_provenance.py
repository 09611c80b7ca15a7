"""The commit that a store names is the one that made it, or says that it may not be."""

import subprocess

import pytest

from precompute import provenance
from precompute.provenance import git_commit


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ("", "abc"),
        (" M precompute/errors.py", "abc (changed)"),
        (subprocess.TimeoutExpired("git", 10), "abc (perhaps changed)"),
        (subprocess.CalledProcessError(128, "git"), "abc (perhaps changed)"),
    ],
)
def test_a_commit_is_named_as_it_is_only_where_nothing_was_changed_since(changes, said, monkeypatch):
    def run(words, **_):
        if "rev-parse" in words:
            return subprocess.CompletedProcess(words, 0, "abc\n", "")
        if isinstance(changes, Exception):
            raise changes
        return subprocess.CompletedProcess(words, 0, changes, "")

    monkeypatch.setattr(provenance.subprocess, "run", run)
    assert git_commit() == said


def test_outside_git_there_is_no_commit(monkeypatch):
    def run(words, **_):
        raise FileNotFoundError("git")

    monkeypatch.setattr(provenance.subprocess, "run", run)
    assert git_commit() is None
