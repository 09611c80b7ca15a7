"""Names that datasets had in earlier stores; the reader and the check treat them like the present names."""

RENAMED = {
    "max_drop_noise": "max_drop_ceiling",
    "max_class_drop_noise": "max_class_drop_expected",
    "max_class_drop_noise_mean": "max_class_drop_expected_mean",
    "class_selectivity_noise": "class_selectivity_expected",
}
"""The last part of a dataset's path: the earlier name, and the present name."""

_EARLIER = {now: before for before, now in RENAMED.items()}


def current(path: str) -> str:
    """Return a path, or a name, under its present name."""
    group, slash, name = path.rpartition("/")
    return f"{group}{slash}{RENAMED.get(name, name)}"


def earlier(path: str) -> str:
    """Return a path, or a name, under its name in earlier stores."""
    group, slash, name = path.rpartition("/")
    return f"{group}{slash}{_EARLIER.get(name, name)}"
