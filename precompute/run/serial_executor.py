"""An executor that computes every shard in the process of the run."""

from collections.abc import Iterator, Mapping

from precompute.images.folder import ImageList
from precompute.progress import Stage
from precompute.run.image_set import ImageSet, Positions, Work, read_shards


class SerialExecutor:
    """Computes one shard after the other, while other processes decode the images of the next."""

    def compute(
        self, image_set: ImageSet, work: Work, images: ImageList, todo: Mapping[str, Positions], stage: Stage
    ) -> Iterator[str]:
        """Compute shards, and write the arrays of each to the side files; see `precompute.run.image_set.Executor`."""
        for name, shard in read_shards(image_set.plan, images, todo, workers=image_set.plan.workers):
            image_set.folder.write(name, work(image_set.plan, shard, stage.advance))
            yield name
