"""What is written comes back: writer, check and reader together, over stores of all shapes."""

import json
from dataclasses import replace

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from precompute.store import schema
from precompute.store.check import check
from precompute.store.reader import open_store
from tests.factory import LOSSES, Recipe, make_contents, write_store

FEW = settings(max_examples=settings().max_examples // 5)  # an example writes, checks and reads a whole store

shapes = st.sampled_from([(), (1, 1), (3, 2), (56, 1)])


@st.composite
def recipes(draw):
    names = draw(
        st.lists(st.sampled_from(["conv", "layer2.0.relu", "fc#2", "features.10"]), unique=True, min_size=1, max_size=2)
    )
    n_classes = draw(st.integers(2, 5))
    layers = tuple((name, draw(st.integers(1, 5)), draw(shapes)) for name in names)
    return Recipe(
        n_classes=n_classes,
        per_class=draw(st.integers(1, 4)),
        layers=layers,
        k=draw(st.integers(1, 7)),
        seed=draw(st.integers(0, 99)),
        without=frozenset(draw(st.sets(st.sampled_from(sorted(LOSSES))))),
        signed=frozenset(draw(st.sets(st.sampled_from(names)))),
        spare=draw(st.integers(0, 3)),
        n_empty=draw(st.integers(0, n_classes - 1)),
    )


@settings(FEW, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(recipe=recipes())
def test_a_store_of_sums_passes_its_check(recipe, tmp_path):
    recipe = replace(recipe, keep="sums", without=recipe.without - {"later_sums", "image_top"})
    path = write_store(tmp_path / "sums.h5", make_contents(recipe))
    assert check(path) == []
    with open_store(path) as store:
        assert not any(layer.keeps_all for layer in store.layers)


def as_stored(contents, path):
    """What the values at a path become by the format's type."""
    entry = schema.entry_for(path)
    values = contents.datasets[path]
    return values if entry.dtype in (schema.STRING, schema.ANY) else values.astype(entry.dtype)


def same(found, expected):
    np.testing.assert_array_equal(found, expected)
    return True


@settings(FEW, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(recipe=recipes())
def test_a_store_gives_back_what_was_written(recipe, tmp_path):
    contents = make_contents(recipe)
    path = write_store(tmp_path / "made.h5", contents)
    assert check(path) == []
    with open_store(path) as store:
        assert_frame(store, contents)
        assert [layer.name for layer in store.layers] == [name for name, *_ in recipe.layers]
        for layer in store.layers:
            assert_layer(layer, contents)


def assert_frame(store, contents):
    def held(path):
        return as_stored(contents, path)

    assert store.provenance == json.loads(json.dumps(contents.provenance))
    facts = contents.facts["/model"]
    assert (store.model.spec, store.model.weights) == (facts["spec"], facts["weights"])
    assert (store.model.n_outputs, list(store.model.input_size)) == (facts["n_outputs"], facts["input_size"])
    assert list(store.classes.name) == held("/classes/name").tolist()
    assert list(store.classes.title) == held("/classes/title").tolist()
    assert same(store.classes.output_index, held("/classes/output_index"))
    assert list(store.images.path) == held("/images/path").tolist()
    assert same(store.images.label, held("/images/label"))
    assert (store.images.root, store.images.list_hash) == tuple(contents.facts["/images"].values())
    assert store.images.skipped == (("red_ball/broken.png", "truncated file"),)
    assert same(store.baseline.prediction, held("/baseline/prediction"))
    assert same(store.baseline.log_prob, held("/baseline/log_prob"))
    right = held("/baseline/prediction") == held("/classes/output_index")[held("/images/label")]
    assert same(store.baseline_correct, right)
    for image in range(len(store.images)):
        assert store.thumbnail(image) == contents.pictures.get(image, b"")
    weights = {path.rsplit("/", 1)[1]: path for path in contents.datasets if path.startswith("/model/state_dict/")}
    found = store.state_dict()
    assert found.keys() == weights.keys()
    for name, path in weights.items():
        assert found[name].dtype == contents.datasets[path].dtype
        assert same(found[name], contents.datasets[path])


def assert_layer(layer, contents):
    base = f"/layers/{layer.name}"
    facts = contents.facts[base]
    assert (layer.order, layer.kind, layer.n_units) == (facts["order"], facts["kind"], facts["n_units"])
    assert list(layer.spatial_shape) == facts["spatial_shape"]
    inside = {path.removeprefix(f"{base}/") for path in contents.datasets if path.startswith(f"{base}/")}

    def held(part):
        return as_stored(contents, f"{base}/{part}")

    assert same(layer.class_mean, held("class_mean"))
    assert {f"measure/{name}" for name in layer.measures} == {part for part in inside if part.startswith("measure/")}
    for name, measure in layer.measures.items():
        assert same(measure.values, held(f"measure/{name}"))
        for fact, value in contents.facts[f"{base}/measure/{name}"].items():
            assert getattr(measure, fact) == value
    assert set(layer.ablations) == {part.split("/")[1] for part in inside if part.startswith("ablation/")}
    assert set(layer.exemplar_kinds) == {part.split("/")[1] for part in inside if part.startswith("exemplar/")}
    for kind in layer.ablations:
        effect = layer.ablation(kind)
        assert same(effect.correct, held(f"ablation/{kind}/correct"))
        assert same(effect.drop, held(f"ablation/{kind}/drop"))
    assert_attributions(layer, contents, base)
    for unit in range(layer.n_units):
        assert_unit(layer, unit, inside, held)


def assert_attributions(layer, contents, base):
    for method in layer.attributions:
        path = f"{base}/attribution/{method.method}"
        assert method.left_out == contents.facts.get(path, {}).get("left_out")
        maps = contents.datasets.get(f"{path}/map")
        assert method.n_exemplars == (0 if maps is None else maps.shape[1])


def assert_unit(layer, unit, inside, held):
    activation = layer.activation(unit)
    assert same(activation.max, held("activation/max")[unit])
    assert same(activation.mean, held("activation/mean")[unit])
    if "activation/positive_mean" in inside:
        assert same(activation.positive_mean, held("activation/positive_mean")[unit])
    else:
        assert activation.positive_mean is None
    for kind in layer.ablations:
        indptr, flips = held(f"ablation/{kind}/flip/indptr"), layer.flips(kind, unit)
        own = slice(indptr[unit], indptr[unit + 1])
        assert same(flips.image, held(f"ablation/{kind}/flip/image")[own])
        assert same(flips.prediction, held(f"ablation/{kind}/flip/prediction")[own])
        change = layer.log_prob_change(kind, unit)
        if f"ablation/{kind}/log_prob_change" in inside:
            assert same(change, held(f"ablation/{kind}/log_prob_change")[unit].astype("f4"))
        else:
            assert change is None
    for kind in layer.exemplar_kinds:
        found = layer.exemplars(kind, unit)
        assert same(found.image, held(f"exemplar/{kind}/image")[unit])
        assert same(found.value, held(f"exemplar/{kind}/value")[unit])
        assert same(found.map, held(f"exemplar/{kind}/map")[unit].astype("f4"))
        assert found.tied == held(f"exemplar/{kind}/tied")[unit]
    for method in layer.attributions:
        if not method.left_out:
            maps = held(f"attribution/{method.method}/map")[unit]
            assert same(layer.attribution(method.method, unit).map, maps.astype("f4"))
