"""The formulas: numpy arrays in, numpy arrays out. No torch, no files; no scipy, which the tests hold them to."""
