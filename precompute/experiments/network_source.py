"""Where the network of a store comes from: what loads it, and the store's own weights where others are gone."""

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from precompute.models.load import Model, load_model


@dataclass(frozen=True, eq=False)
class NetworkSource:
    """What is enough to load a network again, in this process or in another one; it can be pickled.

    Parameters
    ----------
    spec
        What loads it: see `precompute.models.load.load_model`.
    weights
        Its weights, by the same; None for its own.
    state
        Parameters by name, in the place of weights that cannot be had any more; None where they can.
    """

    spec: str
    weights: str | None
    state: Mapping[str, np.ndarray] | None = None

    def load(self) -> Model:
        """Load the network.

        Raises
        ------
        ModelError
            Where it, or its weights, cannot be had.
        """
        if self.state is None:
            return load_model(self.spec, self.weights)
        with tempfile.TemporaryDirectory() as folder:  # by the same way as a checkpoint
            checkpoint = Path(folder) / "weights.pt"
            torch.save({name: torch.tensor(values) for name, values in self.state.items()}, checkpoint)
            model = load_model(self.spec, str(checkpoint))
        return model if self.weights is None else replace(model, weights=self.weights)
