"""Attribution maps that a run left for later: it adds to layers, and has no datasets of its own."""

from precompute.store.experiments.spec import OF_MODEL, ExperimentSpec

SPEC = ExperimentSpec(
    name="attribution",
    title="Attribution maps that a run left for later",
    source="the methods of Captum",
    adds="attribution maps that the run left out",
    on_one_device="it attributes a few images of each unit and sweeps none",
    options=("layers", "units", "methods", *OF_MODEL),
)
