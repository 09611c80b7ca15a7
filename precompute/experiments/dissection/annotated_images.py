"""Images with masks of concepts, and the maps of layers over them, position by position."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from precompute.errors import ImageFolderError, ModelError, OptionError
from precompute.experiments.restored_run import SHARD, RestoredRun
from precompute.images.broden import INDEX, open_broden
from precompute.images.concepts import NONE, Masks
from precompute.images.folder import ImageList
from precompute.images.framing import Framing
from precompute.images.loading import default_workers, read_batches, seen_size
from precompute.images.part_masks import masks_beside, open_part_masks
from precompute.measures.interpolation import enlarge
from precompute.models.hooks import outputs_at
from precompute.models.receptive_field import Axes, receptive_field_centres, stretched
from precompute.models.sites import Site


def _size(images: ImageList, position: int) -> tuple[int, int]:
    """Return the width and height of the picture that masks are laid over."""
    size = seen_size(images, position)
    if size is None:
        raise ModelError(
            f"{images.root / images.paths[position]}: masks lie over RGB pictures. But the loader that the network's "
            "function returns makes something else from this file, so it is not known where a mask lies on it."
        )
    return size


def find_masks(folder: Path | None, images: ImageList) -> Masks:
    """Open a folder of masks, in whichever layout it is.

    Parameters
    ----------
    folder
        The folder; where None, the one called ``masks`` beside the images or in their folder.
    images
        The images of the store, for masks that lie over these.

    Raises
    ------
    OptionError
        Where no folder was named and there is none by default.
    ImageFolderError
        Where the folder does not exist, or something in it is wrong.
    """
    found = masks_beside(images) if folder is None else folder.expanduser().resolve()
    if found is None:
        raise OptionError(
            f"Expected masks of concepts, but found no folder masks with a parts.json beside {images.root}. "
            "Name one with --masks; docs/masks.md says how to make one."
        )
    if not found.is_dir():
        raise ImageFolderError(f"{found}: there is no such folder. Use --masks to name the folder that holds them.")
    return open_broden(found) if (found / INDEX).is_file() else open_part_masks(found, images)


@dataclass(frozen=True, eq=False)
class AnnotatedImages:
    """Pictures with masks of concepts, and the network that looks at them.

    Parameters
    ----------
    restored
        The network, and the images of the store.
    masks
        The masks; their pictures are the store's images or others.
    sites
        The layers to look at.
    axes
        For each layer, where the cells of its maps lie in the network's input.
    framing
        How the network's preprocessing places pictures in its input.
    """

    restored: RestoredRun
    masks: Masks
    sites: tuple[Site, ...]
    axes: tuple[Axes, ...]
    framing: Framing

    @classmethod
    def of(cls, restored: RestoredRun, masks: Masks, sites: Sequence[Site]) -> "AnnotatedImages":
        """Find where the cells of the layers lie, and how to place masks over the network's input.

        Raises
        ------
        ModelError
            Where the network does not see pictures.
        """
        _size(restored.images, 0)
        height, width = restored.probe.shape[2:]
        axes = [
            receptive_field_centres(restored.model.network, site, restored.probe[:2])
            or stretched(site, (height, width))
            for site in sites
        ]
        return cls(restored, masks, tuple(sites), tuple(axes), Framing(restored.model.transform, (height, width)))

    @property
    def of_store(self) -> bool:
        """Whether the pictures are the images of the store."""
        return self.masks.images is self.restored.images

    def maps(self, positions: np.ndarray, *, verified: bool) -> Iterator[tuple[np.ndarray, list[np.ndarray]]]:
        """Run the network over pictures.

        Parameters
        ----------
        positions
            (image,): positions of pictures in the list.
        verified
            Whether to check the network's predictions for the store's images against the store.

        Yields
        ------
        tuple
            Positions, (image,); and for each layer its maps, (image, unit, height, width), float32.
        """
        read = self.restored.read(positions) if verified and self.of_store else self._read(positions)
        for where, inputs, *_ in read:
            parts = [
                outputs_at(self.restored.model.network, self.sites, part)
                for part in inputs.split(self.restored.batch_size)
            ]
            yield where, [_as_maps(torch.cat([part[site] for part in parts])) for site in self.sites]

    def _read(self, positions: np.ndarray) -> Iterator[tuple[np.ndarray, torch.Tensor]]:
        shards = [positions[start : start + SHARD].tolist() for start in range(0, len(positions), SHARD)]
        images, workers = self.masks.images, default_workers(len(positions))
        for batch in read_batches(images, self.restored.model.transform, shards, workers=workers):
            if batch.bad:
                position, reason = batch.bad[0]
                raise ImageFolderError(f"{images.root / images.paths[position]}: this image cannot be read ({reason}).")
            yield np.array(batch.indices), batch.inputs

    def planes(self, position: int, framing: Framing | None = None) -> np.ndarray:
        """Read the masks of a picture at the points of the grid.

        Parameters
        ----------
        position
            Position of the picture in the list.
        framing
            Another grid to use instead of that of the annotated images.

        Returns
        -------
        np.ndarray
            (plane, row, column): concepts, `NONE` for none. No concept comes twice at one point.
        """
        framing = framing or self.framing
        masks = self.masks.read(position)
        if not masks:
            return np.full((0, *framing.grid), NONE, dtype=np.int32)
        images = self.masks.images
        frame = framing.of(_size(images, position))
        planes = np.stack([frame.sample(mask) for mask in masks])
        for plane in range(1, len(planes)):
            planes[plane][(planes[:plane] == planes[plane]).any(axis=0)] = NONE
        return planes

    def places(self, layer: int, framing: Framing | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Return where the rows and columns of the grid lie on a layer's maps, in cells."""
        framing = framing or self.framing
        found = []
        for axis, side, n_places in zip(self.axes[layer], self.restored.probe.shape[2:], framing.grid, strict=True):
            pixels = (np.arange(n_places) + 0.5) * side / n_places - 0.5
            found.append((pixels - axis.start) / axis.step)
        return found[0], found[1]

    def active(self, layer: int, maps: np.ndarray, threshold: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """List where a picture's maps, enlarged to the grid, exceed the units' thresholds.

        Parameters
        ----------
        layer
            Index of the layer.
        maps
            (unit, height, width): the picture's maps.
        threshold
            (unit,): NaN where a unit has no threshold; such a unit is active nowhere.

        Returns
        -------
        tuple
            Units and positions of the grid, row by row, (pair,) each.
        """
        # Interpolated values are never above the largest cell.
        units = np.flatnonzero(maps.max(axis=(1, 2)) > threshold)
        enlarged = enlarge(maps[units], *self.places(layer))
        unit, row, column = np.nonzero(enlarged > threshold[units, None, None])
        return units[unit], row * self.framing.grid[1] + column


def n_cells(site: Site) -> int:
    """Return how many cells a map of a layer has; 1 in a layer without spatial dimensions."""
    return int(np.prod(site.spatial_shape, dtype=np.int64))


def _as_maps(output: torch.Tensor) -> np.ndarray:
    """Return a layer's output as maps; a layer without spatial dimensions has maps of one cell."""
    values = output.float().cpu().numpy()
    return values if values.ndim == 4 else values[:, :, None, None]
