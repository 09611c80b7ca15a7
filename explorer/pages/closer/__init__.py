"""The page of a closer look at a unit: which units are alike, its maps by any method, other kinds of ablation."""
