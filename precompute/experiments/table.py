"""The experiments: one row each, with what a person has to know before asking for one. Loads nothing heavy."""

from dataclasses import dataclass

from precompute.errors import OptionError

_ANYWHERE = ("layers", "seed")
_WITH_NETWORK = ("images", "model", "weights", "device", "max_minutes", "images_per_class")


@dataclass(frozen=True)
class ExperimentRow:
    """One experiment.

    Parameters
    ----------
    name : str
        Its name on the command line and in the store.
    title : str
        Its name for readers.
    needs_network : bool
        Whether it runs the network on the images; otherwise the store alone is enough.
    options : tuple of str
        Which options it takes, by their names in :class:`precompute.experiments.options.ExperimentOptions`.
    source : str
        Where the method comes from.
    needs : str
        What else it needs and where from, a sentence; empty where network and images are enough.
    """

    name: str
    title: str
    needs_network: bool
    options: tuple[str, ...]
    source: str
    needs: str = ""


EXPERIMENTS: tuple[ExperimentRow, ...] = (
    ExperimentRow(
        "statistics",
        "Statistics of the drops",
        False,
        _ANYWHERE,
        "McNemar 1947; Westfall and Young 1993; Benjamini and Hochberg 1995; the drops of Zhou et al. 2018, "
        "arXiv:1806.02891",
    ),
    ExperimentRow(
        "selectivity",
        "Selectivity and information",
        False,
        (*_ANYWHERE, "max_minutes"),
        "Morcos et al. 2018, arXiv:1803.06959; Casper et al. 2021, arXiv:1912.04783; Oikarinen et al. 2025, "
        "arXiv:2506.05774",
    ),
    ExperimentRow(
        "responses",
        "Class correlation and zeros",
        True,
        (*_ANYWHERE, *_WITH_NETWORK),
        "Zhou et al. 2018, arXiv:1806.02891; Hu et al. 2016, arXiv:1607.03250",
    ),
    ExperimentRow(
        "cumulative",
        "Cumulative ablation",
        True,
        (*_ANYWHERE, *_WITH_NETWORK, "by", "classes"),
        "Morcos et al. 2018, arXiv:1803.06959; Bau et al. 2020, arXiv:2009.05041; prunability: Casper et al. 2021, "
        "arXiv:1912.04783",
    ),
    ExperimentRow(
        "compression",
        "Greedy compression",
        True,
        (*_ANYWHERE, *_WITH_NETWORK, "keep"),
        "Abbasi-Asl and Yu 2017, arXiv:1705.07356 and arXiv:1711.02329; colour: Rafegas et al. 2020, arXiv:1702.00382",
    ),
    ExperimentRow(
        "rotation",
        "Random rotation",
        True,
        (*_ANYWHERE, *_WITH_NETWORK),
        "Zhou et al. 2018, arXiv:1806.02891; the rotations of Bau et al. 2017, arXiv:1704.05796",
    ),
    ExperimentRow(
        "dissection",
        "Network dissection",
        True,
        (*_ANYWHERE, *_WITH_NETWORK, "masks", "quantile"),
        "Bau, Zhou, Khosla, Oliva and Torralba 2017, arXiv:1704.05796",
        "It needs masks of concepts: those that lie beside the images, or a folder named by --masks.",
    ),
    ExperimentRow(
        "entropy",
        "Feature entropy",
        True,
        (*_ANYWHERE, *_WITH_NETWORK, "entropy_rule", "train_images"),
        "Zhao and Zhang 2021, arXiv:2103.09716",
    ),
    ExperimentRow(
        "roles",
        "Four roles of units",
        True,
        (*_ANYWHERE, *_WITH_NETWORK, "train_images"),
        "our own definition; the question is that of Zhao and Zhang 2021, arXiv:2103.09716, whose definition we could "
        "not obtain",
        "It needs training images: those of a run with --train-images, or a folder named by --train-images here.",
    ),
    # Last, for it takes the measures that the others add.
    ExperimentRow(
        "correlations",
        "Measures against drops",
        False,
        _ANYWHERE,
        "Zhou et al. 2018, arXiv:1806.02891",
    ),
)


ATTRIBUTION = ExperimentRow(
    "attribution",
    "Attribution maps that a run left for later",
    True,
    ("layers", "units", "methods", "images", "model", "weights", "device"),
    "the methods of Captum",
)
"""What adds to the layers of a store and has no group of its own; so it is none of those above."""


def row_for(name: str) -> ExperimentRow:
    """Return the row of an experiment.

    Raises
    ------
    OptionError
        Where there is none of that name.
    """
    for row in EXPERIMENTS:
        if row.name == name:
            return row
    raise OptionError(f"There is no experiment {name!r}. Choose one of {', '.join(row.name for row in EXPERIMENTS)}.")
