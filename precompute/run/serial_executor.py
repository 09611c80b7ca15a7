"""The run computes every shard in its own process."""

from collections.abc import Iterator, Mapping

from precompute.images.folder import ImageList
from precompute.progress import Stage
from precompute.run.image_set import ImageSet, Positions, Work, read_shards


class SerialExecutor:
    """Computes one shard after the other, while the images of the next are decoded."""

    def compute(
        self, image_set: ImageSet, work: Work, images: ImageList, todo: Mapping[str, Positions], stage: Stage
    ) -> Iterator[str]:
        """Compute shards and leave each of them in the side files; see `precompute.run.image_set.Executor`."""
        for name, shard in read_shards(image_set.plan, images, todo, workers=image_set.plan.workers):
            image_set.folder.write(name, work(image_set.plan, shard, stage.advance))
            yield name
