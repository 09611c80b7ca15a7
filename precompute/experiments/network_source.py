"""Where the network of a store comes from: what loads it, and its weights, if need be from the store itself."""

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from precompute.models.load import Model, load_model


@dataclass(frozen=True, eq=False)
class NetworkSource:
    """What is needed to load a network again, in this process or another one; it can be pickled.

    Parameters
    ----------
    spec
        What loads the network; see `precompute.models.load.load_model`.
    weights
        Its weights, as for `load_model`; None for those that it comes with.
    state
        Parameters by name, to use where the weights are gone; None where the weights can be loaded.
    """

    spec: str
    weights: str | None
    state: Mapping[str, np.ndarray] | None = None

    def load(self) -> Model:
        """Load the network.

        Raises
        ------
        ModelError
            Where the network or its weights cannot be loaded.
        """
        if self.state is None:
            return load_model(self.spec, self.weights)
        with tempfile.TemporaryDirectory() as folder:  # loaded in the same way as a checkpoint
            checkpoint = Path(folder) / "weights.pt"
            torch.save({name: torch.tensor(values) for name, values in self.state.items()}, checkpoint)
            model = load_model(self.spec, str(checkpoint))
        return model if self.weights is None else replace(model, weights=self.weights)
