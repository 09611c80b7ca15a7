"""A look at the network's answers before anything is computed, whether they say that the classes are its outputs.

Classes in another order than the network's give a store without a fault in it that is about something else.
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
"""From so many images on, what they say ends a run."""
_PER_CLASS, _AT_LEAST, _AT_MOST = 10, 500, 2000
_PASS_ON = "--allow-low-accuracy goes on all the same."


def confusion_sample(images: ImageList) -> np.ndarray:
    """Choose the images to look at: ten of every class, 500 at least and 2,000 at most, where there are that many.

    With more than 1,000 classes 1,000 of them are looked at, spread evenly: a class takes two images to be found on
    one and counted on the other.

    Parameters
    ----------
    images
        Those of the run.

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


def look_at_confusion(plan: Plan, progress: Progress) -> tuple[str, ...]:
    """Run the network on some images of every class, and hold its answers to the outputs that the classes were given.

    Parameters
    ----------
    plan
        Of the run.
    progress
        Shows the stage ``answers``.

    Returns
    -------
    tuple of str
        Conditions of the run: what was found, where the classes may have the wrong outputs.

    Raises
    ------
    ClassError
        Where they have, as far as `ENOUGH` images can say it, unless the weights are random or the options allow it;
        brings the best outputs as JSON.
    """
    classes, sample = plan.classes, confusion_sample(plan.candidates)
    with progress.stage(ANSWERS, len(sample)) as stage:
        read = list(_answers(plan, sample, stage))
    if not read:
        return ()
    label, prediction = (np.concatenate(part) for part in zip(*read, strict=True))
    verdict = judge(label, prediction, classes.output_index)
    found = _finding(verdict, classes)
    if found is None:
        return ()
    doubted = not verdict.above_chance or (verdict.other is not None and verdict.other.far)
    allowed = plan.options.allow_low_accuracy
    if doubted and len(label) >= ENOUGH and plan.model.weights != "none" and not allowed:
        raise ClassError(_refusal(found, verdict, classes, np.unique(label)))
    return (f"{found} The run went on by --allow-low-accuracy." if doubted and allowed else found,)


def _answers(plan: Plan, sample: np.ndarray, stage: Stage) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield classes, (image,), and top-1 outputs, (image,), of the images that can be read, batch by batch."""
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


# What is said


def _finding(verdict: Verdict, classes: ClassTable) -> str | None:
    """Say what is doubtful; nothing where all is well."""
    if verdict.other is not None:
        return _other_finding(verdict, verdict.other, classes)
    if verdict.above_chance:
        return None
    few = f" {verdict.n_images:,} images are too few to tell." if verdict.n_images < ENOUGH else ""
    return (
        f"It is not certain that the classes are the outputs that they were given: {_share(verdict)}, where chance "
        f"gives {verdict.expected:.1f}. That is not above chance (exact binomial test at {CHANCE_LEVEL:g}: "
        f"p = {verdict.p:.2g}).{few}"
    )


def _share(verdict: Verdict) -> str:
    are = "is" if verdict.right == 1 else "are"
    return f"of {verdict.n_images:,} images spread over the classes {verdict.right:,} {are} right"


def _other_finding(verdict: Verdict, other: OtherAssignment, classes: ClassTable) -> str:
    moved = np.flatnonzero(other.output_index != classes.output_index)
    pairs = few_pairs([classes.names[place] for place in moved], other.output_index[moved])
    compared = (
        f"{other.right:,} instead of {other.right_now:,} of {other.n_images:,} images that had no part in finding them "
        f"(exact McNemar test: p = {other.p:.2g}): {pairs}."
    )
    if other.far:
        return (
            f"The classes seem to have the wrong outputs: {_share(verdict)}. With other outputs far more would be, "
            f"{compared}"
        )
    return (
        f"Some classes may have the wrong outputs. With others more images would be right, {compared} Classes that the "
        "network confuses look like this too."
    )


def _refusal(found: str, verdict: Verdict, classes: ClassTable, looked_at: np.ndarray) -> str:
    """Say what to do; where other outputs are far better, bring them in the last line."""
    given = f"{found} Outputs were given by {classes.mapping}."
    if verdict.other is None or not verdict.other.far:
        return (
            f"{given} No other outputs are right far more often, so look at the weights, at the transform, and at "
            f"whether these are images of the network's classes. {_PASS_ON}"
        )
    best = {classes.names[label]: int(verdict.other.output_index[label]) for label in looked_at.tolist()}
    left = len(classes.names) - len(best)
    rest = f" {left:,} classes were not looked at; add them." if left else ""
    return (
        f"{given} If those of the next line are right, save it as a file and pass that with --classes.{rest} {_PASS_ON}"
        f"\n{json.dumps(best, ensure_ascii=False)}"
    )
