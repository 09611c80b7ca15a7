"""The specification of ``roles``: units for training images and for held-out images."""

from precompute.store.entry import Entry
from precompute.store.experiments.spec import OF_ANY, OF_SWEEPS, ExperimentSpec
from precompute.store.keep import CHANGES

_ROLES = "/experiments/roles"
_ABLATED = f"{_ROLES}/layers/<layer>/ablation/<kind>"
_NO_IMAGE = "for a class without images in the set"
_ONE_IMAGE = "for a class with fewer than two images in the set"
_EITHER = "for a class without images in either set"
_CODES = "0 undetermined, 1 helps both, 2 helps training only, 3 helps held-out only, 4 helps neither"


def _effects(which: str, axes: tuple[str, ...], over: str, nan: tuple[str, str]) -> tuple[Entry, ...]:
    return tuple(
        entry
        for name, images in (("training", "training images"), ("held_out", "the images of the run"))
        for entry in (
            Entry(
                f"{_ABLATED}/{which}{name}",
                "f4",
                axes,
                "nat",
                f"Mean fall of the true class's log-odds without the unit, on {images}{over}.",
                nan=nan[0],
            ),
            Entry(f"{_ABLATED}/{which}{name}_error", "f4", axes, "nat", "Its standard error.", nan=nan[1]),
            *(
                Entry(
                    f"{_ABLATED}/{which}{name}_{end}",
                    "f4",
                    axes,
                    "nat",
                    f"{limit} limit of its 95 % interval, which allows for skewness (Hall 1992).",
                    required=False,
                    nan=nan[1],
                )
                for end, limit in (("low", "Lower"), ("high", "Upper"))
            ),
        )
    )


def _roles(which: str, axes: tuple[str, ...], of: str) -> tuple[Entry, ...]:
    return (
        Entry(f"{_ABLATED}/{which}role", "i4", axes, "role", f"Role of the unit{of}: {_CODES}."),
        Entry(
            f"{_ABLATED}/{which}role_q",
            "f8",
            axes,
            "probability",
            "False discovery rate at which the role that fits best would just be given.",
            nan=_EITHER,
        ),
        Entry(
            f"{_ABLATED}/{which}control_role",
            "i4",
            axes,
            "role",
            "The role if the images of the run are divided in the proportion of the two sets: both parts are of one "
            "kind, so 2 and 3 are false. In stores of an earlier version, of two halves.",
        ),
    )


ENTRIES: tuple[Entry, ...] = (
    Entry(f"{_ROLES}/training_images", "i4", ("class",), "images", "Training images of the class that were used."),
    Entry(f"{_ROLES}/held_out_images", "i4", ("class",), "images", "Images of the run of the class that were used."),
    Entry(
        f"{_ROLES}/training_accuracy",
        "f4",
        ("class",),
        "share",
        "Share of those training images that are right with nothing ablated.",
        nan=_NO_IMAGE,
    ),
    Entry(
        f"{_ROLES}/held_out_accuracy",
        "f4",
        ("class",),
        "share",
        "Share of those images of the run that are right with nothing ablated.",
        nan=_NO_IMAGE,
    ),
    *_effects("", ("unit", "class"), "", (_NO_IMAGE, _ONE_IMAGE)),
    *_roles("", ("unit", "class"), " for the class"),
    *_effects(
        "unit_",
        ("unit",),
        ", all classes with images in both sets alike",
        ("where no class has images in both sets", "where a class has one image in the set"),
    ),
    *_roles("unit_", ("unit",), ""),
)

SPEC = ExperimentSpec(
    name="roles",
    title="Four roles of units",
    needs_of_all=CHANGES,
    source="our own definition; the question is that of Zhao and Zhang 2021, arXiv:2103.09716, whose definition we "
    "could not obtain",
    adds="for every layer and kind of ablation: what silencing each unit costs on training images and on the images "
    "of the run, for every class and for all alike, with standard errors, and the role that follows: helps both, "
    "training only, held-out only, neither, or undetermined",
    needs="the store, where it holds training images; otherwise `--train-images`, the network and the images",
    advice="It needs training images: those of a run with --train-images, or a folder named with --train-images here.",
    options=(*OF_ANY, *OF_SWEEPS, "train_images", "follow_links"),
    entries=ENTRIES,
)
