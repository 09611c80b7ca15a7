"""The contract between the machine and the face: the HDF5 file. numpy and h5py only."""
