"""The stages of a run by name: how long each is expected to take, and which of them several devices share."""

ANSWERS, MEANS, SWEEP, MERGE, EXEMPLARS = "answers", "unit means", "sweep", "merge", "exemplars"
STATISTICS, CHECK = "statistics", "check"

TRAINING = "training "
"""What the name of a stage begins with when the stage is about the training images."""

SHARES = {ANSWERS: 0.02, MEANS: 0.05, SWEEP: 0.6, MERGE: 0.05, EXEMPLARS: 0.3, STATISTICS: 0.02}
"""The stages that the progress shows, in order, and about what share of the time each takes."""

TRAINING_SHARES = {TRAINING + SWEEP: 1.2, TRAINING + MERGE: 0.1, TRAINING + EXEMPLARS: 0.1}
"""The stages that training images add, as multiples of the time of a run without training images."""

DIVIDED = frozenset({MEANS, SWEEP, EXEMPLARS})
"""The stages that several devices share, shard by shard; one process alone does the rest."""


def stage_shares(*, training: bool) -> dict[str, float]:
    """Return the stages of a run, with or without training images, and how long each takes beside the others."""
    return SHARES | (TRAINING_SHARES if training else {})
