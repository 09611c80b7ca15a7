"""The specification of ``correlations``: measures that go with drops."""

from precompute.store.entry import STRING, Axis, Entry
from precompute.store.experiments.axes import MEASURE
from precompute.store.experiments.spec import OF_ANY, ExperimentSpec
from precompute.store.keep import ACTIVATIONS

_CORRELATED = "/experiments/correlations/layers/<layer>/ablation/<kind>"
_CELL = ("measure", "target")
_CONSTANT = "where either is the same for all units, or fewer than three units have both"
_ONE_HALF = "where no experiment computed the measure on each half, unless it is one of the weights"

ENTRIES: tuple[Entry, ...] = (
    Entry(f"{_CORRELATED}/measure", STRING, ("measure",), "name", "The measures, by their names in the layer."),
    Entry(
        f"{_CORRELATED}/target",
        STRING,
        ("target",),
        "name",
        "The drops that they are held against, by their names in the layer.",
    ),
    Entry(f"{_CORRELATED}/n_units", "i4", _CELL, "units", "Units that have both; dead units are left out."),
    *(
        Entry(f"{_CORRELATED}/{name}{end}", "f4", _CELL, "correlation", doc, nan=nan)
        for name, title, nan in (
            ("pearson", "Pearson correlation over units", _CONSTANT),
            ("spearman", "Spearman rank correlation over units", _CONSTANT),
            (
                "partial",
                "Spearman rank correlation over units with flip rate and mean activity held fixed",
                f"{_CONSTANT} or these two explain one of them",
            ),
        )
        for end, doc in (
            ("", f"{title}."),
            ("_low", "Lower end of its 95 % bootstrap interval over units."),
            ("_high", "Upper end of its 95 % bootstrap interval over units."),
        )
    ),
    *(
        Entry(f"{_CORRELATED}/chance{end}", dtype, _CELL, unit, doc, nan=_CONSTANT)
        for end, dtype, unit, doc in (
            ("", "f4", "correlation", "Mean of spearman when every changed image is lost or gained by a fair coin."),
            ("_low", "f4", "correlation", "Lower end of the middle 95 % of those cases."),
            ("_high", "f4", "correlation", "Upper end of the middle 95 % of those cases."),
            ("_p", "f8", "probability", "Share of those cases as far from their mean as spearman is, itself counted."),
        )
    ),
    *(
        Entry(f"{_CORRELATED}/{name}_chance{end}", dtype, _CELL, unit, doc, required=False, nan=f"where {name} is")
        for name in ("partial", "disjoint")
        for end, dtype, unit, doc in (
            ("", "f4", "correlation", f"Mean of {name} when every changed image is lost or gained by a fair coin."),
            ("_low", "f4", "correlation", "Lower end of the middle 95 % of those cases."),
            ("_high", "f4", "correlation", "Upper end of the middle 95 % of those cases."),
            ("_p", "f8", "probability", f"Share of those cases as far from their mean as {name} is, itself counted."),
        )
    ),
    Entry(
        f"{_CORRELATED}/disjoint",
        "f4",
        _CELL,
        "correlation",
        "Spearman rank correlation of the measure on one half of the images with the drop on the other, mean of both "
        "ways.",
        nan=f"{_ONE_HALF}; {_CONSTANT}",
    ),
    Entry(
        f"{_CORRELATED}/disattenuated",
        "f4",
        _CELL,
        "ratio",
        "That correlation divided by the root of the product of both sides' correlations between halves; an "
        "estimate of it without the noise of too few images, beyond 1 where these are low.",
        nan="where disjoint is, where a side does not agree between the halves, and for the drop that is held out",
    ),
    *(
        Entry(f"{_CORRELATED}/{name}_{end}", "f4", _CELL, unit, doc, required=False, nan=nan)
        for name, unit, said, nan in (
            ("disjoint", "correlation", "its 95 % bootstrap interval over units", "where disjoint is"),
            (
                "disattenuated",
                "ratio",
                "its 95 % interval, both sides' agreement taken as it is",
                "where disattenuated is",
            ),
        )
        for end, doc in (("low", f"Lower end of {said}."), ("high", f"Upper end of {said}."))
    ),
    Entry(
        f"{_CORRELATED}/measure_reliability",
        "f4",
        ("measure",),
        "ratio",
        "Split-half reliability of the measure's ranks over units, stepped up to all images; 1 for those of the "
        "weights.",
        nan=_ONE_HALF,
    ),
    Entry(
        f"{_CORRELATED}/target_reliability",
        "f4",
        ("target",),
        "ratio",
        "The same of the drop, from the mean agreement over ten ways to divide the images.",
        nan="where a half does not vary, and for the drop that is held out",
    ),
    Entry(
        f"{_CORRELATED}/circular",
        "i4",
        ("measure",),
        "yes/no",
        "1 where the measure is made of the network's answers to the same images as the drop; read disjoint there.",
    ),
)

SPEC = ExperimentSpec(
    name="correlations",
    title="Measures against drops",
    needs_of_all=ACTIVATIONS,
    source="Zhou et al. 2018, arXiv:1806.02891",
    adds="for every layer and kind of ablation: correlations of every measure that describes units with the overall "
    "drop and with the largest class drop, as it is, held out and above chance. Pearson and Spearman come with "
    "bootstrap intervals over units; Spearman also with flip rate and mean activity held fixed, by chance alone, and "
    "with measure and drop from different images, with and without their noise. Carry it out last: it uses what the "
    "other experiments measured",
    needs="the store",
    needs_network=False,
    options=OF_ANY,
    entries=ENTRIES,
    axes=(
        MEASURE,
        Axis("target", "drops that measures are held against", "as in the dataset `target`", "target"),
    ),
)
