"""The check, before the work begins, that the classes have been given the right outputs of the network.

If the classes are in another order than the outputs, the store passes every check of its form, and its numbers mean
something else.
"""

import json
from collections.abc import Iterator

import numpy as np
import torch

from precompute.errors import ClassError
from precompute.images.classes import ClassTable
from precompute.images.folder import ImageList
from precompute.images.loading import read_batches
from precompute.models.forward import logits
from precompute.progress import Progress, Stage
from precompute.run.plan import Plan
from precompute.run.run_stages import ANSWERS
from precompute.stages.assignment import CHANCE_LEVEL, OtherAssignment, Verdict, judge
from precompute.words import few_pairs

ENOUGH = 200
"""With at least this many images, wrong outputs end the run; with fewer, the run only reports them."""
_PER_CLASS, _AT_LEAST, _AT_MOST = 10, 500, 2000
_PASS_ON = "With --allow-low-accuracy the run goes on all the same."


def class_output_sample(images: ImageList) -> np.ndarray:
    """Choose the images for the check: ten of every class, but at least 500 and at most 2,000, if there are that many.

    Of more than 1,000 classes, 1,000 are checked, spread evenly: each needs two images, one on which its output is
    found and one on which this output is counted.

    Parameters
    ----------
    images
        The images of the run.

    Returns
    -------
    np.ndarray
        (image,) positions, in order.
    """
    classes = np.unique(images.labels)
    n_classes = min(len(classes), _AT_MOST // 2)
    looked_at = classes[np.arange(n_classes) * len(classes) // max(n_classes, 1)]
    among = np.flatnonzero(np.isin(images.labels, looked_at))
    n_images = int(np.clip(_PER_CLASS * n_classes, _AT_LEAST, _AT_MOST))
    return among[images.at(among).spread(n_images)]


def check_class_outputs(plan: Plan, progress: Progress) -> tuple[str, ...]:
    """Run the network on some images of every class, and compare its answers with the outputs of the classes.

    Parameters
    ----------
    plan
        The plan of the run.
    progress
        Shows the stage ``answers``.

    Returns
    -------
    tuple of str
        A condition of the run if the classes may have the wrong outputs; otherwise empty.

    Raises
    ------
    ClassError
        If at least `ENOUGH` images say that the classes have the wrong outputs, unless the weights are random or the
        options allow it. If other outputs are far better, the last line of the message gives them as JSON.
    """
    classes, sample = plan.classes, class_output_sample(plan.candidates)
    with progress.stage(ANSWERS, len(sample)) as stage:
        read = list(_answers(plan, sample, stage))
    if not read:
        return ()
    label, prediction = (np.concatenate(part) for part in zip(*read, strict=True))
    verdict = judge(label, prediction, classes.output_index)
    found = _finding(verdict, classes)
    if found is None:
        return ()
    doubted = verdict.at_chance or (verdict.other is not None and verdict.other.far)
    allowed = plan.options.allow_low_accuracy
    if doubted and len(label) >= ENOUGH and plan.model.weights != "none" and not allowed:
        raise ClassError(_refusal(found, verdict, classes, np.unique(label)))
    return (f"{found} The run went on by --allow-low-accuracy." if doubted and allowed else found,)


def _answers(plan: Plan, sample: np.ndarray, stage: Stage) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield the classes and the top-1 outputs of the readable images, (image,) each, batch by batch."""
    images, size = plan.candidates, plan.options.batch_size
    batches = [sample[start : start + size].tolist() for start in range(0, len(sample), size)]
    with torch.no_grad():
        for asked, batch in zip(
            batches, read_batches(images, plan.model.transform, batches, workers=plan.workers), strict=True
        ):
            if batch.indices:
                answers = logits(plan.model.network, batch.inputs).argmax(1).cpu().numpy()
                yield images.labels[list(batch.indices)], answers
            stage.advance(len(asked))


# The sentences


def _finding(verdict: Verdict, classes: ClassTable) -> str | None:
    """Say why the outputs of the classes are in doubt; None if they are not."""
    if verdict.other is not None:
        return _other_finding(verdict, verdict.other, classes)
    if verdict.above_chance:
        return None
    if verdict.n_classes == 1:
        return (
            f"Whether the class has the right output does not show: all images are of one class, {_share(verdict)}, "
            "and a network that always gives this answer would do the same."
        )
    few = f" {verdict.n_images:,} images are too few to tell." if verdict.n_images < ENOUGH else ""
    return (
        f"It is not certain that the classes have the right outputs: {_share(verdict)}, and chance "
        f"gives {verdict.expected:.1f}. That is not above chance (exact binomial test at {CHANCE_LEVEL:g}: "
        f"p = {verdict.p:.2g}).{few}"
    )


def _share(verdict: Verdict) -> str:
    are = "is" if verdict.right == 1 else "are"
    return f"of {verdict.n_images:,} images spread over the classes, {verdict.right:,} {are} right"


def _other_finding(verdict: Verdict, other: OtherAssignment, classes: ClassTable) -> str:
    moved = np.flatnonzero(other.output_index != classes.output_index)
    pairs = few_pairs([classes.names[place] for place in moved], other.output_index[moved])
    compared = (
        f"{other.right:,} instead of {other.right_now:,} of {other.n_images:,} images that were not used to find them "
        f"(exact McNemar test: p = {other.p:.2g}): {pairs}."
    )
    if other.far:
        return (
            f"The classes seem to have the wrong outputs: {_share(verdict)}. With other outputs far more would be "
            f"right, {compared}"
        )
    return (
        f"Some classes may have the wrong outputs. With other outputs more images would be right, {compared} Classes "
        "that the network confuses look like this too."
    )


def _refusal(found: str, verdict: Verdict, classes: ClassTable, looked_at: np.ndarray) -> str:
    """Say what to do; if other outputs are far better, give them in the last line."""
    given = f"{found} The classes got their outputs by {classes.mapping}."
    if verdict.other is None or not verdict.other.far:
        return (
            f"{given} No other outputs would be right far more often, so check the weights, the transform, and "
            f"whether these are images of the network's classes. {_PASS_ON}"
        )
    best = {classes.names[label]: int(verdict.other.output_index[label]) for label in looked_at.tolist()}
    left = len(classes.names) - len(best)
    rest = f" {left:,} classes were not checked; add them." if left else ""
    return (
        f"{given} If the outputs in the next line are right, save the line as a file and give it by --classes.{rest} "
        f"{_PASS_ON}"
        f"\n{json.dumps(best, ensure_ascii=False)}"
    )
