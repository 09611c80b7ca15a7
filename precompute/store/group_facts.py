"""The facts of the format: short texts and numbers that describe the file, its groups and its datasets."""

from precompute.store.entry import Fact

FORMAT = "unit-store"
LAYER = "/layers/<layer>"

LOGITS, LOG_OF_PROBABILITIES = "logits", "log of probabilities"
"""Values of a baseline's fact `log_prob` where there are log-probabilities; any other text says why there are none."""

ROOT_FACTS: dict[str, Fact] = {
    "format": Fact("text", f"`{FORMAT}`."),
    "version": Fact("integer", "The major version of the format."),
    "complete": Fact("yes/no", "Whether the file is whole; written last."),
    "created": Fact("text", "When the file was begun, ISO 8601 with the offset from UTC."),
    "keep": Fact(
        "text",
        "What it keeps of every unit on every image: `all`, or `sums` alone, and then no dataset whose first axes are "
        "unit and image. Older stores: `all`.",
        required=False,
    ),
    "provenance": Fact(
        "text",
        "How the store came to be, a JSON object; its `conditions` say under what conditions the numbers are right.",
    ),
}
GROUP_FACTS: dict[str, dict[str, Fact]] = {
    "/model": {
        "spec": Fact("text", "What loads the network again: a name, or a file by its absolute path and a function."),
        "weights": Fact("text", "Which weights it has."),
        "n_outputs": Fact("integer", "How many outputs it has, at least as many as there are classes."),
        "input_size": Fact("integers", "Shape of one input: channels, height, width."),
    },
    "/classes": {
        "mapping": Fact("text", "How the classes were matched to the network's outputs, in words.", required=False),
    },
    "/images": {
        "root": Fact("text", "Absolute path of the image folder at the time of the run."),
        "list_hash": Fact("text", "The list hash: which images these are, wherever their folder lies."),
    },
    "/baseline": {
        "log_prob": Fact(
            "text",
            "What log-probabilities are of: the softmax of `logits`, or the `log of probabilities` that the network "
            "returns; otherwise why they, and every `log_prob_change`, are left out. Older stores: `logits`.",
            required=False,
        ),
    },
    "/layers": {},
    LAYER: {
        "order": Fact("integer", "Position in the network, by call order."),
        "kind": Fact("text", "Class name of the module, such as `ReLU`."),
        "n_units": Fact("integer", "Number of units."),
        "spatial_shape": Fact("integers", "Height and width of a unit's map; empty in layers without space."),
        "unit_dimension": Fact(
            "integer",
            "The dimension of the layer's output that its units lie on: 1, or -1 for the last; 1 where it is absent.",
            required=False,
        ),
        "positions": Fact(
            "text",
            "How a unit's positions are arranged: `grid`, `tokens` (the picture's tokens are the cells of the map, row "
            "by row) or `none`; where it is absent, `grid` if there is a map.",
            required=False,
        ),
        "other_tokens": Fact(
            "integer",
            "How many tokens apart from the picture it has. Older stores: as many as `activation/other_tokens`.",
            required=False,
        ),
        "part": Fact(
            "integers",
            "Where a unit's map begins and ends in the network's input: top, left, bottom, right, in millionths of the "
            "input's height and width; below 0 or above 1,000,000 beyond it. Absent where a map covers the whole input "
            "up to half a cell, or where its place is not known.",
            required=False,
        ),
    },
    f"{LAYER}/measure/<name>": {
        "label": Fact("text", "Its name for readers."),
        "formula": Fact("text", "How it is computed, in one line."),
        "source": Fact("text", "Where the definition comes from; may be empty."),
        "range": Fact("text", "The values it can take."),
        "kind": Fact(
            "text",
            "What it is: `quantity`, of the unit; `drop`, accuracy lost without it; `effect`, another effect of that; "
            "`chance`, how sure another measure is or what chance makes of it; `class`, `concept`, an index; `flag`, 0 "
            "or 1. Absent in older stores.",
            required=False,
        ),
        "better": Fact("text", "`higher` or `lower` where a reader looks for one end first, otherwise `neither`."),
        "based_on": Fact("text", "The dataset that class selectivity was computed from.", required=False),
        "experiment": Fact("text", "The experiment that added it; absent where the run did.", required=False),
    },
    f"{LAYER}/attribution/<method>": {
        "left_out": Fact("text", "Why there is no map: the method cannot be right for this layer.", required=False),
        "of": Fact(
            "text", "What is attributed, where it is not the unit's activation as it is stored.", required=False
        ),
    },
}
"""Facts of groups, and further facts of measures. Groups without placeholders in their path must be there."""

DATASET_FACTS: dict[str, Fact] = {
    "axes": Fact("texts", "The named axes in order; none where they are the network's own."),
    "unit": Fact("text", "Unit of measurement of the values."),
    "doc": Fact("text", "What the values mean."),
}
STAMP_FACTS: dict[str, dict[str, Fact]] = {
    "every group": {
        "members": Fact("text", "How many members it has, and their names; see the rules.", required=False),
    },
    "every dataset": {
        "values": Fact("text", "A checksum of its values; see the rules.", required=False),
    },
    "every group and dataset": {
        "checksum": Fact("text", "A checksum of the other facts, and their names; see the rules.", required=False),
    },
}
"""Facts that are written last, by which later changes of the rest are found."""
