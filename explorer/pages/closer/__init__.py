"""The page Closer look of a unit: similar units, attribution maps by any method, other kinds of ablation."""
