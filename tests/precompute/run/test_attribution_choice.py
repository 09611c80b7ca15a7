"""Which attributions a run makes by default, by what they cost and what all else of the second look does."""

from dataclasses import replace

import pytest
import torch

from precompute.attribution_methods import METHODS
from precompute.images.loading import read_batches
from precompute.models.hooks import outputs_at
from precompute.options import RunOptions
from precompute.run import attribution_choice
from precompute.run.attribution_choice import with_attributions
from precompute.run.planning import make_plan
from tests.small import write_images, write_network

LAYER = "features.4"  # of eight units
FIRST = dict.fromkeys(METHODS, 0) | {"gradient": 6, "integrated_gradients": 1}
MAPS = 8 * 6 * len(METHODS)
"""All maps of the layer: six exemplars of each unit by each method."""


@pytest.fixture(scope="module")
def plan(tmp_path_factory):
    folder = tmp_path_factory.mktemp("choice")
    model, images = write_network(folder), write_images(folder / "images")
    options = RunOptions(
        model=model, images=images, layers=(LAYER,), out=folder / "small.h5", attribution=None, workers=0
    )
    return replace(make_plan(options), sweep_seconds=100.0)


@pytest.fixture
def chosen(plan, monkeypatch):
    """Return how many exemplars each method gets, given what a map and all else of the second look cost."""

    def choose(a_map, showing=0.0, plan=plan):
        monkeypatch.setattr(
            attribution_choice._Trial, "seconds_a_map", lambda _, methods: dict.fromkeys(methods, a_map)
        )
        monkeypatch.setattr(attribution_choice, "showing_seconds", lambda _plan: showing)
        found = with_attributions(plan).attribution
        counts = found.exemplars[LAYER]
        assert found.seconds == pytest.approx(8 * a_map * sum(counts.values()))
        return counts

    return choose


def test_all_is_made_where_it_costs_no_more_than_the_sweep_though_a_trial_may_be_wrong_by_a_quarter(chosen):
    assert chosen(79 / MAPS) == dict.fromkeys(METHODS, 6)
    assert chosen(81 / MAPS) == dict.fromkeys(METHODS, 6) | {"integrated_gradients": 5}


def test_the_first_maps_are_made_whatever_they_cost(chosen):
    assert chosen(1000.0) == FIRST


def test_pictures_and_maps_of_exemplars_count_too(chosen):
    a_map = 0.4  # so that six maps of each of eight units take 19 seconds
    assert chosen(a_map, showing=30.0) == FIRST | {"deconvolution": 6, "integrated_gradients": 3}
    assert chosen(a_map, showing=70.0) == FIRST


def test_half_a_minute_is_always_given(chosen, plan):
    brief = replace(plan, sweep_seconds=1.0)
    assert chosen(23 / MAPS, plan=brief) == dict.fromkeys(METHODS, 6)


def test_methods_that_are_named_are_made_in_full(chosen, plan):
    named = replace(plan, options=replace(plan.options, attribution=("deconvolution", "integrated_gradients")))
    assert chosen(1000.0, showing=1000.0, plan=named) == {"deconvolution": 6, "integrated_gradients": 6}


def test_what_a_map_costs_is_tried(plan):
    (site,) = plan.sites
    trial = attribution_choice._Trial.of(plan, site, plan.looks[site], plan.probe)
    assert trial.failing(list(METHODS)) == {}
    assert all(seconds > 0 for seconds in trial.seconds_a_map(list(METHODS)).values())


def test_each_unit_is_tried_on_the_strongest_of_more_images_than_the_first(plan, monkeypatch):
    monkeypatch.setattr(attribution_choice, "_PATIENCE", 1e6)
    (site,) = plan.sites
    images = attribution_choice._images_at_hand(plan)
    everything = next(read_batches(plan.candidates, plan.model.transform, [range(24)], workers=0)).inputs
    torch.testing.assert_close(images, everything)
    assert len(images) > len(plan.probe)
    trial = attribution_choice._Trial.of(plan, site, plan.looks[site], images)
    maps = outputs_at(plan.model.network, [site], everything)[site]
    for unit, row in zip(trial.pairs.unit, trial.pairs.row, strict=True):
        strongest = max(range(24), key=lambda image: float(maps[image, unit].max()))
        torch.testing.assert_close(trial.images[row], everything[strongest])


def test_where_a_pass_takes_long_the_first_images_do(plan, monkeypatch):
    monkeypatch.setattr(attribution_choice, "_PATIENCE", 0.0)
    assert attribution_choice._images_at_hand(plan) is plan.probe
