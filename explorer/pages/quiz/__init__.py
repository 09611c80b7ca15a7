"""The page that asks which of two unseen images makes a unit fire more."""
