"""What a store keeps for every unit on every image: all numbers, or sums only.

The datasets over unit and image take most of the space of a store of many images. A run with ``--keep sums`` leaves
them out. Everything that needs one of them refuses in the same words.
"""

ALL, SUMS = "all", "sums"
KEPT = (ALL, SUMS)

ACTIVATIONS = "how strongly each unit fires on each image"
CHANGES = "how each image's log-probability changes without each unit"
ON_TOKENS = "how strongly each unit fires on the tokens apart from the picture"


def lacks(what: str) -> str:
    """Say that a store of sums lacks something, and how to get it.

    Parameters
    ----------
    what : str
        What it lacks, such as :data:`ACTIVATIONS`.
    """
    return f"This store keeps sums only and lacks {what}. A run with --keep all keeps it."
