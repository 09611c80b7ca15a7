"""Which measures go with drops."""

from precompute.store.entry import STRING, Entry

_CORRELATED = "/experiments/correlations/layers/<layer>/ablation/<kind>"
_CONSTANT = "where either is the same for all units, or fewer than three units have both"

ENTRIES: tuple[Entry, ...] = (
    Entry(f"{_CORRELATED}/measure", STRING, ("measure",), "name", "The measures, by their names in the layer."),
    Entry(f"{_CORRELATED}/target", STRING, ("target",), "name", "The drops that they are held against."),
    Entry(
        f"{_CORRELATED}/n_units",
        "i4",
        ("measure", "target"),
        "units",
        "Units that have both; dead units are left out.",
    ),
    *(
        Entry(f"{_CORRELATED}/{name}{end}", "f4", ("measure", "target"), "correlation", doc, nan=_CONSTANT)
        for name, title in (("pearson", "Pearson"), ("spearman", "Spearman rank"))
        for end, doc in (
            ("", f"{title} correlation over units."),
            ("_low", "Lower end of its 95 % bootstrap interval over units."),
            ("_high", "Upper end of its 95 % bootstrap interval over units."),
        )
    ),
)
