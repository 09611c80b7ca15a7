"""The formulas: numpy arrays in, numpy arrays out. No torch, no files."""
