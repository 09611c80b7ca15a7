"""The images of a run, listed as its options ask."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from PIL import Image

from precompute.errors import ImageFolderError, OptionError
from precompute.images.classes import ClassTable, resolve_classes
from precompute.images.classes_file import read_classes_file
from precompute.images.copies import copy_conditions
from precompute.images.decoding import FORMATS
from precompute.images.folder import ImageList, list_images, list_training_images, of_same_classes
from precompute.images.labels import read_labels
from precompute.images.levels import refuse_level_above, refuse_two_levels, splits_inside
from precompute.images.masks_beside import mask_conditions
from precompute.images.same_file import refuse_for_both, refuse_in_two_classes
from precompute.images.same_text import in_code_points, looks_of
from precompute.images.walk import as_text, broken_links_in, files_in
from precompute.words import first_few


@dataclass(frozen=True, eq=False)
class Listing:
    """The images of a run.

    Parameters
    ----------
    images
        The images of the run.
    train
        The training images; None if there are none.
    conditions
        What the user must know about how the images were found, one sentence each.
    """

    images: ImageList
    train: ImageList | None
    conditions: tuple[str, ...] = ()


@dataclass(frozen=True)
class ImageSource:
    """Where the images of a run are, and what gives them their classes.

    Parameters
    ----------
    images
        The folder that holds the class folders, or in which the paths of a list begin; None for the list's own folder.
    labels
        A list of images and their classes, in place of class folders; None if there is none.
    train_images
        The folder that holds the class folders of training images; None if there is none.
    limit
        How many images to take, and how many training images; None for all.
    classes_file
        A JSON file that gives every class its output; None if there is none.
    class_order
        How the names of the classes are sorted; None if nobody said.
    follow_links
        Whether links among the images may lead out of their folder.
    """

    images: Path | None
    labels: Path | None = None
    train_images: Path | None = None
    limit: int | None = None
    classes_file: Path | None = None
    class_order: str | None = None
    follow_links: bool = False

    def find_images(self) -> Listing:
        """List the images, and the training images if there are any.

        Raises
        ------
        ImageFolderError
            If a folder or a list is missing or is not laid out as expected, or if one file is an image of two classes,
            or an image of the run and a training image.
        ClassError
            If the classes file cannot be read.
        OptionError
            If neither a folder nor a list is named, or training images are named twice or are the images of the run.
        """
        found = self._found()
        _refuse_alike(found.images, "class folders" if self.labels is None else "labels")
        repeated = [refuse_in_two_classes(images) for images in (found.images, found.train) if images is not None]
        if found.train is not None:
            refuse_for_both(found.images, found.train)
        copied = copy_conditions(found.images, found.train)
        lists = [found.images, *([] if found.train is None else [found.train])]
        masks = [sentence for images in lists for sentence in mask_conditions(images)]
        return replace(found, conditions=(*found.conditions, *filter(None, repeated), *copied, *masks))

    def _found(self) -> Listing:
        if self.labels is not None:
            return self._from_list(self.labels)
        if self.images is None:
            raise OptionError("Give the folder of the images with --images, or a list of them with --labels.")
        images = list_images(self.images, self.limit, follow_links=self.follow_links)
        refuse_level_above(images.root, self._in_classes_file())
        train = self._training_folder(images)
        beside = [_beside(each) for each in (images, train) if each is not None]
        return Listing(images, train, (*_conditions(images.root), *filter(None, beside)))

    def match_classes(self, images: ImageList, n_outputs: int, output_names: Sequence[str] = ()) -> ClassTable:
        """Match the classes of the images to the outputs of the network.

        Parameters
        ----------
        images
            The images that were listed.
        n_outputs
            The number of outputs of the network.
        output_names
            The names that the network itself gives its outputs, in order; empty if it gives none.

        Raises
        ------
        UnitscopeError
            If it is not certain which output each class is.
        """
        if self.labels is None:
            refuse_two_levels(images.root, n_outputs, self._in_classes_file())
        called = "folder" if self.labels is None else "label"
        found = resolve_classes(
            images.class_names,
            n_outputs,
            self.classes_file,
            self.class_order,
            called=called,
            output_names=output_names,
        )
        if self.labels is None:
            return found
        return replace(
            found, mapping=f"{found.mapping}; the classes are the labels of {self.labels.expanduser().absolute()}"
        )

    def _from_list(self, file: Path) -> Listing:
        found = read_labels(file, self.images, follow_links=self.follow_links)
        if found.train is None:
            train = self._training_folder(found.images)
        elif self.train_images is not None:
            raise OptionError(
                f"--train-images {self.train_images}: {file} lists training images too. Leave one of the two out."
            )
        else:
            train = self._within_limit(of_same_classes(found.train, found.images.class_names, "label"))
        unused = f"These columns of {file} are not used: {first_few(found.unused)}."
        return Listing(self._within_limit(found.images), train, (unused,) if found.unused else ())

    def _training_folder(self, images: ImageList) -> ImageList | None:
        if self.train_images is None:
            return None
        train = list_training_images(self.train_images, images.class_names, self.limit, follow_links=self.follow_links)
        if train.root == images.root:
            raise OptionError(
                f"--train-images {train.root}: these are the images of --images. Give the images that the network "
                "was trained on, or leave --train-images out."
            )
        return train

    def _within_limit(self, images: ImageList) -> ImageList:
        return images if self.limit is None else images.at(images.spread(self.limit))

    def _in_classes_file(self) -> frozenset[str]:
        return frozenset() if self.classes_file is None else frozenset(read_classes_file(self.classes_file))


def _refuse_alike(images: ImageList, called: str) -> None:
    """Refuse names of classes that look the same."""
    by_looks: dict[str, list[str]] = {}
    for name in images.class_names:
        by_looks.setdefault(looks_of(name), []).append(name)
    alike = [" and ".join(map(in_code_points, names)) for names in by_looks.values() if len(names) > 1]
    if alike:
        raise ImageFolderError(
            f"{images.root}: {called} look the same but are different names, and so different classes: "
            f"{first_few(alike, 4)}. Spell each class in one way."
        )


def _beside(images: ImageList) -> str | None:
    """Tell of pictures that lie beside the class folders; by their names, since no file is opened here."""
    endings = {_ending(path) for path in images.paths} | {
        ending for ending, kind in Image.registered_extensions().items() if kind in FORMATS
    }
    names = [as_text(name) for name in files_in(images.root) if _ending(name) in endings]
    if not names:
        return None
    lie = "1 picture lies" if len(names) == 1 else f"{len(names):,} pictures lie"
    return (
        f"{lie} in {images.root} itself, beside the class folders, so the run does not take "
        f"{'it' if len(names) == 1 else 'them'}: {first_few(names, 4)}. Move each into the folder of its class."
    )


def _ending(path: str) -> str:
    return PurePosixPath(path).suffix.lower()


def _conditions(root: Path) -> Iterator[str]:
    splits = splits_inside(root)
    if splits:
        yield (
            f"Class folders hold folders called {first_few(splits)}; the run takes the images of all of them. "
            "--labels FILE.csv can list the images of one."
        )
    broken = [as_text(name) for name in broken_links_in(root)]
    if broken:
        yield f"These links beside the class folders lead nowhere or back and are not classes: {first_few(broken)}."
