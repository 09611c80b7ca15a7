"""The time and the disk space of two large runs that nobody has made, computed for an H100.

``docs/planning.md`` shows the tables; ``python -m precompute.document`` writes them.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from precompute.run.store_size import Contents, LayerSize, at_most, bytes_by_part, side_file_bytes
from precompute.store.keep import ALL, KEPT
from precompute.words import size

FLOAT32, TF32 = 67e12, 494e12
"""Operations per second of an H100 SXM by its data sheet: float32, and TF32 on tensor cores without sparsity."""
USED = 0.4
"""The share of these operations that a network is assumed to reach."""


@dataclass(frozen=True)
class SweptLayer:
    """A layer of a large run.

    Parameters
    ----------
    name : str
        Its path.
    n_units : int
        The number of its units.
    map_shape : (int, int)
        Height and width of a unit's map.
    operations_after : float
        Operations of the part of the network after it, for one image; a multiplication with an addition counts as two.
    """

    name: str
    n_units: int
    map_shape: tuple[int, int]
    operations_after: float


@dataclass(frozen=True)
class LargeRun:
    """A network on an image set.

    Parameters
    ----------
    name : str
        The name of the network and of the image set.
    n_images, n_classes : int
        The size of the image set.
    whole : float
        Operations of the whole network for one image of 224 x 224.
    layers : tuple of SweptLayer
        The layers.
    signed : bool
        Whether the activations of the layers go below zero.
    """

    name: str
    n_images: int
    n_classes: int
    whole: float
    layers: tuple[SweptLayer, ...]
    signed: bool

    def rows(self, layer: SweptLayer) -> float:
        """Return the number of rows of one layer: every image without every unit."""
        return float(self.n_images) * layer.n_units

    def operations(self) -> float:
        """Return the operations for one kind of ablation, if every row runs all that comes after its layer."""
        return self.n_images * self.whole + sum(self.rows(layer) * layer.operations_after for layer in self.layers)

    def contents(self, keep: str) -> Contents:
        """Return what goes into its store; numbers compress as those of the networks that were measured."""
        layers = tuple(LayerSize(layer.n_units, layer.map_shape, signed=self.signed) for layer in self.layers)
        return Contents(self.n_images, self.n_classes, layers, keep=keep)


# Numbers of operations are from PyTorch's counter; a test counts them again.
RUNS: tuple[LargeRun, ...] = (
    LargeRun(
        "ResNet-50, ImageNet-1k validation",
        50_000,
        1000,
        8.178368512e9,
        (
            SweptLayer("layer1", 256, (56, 56), 6.606454784e9),
            SweptLayer("layer2", 512, (28, 28), 4.551245824e9),
            SweptLayer("layer3", 1024, (14, 14), 1.622573056e9),
            SweptLayer("layer4", 2048, (7, 7), 4.096e6),
        ),
        signed=False,
    ),
    LargeRun(
        "ConvNeXt-L, ImageNet-22k",
        14_197_122,
        21_841,
        68.786890752e9,
        (
            SweptLayer("features.1", 192, (56, 56), 63.003002880e9),
            SweptLayer("features.3", 384, (28, 28), 56.903006208e9),
            SweptLayer("features.5", 768, (14, 14), 6.100709376e9),
            SweptLayer("features.7", 1536, (7, 7), 67.095552e6),
        ),
        signed=True,
    ),
)


def hours(operations: float, a_second: float) -> float:
    """Return the hours that a device takes if it reaches the share `USED` of its operations per second."""
    return operations / (USED * a_second) / 3600


Table = tuple[tuple[str, ...], list[tuple[str, ...]]]
"""The head of a table, and its rows."""


def times() -> Table:
    """Return the table of times."""
    head = ("run", "units", "rows, each an image without a unit", "operations", "hours, float32", "hours, TF32")
    return head, [row for run in RUNS for row in _times(run)]


def _times(run: LargeRun) -> Iterator[tuple[str, ...]]:
    for layer in run.layers:
        rows = run.rows(layer)
        yield _line(f"{run.name}: `{layer.name}`", layer.n_units, rows, rows * layer.operations_after)
    n_units = sum(layer.n_units for layer in run.layers)
    yield _line(f"**{run.name}: all of them**", n_units, sum(map(run.rows, run.layers)), run.operations())


def _line(name: str, n_units: int, rows: float, operations: float) -> tuple[str, ...]:
    told = (_two_digits(hours(operations, a_second)) for a_second in (FLOAT32, TF32))
    return (name, f"{n_units:,}", f"{rows:.1e}", f"{operations:.1e}", *told)


def _two_digits(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:.2g}"


def sizes() -> Table:
    """Return the table of sizes."""
    names = list(bytes_by_part(RUNS[0].contents(ALL)))
    columns = [(run, keep) for run in RUNS for keep in KEPT]
    parts = [bytes_by_part(run.contents(keep)) for run, keep in columns]
    rows = [(name, *(_size(each[name]) for each in parts)) for name in names if any(each[name] for each in parts)]
    rows.append(("**store, about**", *(_size(sum(each.values())) for each in parts)))
    rows.append(("**store, at most**", *(_size(at_most(each)) for each in parts)))
    rows.append(("side files until then", *(_size(side_file_bytes(run.contents(keep))) for run, keep in columns)))
    return ("", *(f"{run.name}, `--keep {keep}`" for run, keep in columns)), rows


def _size(n_bytes: float) -> str:
    return f"{n_bytes / 1e12:.1f} TB" if n_bytes >= 1e12 else size(n_bytes) if n_bytes else "–"
