"""The images that a run was asked to look at, found and listed."""

from dataclasses import dataclass
from pathlib import Path

from precompute.errors import OptionError
from precompute.images.classes import ClassTable, resolve_classes
from precompute.images.classes_file import read_classes_file
from precompute.images.folder import ImageList, list_images, list_training_images
from precompute.images.levels import refuse_level_above, refuse_two_levels


@dataclass(frozen=True)
class Asked:
    """Where images are, and what says which class each of them is.

    Parameters
    ----------
    images
        The folder that holds the class folders.
    train_images
        The same of training images; None for none.
    limit
        How many images to take, and how many training images; None for all.
    classes_file
        A JSON object from class to network output; None for none.
    class_order
        How the names of the classes are sorted; None where it does not matter.
    """

    images: Path
    train_images: Path | None = None
    limit: int | None = None
    classes_file: Path | None = None
    class_order: str | None = None

    def listed(self) -> tuple[ImageList, ImageList | None]:
        """List the images, and the training images if there are any.

        Raises
        ------
        ImageFolderError
            Where a folder is not there, or is not laid out as class folders.
        ClassError
            Where the classes file cannot be read.
        OptionError
            Where the training images are the images.
        """
        images = list_images(self.images, self.limit)
        refuse_level_above(images.root, self._named())
        if self.train_images is None:
            return images, None
        train = list_training_images(self.train_images, images.class_names, self.limit)
        if train.root == images.root:
            raise OptionError(
                f"--train-images {train.root}: these are the images of --images. Training images are others, those "
                "that the network has learnt from."
            )
        return images, train

    def matched(self, images: ImageList, n_outputs: int) -> ClassTable:
        """Match the classes of the images to the network's outputs.

        Parameters
        ----------
        images
            What was listed.
        n_outputs
            How many outputs the network has.

        Raises
        ------
        UnitscopeError
            Where nothing certain says which output each class is.
        """
        refuse_two_levels(images.root, n_outputs, self._named())
        return resolve_classes(images.class_names, n_outputs, self.classes_file, self.class_order)

    def _named(self) -> frozenset[str]:
        return frozenset() if self.classes_file is None else frozenset(read_classes_file(self.classes_file))
