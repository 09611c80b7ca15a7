"""One file a stage: arrays in, arrays out. No HDF5."""
