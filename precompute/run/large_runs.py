"""Two runs that no machine of ours has made, computed: what they take of an H100 and of a disk. Pure arithmetic.

``docs/planning.md`` shows the tables; ``python -m precompute.document`` writes them anew.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from precompute.run.store_size import Contents, LayerSize, at_most, bytes_by_part, side_file_bytes
from precompute.store.keep import ALL, KEPT
from precompute.words import size

FLOAT32, TF32 = 67e12, 494e12
"""Operations a second of an H100 SXM that its maker states: float32, and TF32 on tensor cores without sparsity."""
USED = 0.4
"""Which share of that the convolutions of a network reach, assumed."""


@dataclass(frozen=True)
class Stage:
    """A layer to look at.

    Parameters
    ----------
    layer : str
        Its path.
    n_units : int
        Its units.
    map_shape : (int, int)
        Height and width of a unit's map.
    behind : float
        Operations of the part of the network behind it, for one image; to multiply and add counts as two.
    """

    layer: str
    n_units: int
    map_shape: tuple[int, int]
    behind: float


@dataclass(frozen=True)
class LargeRun:
    """A network on an image set.

    Parameters
    ----------
    name : str
        Of both.
    n_images, n_classes : int
        Of the image set.
    whole : float
        Operations of the whole network for one image of 224 x 224.
    stages : tuple of Stage
        The layers.
    signed : bool
        Whether the layers go below zero.
    """

    name: str
    n_images: int
    n_classes: int
    whole: float
    stages: tuple[Stage, ...]
    signed: bool

    def rows(self, stage: Stage) -> float:
        """Return how often an image has to be answered again for one stage: once without each unit."""
        return float(self.n_images) * stage.n_units

    def operations(self) -> float:
        """Return the operations of one kind of ablation: every row runs all that lies behind its layer."""
        return self.n_images * self.whole + sum(self.rows(stage) * stage.behind for stage in self.stages)

    def contents(self, keep: str) -> Contents:
        """Return what goes into its store, with shares packed as those of the networks that were measured."""
        layers = tuple(LayerSize(stage.n_units, stage.map_shape, signed=self.signed) for stage in self.stages)
        return Contents(self.n_images, self.n_classes, layers, keep=keep)


# The operations are those that PyTorch's counter finds; a test counts them anew.
RUNS: tuple[LargeRun, ...] = (
    LargeRun(
        "ResNet-50, ImageNet-1k validation",
        50_000,
        1000,
        8.178368512e9,
        (
            Stage("layer1", 256, (56, 56), 6.606454784e9),
            Stage("layer2", 512, (28, 28), 4.551245824e9),
            Stage("layer3", 1024, (14, 14), 1.622573056e9),
            Stage("layer4", 2048, (7, 7), 4.096e6),
        ),
        signed=False,
    ),
    LargeRun(
        "ConvNeXt-L, ImageNet-22k",
        14_197_122,
        21_841,
        68.786890752e9,
        (
            Stage("features.1", 192, (56, 56), 63.003002880e9),
            Stage("features.3", 384, (28, 28), 56.903006208e9),
            Stage("features.5", 768, (14, 14), 6.100709376e9),
            Stage("features.7", 1536, (7, 7), 67.095552e6),
        ),
        signed=True,
    ),
)


def hours(operations: float, a_second: float) -> float:
    """Return how many hours a device takes that reaches `USED` of its operations a second."""
    return operations / (USED * a_second) / 3600


Table = tuple[tuple[str, ...], list[tuple[str, ...]]]
"""The head of a table, and its rows."""


def times() -> Table:
    """Return the table of times."""
    head = ("run", "units", "rows, each an image without a unit", "operations", "hours, float32", "hours, TF32")
    return head, [row for run in RUNS for row in _times(run)]


def _times(run: LargeRun) -> Iterator[tuple[str, ...]]:
    for stage in run.stages:
        yield _line(f"{run.name}: `{stage.layer}`", stage.n_units, run.rows(stage), run.rows(stage) * stage.behind)
    n_units = sum(stage.n_units for stage in run.stages)
    yield _line(f"**{run.name}: all of them**", n_units, sum(map(run.rows, run.stages)), run.operations())


def _line(name: str, n_units: int, rows: float, operations: float) -> tuple[str, ...]:
    told = (f"{_two(hours(operations, a_second))}" for a_second in (FLOAT32, TF32))
    return (name, f"{n_units:,}", f"{rows:.1e}", f"{operations:.1e}", *told)


def _two(value: float) -> str:
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
