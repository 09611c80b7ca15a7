"""Which images a shard holds, and reading them."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import torch

from precompute.images.folder import ImageList
from precompute.images.loading import Batch, Transform, read_batches


def cut(stem: str, n: int, size: int) -> dict[str, range]:
    """Cut positions 0 to n into named shards."""
    return {
        f"{stem}-{number:05d}": range(start, min(start + size, n)) for number, start in enumerate(range(0, n, size))
    }


def read_shards(
    images: ImageList,
    shards: Mapping[str, Sequence[int] | np.ndarray],
    transform: Transform,
    *,
    batch_size: int,
    workers: int,
) -> Iterator[tuple[str, Batch]]:
    """Read the images of each shard; decoding runs ahead in worker processes, in pieces of a batch.

    Parameters
    ----------
    images
        What the shards' positions are of.
    shards
        Positions by the shard's name.
    transform
        Of the network.
    batch_size
        Images of a piece.
    workers
        Processes that decode; 0 to do it here.

    Yields
    ------
    tuple of str and Batch
        A shard's name and its images.
    """
    pieces: list[tuple[str, list[int]]] = []
    for name, positions in shards.items():
        listed = [int(position) for position in positions]
        pieces += [(name, listed[start : start + batch_size]) for start in range(0, len(listed), batch_size)]
    batches = read_batches(images, transform, [piece for _, piece in pieces], workers=workers)
    gathered: list[Batch] = []
    for position, ((name, _), batch) in enumerate(zip(pieces, batches, strict=True)):
        gathered.append(batch)
        if position + 1 == len(pieces) or pieces[position + 1][0] != name:
            yield name, _join(gathered)
            gathered = []


def _join(batches: Sequence[Batch]) -> Batch:
    inputs = [batch.inputs for batch in batches if batch.indices]
    return Batch(
        indices=tuple(index for batch in batches for index in batch.indices),
        inputs=torch.cat(inputs) if inputs else batches[0].inputs,
        bad=tuple(bad for batch in batches for bad in batch.bad),
    )
