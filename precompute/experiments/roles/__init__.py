"""The role of each unit, from what silencing it costs on training images and on the store's, which are held out."""

from collections.abc import Callable
from functools import partial

import numpy as np

from precompute.errors import StoreError
from precompute.experiments.image_choice import choose_images
from precompute.experiments.log_prob_losses import without_log_prob
from precompute.experiments.protocol import Arrays, Findings, Job, Prepared
from precompute.experiments.restored_run import training_conditions
from precompute.experiments.roles.image_set_losses import ImageSetLosses, Key, losses_in_store, prepare_sweep
from precompute.measures.halves import divided
from precompute.measures.roles import (
    LogOddsEffect,
    effect_interval,
    log_odds_effects_by_class,
    log_odds_effects_by_unit,
    roles,
)
from precompute.measures.table import measure_name
from precompute.progress import Stage
from precompute.store.reader import Store

# For reading the change of one unit on one image and adding it up.
_SECONDS_A_ROW = 1e-7


def prepare(job: Job) -> Prepared:
    """Prepare the roles for every layer and kind of ablation."""
    keys = _keys(job)
    n_units = sum(job.store.layer(name).n_units for name, _ in keys)
    held_out = choose_images(np.asarray(job.store.images.label), job.options.images_per_class)
    train = job.store.train
    seconds = _SECONDS_A_ROW * n_units * 2 * len(held_out)
    if train is not None and job.options.train_images is None:
        used = choose_images(np.asarray(train.images.label), job.options.images_per_class)
        training: Callable[[Stage], ImageSetLosses] = partial(losses_in_store, train, keys, used)
        seconds += _SECONDS_A_ROW * n_units * len(used)
        steps, unit, reduced = n_units, "units", None
        conditions: tuple[str, ...] = ()
        several = job.options.on_several
        unused = f"{several} has no effect: the store holds what is needed of training images, so nothing is swept."
        notes = (unused,) if several else ()
    else:
        swept = prepare_sweep(job, keys)
        training, seconds = swept.run, seconds + swept.seconds_each * len(swept.used)
        steps, unit, reduced, notes = swept.n_rows, "ablated images", swept.reduced, ()
        conditions = training_conditions(job.store, job.options, swept.images)
    per_unit = (4 * 4 + 2 * 4 + 8) * (len(job.store.classes) + 1) + 2 * 4
    run = partial(_run, job, keys, training, held_out)
    return Prepared(seconds, n_units * per_unit, steps, unit, run, reduced, notes, conditions)


def _keys(job: Job) -> list[Key]:
    """List the layers and kinds of ablation for which the store holds changes of log-probability."""
    found = [(layer.name, kind) for layer in job.layers for kind in layer.ablations]
    held = [(name, kind) for name, kind in found if job.store.layer(name).log_prob_change(kind, 0) is not None]
    if not held:
        raise StoreError(f"{job.store.path}: roles follow from log_prob_change, which {without_log_prob(job.store)}.")
    return held


def _run(
    job: Job, keys: list[Key], training: Callable[[Stage], ImageSetLosses], held_out: np.ndarray, stage: Stage
) -> Findings:
    here, there = training(stage), losses_in_store(job.store, keys, held_out, _silent)
    share = here.count.sum() / max(1, here.count.sum() + there.count.sum())
    control = _control(job.store, keys, held_out, share=float(share), seed=job.seed)
    arrays: Arrays = {
        "training_images": here.count,
        "held_out_images": there.count,
        "training_accuracy": here.accuracy(),
        "held_out_accuracy": there.accuracy(),
    }
    measures: dict[str, Arrays] = {}
    for key in keys:
        name, kind = key
        found = _found(here, there, key) | _only_roles(_found(*control, key))
        arrays |= {f"layers/{name}/ablation/{kind}/{part}": values for part, values in found.items()}
        measures.setdefault(name, {}).update(_measures(found, kind))
    return Findings(arrays, measures)


def _silent(_steps: int) -> None:
    """Show no progress: next to a sweep, summing takes no time."""


def _control(
    store: Store, keys: list[Key], held_out: np.ndarray, *, share: float, seed: int
) -> tuple[ImageSetLosses, ImageSetLosses]:
    """Divide the held-out images at random into two sets, in the proportion of training to held-out images.

    The two sets are of one kind, so a role on one of them only is false.
    """
    which = divided(np.asarray(store.images.label)[held_out], share, seed=seed)
    first, second = (losses_in_store(store, keys, held_out[which == part], _silent) for part in (0, 1))
    return first, second


def _found(here: ImageSetLosses, there: ImageSetLosses, key: Key) -> Arrays:
    """Return effects and roles of every unit: for every class, and (names with `unit_`) for all classes alike."""
    taking = (here.count > 0) & (there.count > 0)
    by_class = _pair(*(log_odds_effects_by_class(side.losses[key]) for side in (here, there)))
    by_unit = _pair(*(log_odds_effects_by_unit(side.losses[key], taking=taking) for side in (here, there)))
    return by_class | {f"unit_{name}": values for name, values in by_unit.items()}


def _pair(training: LogOddsEffect, held_out: LogOddsEffect) -> Arrays:
    found = roles(training, held_out)
    ends = {
        f"{name}_{end}": values
        for name, effect in (("training", training), ("held_out", held_out))
        for end, values in zip(("low", "high"), effect_interval(effect), strict=True)
    }
    return {
        **ends,
        "training": training.mean,
        "training_error": training.error,
        "held_out": held_out.mean,
        "held_out_error": held_out.error,
        "role": found.code,
        "role_q": found.q,
    }


def _only_roles(control: Arrays) -> Arrays:
    return {"control_role": control["role"], "unit_control_role": control["unit_role"]}


def _measures(found: Arrays, kind: str) -> Arrays:
    effects = {"training_effect": found["unit_training"], "held_out_effect": found["unit_held_out"]}
    effects["effect_gap"] = found["unit_training"] - found["unit_held_out"]
    return {measure_name(name, kind): values for name, values in effects.items()}
