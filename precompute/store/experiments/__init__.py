"""The specifications of the experiments: the datasets that each adds to a store, one module an experiment."""
