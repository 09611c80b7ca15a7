"""Every fault that can be planted is found, at its path, and alone."""

import io
import json

import h5py
import numpy as np
import pytest
from PIL import Image

from precompute.errors import StoreDamaged, StoreMissing
from precompute.store import schema
from precompute.store.check import Problem, check

LAYER = "/layers/features.2"
CONCRETE = {
    "<layer>": "features.2",
    "<kind>": "zero",
    "<name>": "dead",
    "<method>": "gradient",
    "<parameter>": "features.0.weight",
}


def concrete(pattern):
    """One path that a pattern of the schema stands for in the small store."""
    if "/exemplar/" in pattern:
        pattern = pattern.replace("<kind>", "top")
    for placeholder, name in CONCRETE.items():
        pattern = pattern.replace(placeholder, name)
    return pattern


PATHS = {concrete(entry.path): entry for entry in schema.ENTRIES}
REQUIRED = [path for path, entry in PATHS.items() if entry.required and "<name>" not in entry.path]
SHAPED = [path for path, entry in PATHS.items() if entry.axes]
WITHOUT_NAN = [path for path, entry in PATHS.items() if entry.dtype in ("f2", "f4") and not entry.nan]
# Axes whose size some other dataset or fact tells.
KNOWN_AXES = {"image", "class", "unit", "unit+1", "exemplar", "flip", "skipped"}
# These set the size of an axis: their neighbours are then of the wrong size.
SETS_A_SIZE = {"/images/path": "image", "/classes/name": "class", "/images/skipped/path": "skipped"}


def put(file, path, values, dtype=None):
    """Replace a dataset, keeping its facts."""
    facts = dict(file[path].attrs)
    del file[path]
    dataset = file.create_dataset(path, data=values, dtype=dtype)
    dataset.attrs.update(facts)


def change(path, edit):
    """A fault: the values of a dataset after an edit in place, or its result."""

    def plant(file):
        values = file[path][...]
        edited = edit(values)
        file[path][...] = values if edited is None else edited

    return plant


def paths_of(problems):
    return {problem.path for problem in problems}


def test_a_good_store_has_no_problem(store_path):
    assert check(store_path) == []


def test_the_small_store_holds_every_path_of_the_format(store_path):
    with h5py.File(store_path) as file:
        assert [path for path in PATHS if path not in file] == []


# Form


@pytest.mark.parametrize("path", REQUIRED)
def test_a_missing_dataset_is_found(path, spoil):
    problems = check(spoil(lambda file: file.__delitem__(path)))
    assert problems == [Problem(path, "the dataset is missing")]


def test_log_probabilities_that_are_absent_have_to_be_said_to_be_left_out(spoil):
    def remove(file):
        del file["/baseline/log_prob"]

    assert paths_of(check(spoil(remove))) == {"/baseline"}


def test_where_log_probabilities_are_left_out_no_change_of_them_is_there(spoil):
    def remove(file):
        del file["/baseline/log_prob"], file["/baseline/top_log_prob"]
        file["/baseline"].attrs["log_prob"] = "the network ends in a sigmoid"

    found = paths_of(check(spoil(remove)))
    assert found
    assert all(path.endswith("log_prob_change") for path in found)


@pytest.mark.parametrize("path", [path for path, entry in PATHS.items() if not entry.required])
def test_an_optional_dataset_may_be_missing(path, spoil):
    def remove(file):
        del file[path]
        if path == "/provenance":
            file.attrs["provenance"] = "{}"
            del file.attrs["checksum"]
        if path.endswith("gradient/map"):
            file[path.removesuffix("/map")].attrs["left_out"] = "it cannot be right here"
        if path.endswith("positive_mean"):  # only layers that stay above zero may be without
            for part in ("activation/mean", "class_mean"):
                file[f"{LAYER}/{part}"][...] = np.maximum(file[f"{LAYER}/{part}"][...], 0)
            file[f"{LAYER}/activation/mean"][...] = 0
            file[f"{LAYER}/activation/max"][...] = 0
        if "/image_top/" in path:
            del file[f"{LAYER}/image_top"]
        if path == "/baseline/log_prob":
            del file["/baseline/top_log_prob"]
            file["/baseline"].attrs["log_prob"] = "the network ends in a sigmoid"
            for kind in file[f"{LAYER}/ablation"]:
                del file[f"{LAYER}/ablation/{kind}/log_prob_change"]

    found = paths_of(check(spoil(remove)))
    assert path not in found
    if not path.endswith("positive_mean"):
        assert found == set()


@pytest.mark.parametrize("path", [path for path, entry in PATHS.items() if entry.dtype != schema.ANY])
def test_a_wrong_type_is_found(path, spoil):
    wrong = {"i4": "i8", "i8": "i4", "f4": "f8", "f2": "f4"}.get(PATHS[path].dtype, "i4")

    def retype(file):
        values = file[path][...]
        put(file, path, values.astype(wrong) if values.dtype.kind != "S" else np.zeros(values.shape, dtype=wrong))

    problems = check(spoil(retype))
    assert paths_of(problems) == {path}
    assert f"expected the type {PATHS[path].dtype}" in problems[0].message


@pytest.mark.parametrize("path", SHAPED)
def test_a_wrong_number_of_axes_is_found(path, spoil):
    problems = check(spoil(lambda file: put(file, path, file[path][...][..., None], dtype=file[path].dtype)))
    assert path in paths_of(problems)
    assert any("expected the axes" in problem.message for problem in problems if problem.path == path)


@pytest.mark.parametrize(
    ("path", "axis"),
    [
        (path, axis)
        for path in SHAPED
        for axis in PATHS[path].axes
        if axis in KNOWN_AXES and path not in SETS_A_SIZE and (axis != "exemplar" or "/exemplar/" in path)
    ],
)
def test_a_wrong_size_is_found(path, axis, spoil):
    position = PATHS[path].axes.index(axis)

    def shorten(file):
        put(file, path, np.delete(file[path][...], -1, axis=position), dtype=file[path].dtype)

    problems = check(spoil(shorten))
    sets_its_list = axis in ("exemplar", "flip") and path.endswith("/image")
    assert paths_of(problems) & ({path} if not sets_its_list else paths_of(problems))
    assert any(f"along the axis {axis!r}" in problem.message for problem in problems)


@pytest.mark.parametrize(("path", "axis"), SETS_A_SIZE.items())
def test_datasets_that_do_not_fit_the_shared_lists_are_found(path, axis, spoil):
    problems = check(spoil(lambda file: put(file, path, file[path][...][:-1], dtype=file[path].dtype)))
    misfits = {other for other, entry in PATHS.items() if axis in entry.axes and other != path}
    assert paths_of(problems) >= misfits - {"/images/path"}


@pytest.mark.parametrize("path", [path for path, entry in PATHS.items() if entry.max_side])
@pytest.mark.parametrize("axis", [2, 3])
def test_a_map_larger_than_the_format_allows_is_found(path, axis, spoil):
    def enlarge(file):
        put(file, path, np.repeat(file[path][...], 120, axis=axis), dtype="f2")

    problems = check(spoil(enlarge))
    assert paths_of(problems) == {path}
    assert f"expected 1 to {PATHS[path].max_side}" in problems[0].message


@pytest.mark.parametrize("name", schema.DATASET_FACTS)
@pytest.mark.parametrize("path", ["/classes/title", f"{LAYER}/measure/dead", f"{LAYER}/exemplar/top/map"])
def test_a_missing_fact_of_a_dataset_is_found(path, name, spoil):
    problems = check(spoil(lambda file: file[path].attrs.__delitem__(name)))
    assert problems == [Problem(path, f"the fact {name!r} is missing")]


def test_facts_are_asked_of_every_dataset(spoil):
    def remove(file):
        for path in PATHS:
            del file[path].attrs["unit"]

    assert paths_of(check(spoil(remove))) >= set(PATHS)


def test_axes_other_than_the_schemas_are_found(spoil):
    path = f"{LAYER}/class_mean"
    problems = check(spoil(lambda file: file[path].attrs.__setitem__("axes", ["class", "unit"])))
    assert paths_of(problems) == {path}


GROUP_FACTS = [
    (concrete(group), name, fact)
    for group, facts in {"/": schema.ROOT_FACTS, **schema.GROUP_FACTS}.items()
    for name, fact in facts.items()
    if fact.required
]


@pytest.mark.parametrize(("path", "name", "fact"), GROUP_FACTS, ids=str)
def test_a_missing_fact_of_a_group_is_found(path, name, fact, spoil):
    problems = check(spoil(lambda file: file[path].attrs.__delitem__(name)))
    assert problems == [Problem(path, f"the fact {name!r} is missing")]


@pytest.mark.parametrize(("path", "name", "fact"), GROUP_FACTS, ids=str)
def test_a_fact_of_the_wrong_kind_is_found(path, name, fact, spoil):
    wrong = [1.5, 2.5] if fact.kind != "integers" else "many"
    problems = check(spoil(lambda file: file[path].attrs.__setitem__(name, wrong)))
    assert (path, fact.kind) in {(problem.path, fact.kind) for problem in problems if "kind" in problem.message}


@pytest.mark.parametrize("group", [group for group in schema.GROUP_FACTS if "<" not in group])
def test_a_missing_group_is_found(group, spoil):
    problems = check(spoil(lambda file: file.__delitem__(group)))
    assert Problem(group, "the group is missing") in problems


def test_a_store_without_layers_is_found(spoil):
    problems = check(spoil(lambda file: file.__delitem__(LAYER)))
    assert problems == [Problem("/layers", "expected at least one layer, found none")]


def test_a_group_in_place_of_a_dataset_is_found(spoil):
    def swap(file):
        del file["/baseline/log_prob"]
        file.create_group("/baseline/log_prob")

    assert check(spoil(swap)) == [Problem("/baseline/log_prob", "expected a dataset, found a group")]


@pytest.mark.parametrize(("part", "kind"), [("ablation", "zero"), ("exemplar", "top")])
def test_an_unknown_kind_is_found(part, kind, spoil):
    problems = check(spoil(lambda file: file.move(f"{LAYER}/{part}/{kind}", f"{LAYER}/{part}/other")))
    assert f"{LAYER}/{part}/other" in paths_of(problems)


def test_what_the_format_does_not_name_is_left_alone(spoil):
    def add(file):
        file["/baseline/angle"] = 45.0
        file[f"{LAYER}/later"] = [1, 2]
        file.attrs["note"] = "by hand"

    assert check(spoil(add)) == []


def test_an_experiment_that_nobody_knows_is_found(spoil):
    problems = check(spoil(lambda file: file.__setitem__("/experiments/somebodys/angle", 45.0)))
    assert paths_of(problems) == {"/experiments/somebodys"}


@pytest.mark.parametrize("version", [2, "2.0", "0.9", "one"])
def test_another_version_is_found(version, spoil):
    problems = check(spoil(lambda file: file.attrs.__setitem__("version", version)))
    assert f"expected version {schema.VERSION}, found {version}" in [problem.message for problem in problems]


def test_another_format_is_found(spoil):
    problems = check(spoil(lambda file: file.attrs.__setitem__("format", "pictures")))
    assert paths_of(problems) == {"/"}


def test_a_store_that_is_not_stamped_complete_is_found(spoil):
    problems = check(spoil(lambda file: file.attrs.__setitem__("complete", False)))
    assert [problem.path for problem in problems] == ["/"]
    assert "not stamped complete" in problems[0].message


# Content


@pytest.mark.parametrize("path", WITHOUT_NAN)
def test_missing_values_are_found(path, spoil):
    def lose_a_row(values):
        values[-1] = np.nan

    problems = check(spoil(change(path, lose_a_row)))
    assert paths_of(problems) == {path}
    assert "missing (NaN)" in problems[0].message


def raised(by, at=0):
    def edit(values):
        values[at] += by

    return edit


def first(value):
    def edit(values):
        values[0] = value

    return edit


def swap(a, b):
    def edit(values):
        values[[a, b]] = values[[b, a]]

    return edit


def flip_to_the_same(file):
    image = file[f"{LAYER}/ablation/zero/flip/image"][0]
    file[f"{LAYER}/ablation/zero/flip/prediction"][0] = file["/baseline/prediction"][int(image)]


def cut_backwards(values):
    values[1] = values[-1]


def list_twice(file):
    """List the first flip of a unit with two of them in place of its second too."""
    at = file[f"{LAYER}/ablation/zero/flip/indptr"][...]
    start = at[np.flatnonzero(np.diff(at) >= 2)[0]]
    for part in ("image", "prediction"):
        values = file[f"{LAYER}/ablation/zero/flip/{part}"]
        values[start + 1] = values[start]


def show_twice(file):
    image = file[f"{LAYER}/exemplar/top/image"]
    image[0, 1] = image[0, 0]


def lose_thumbnail(file):
    shown, ends = int(file[f"{LAYER}/exemplar/top/image"][0, 0]), file["/images/thumbnail_end"]
    ends[shown] = ends[shown - 1] if shown else 0


def foreign_thumbnail(file):
    shown, ends = int(file[f"{LAYER}/exemplar/top/image"][0, 0]), file["/images/thumbnail_end"]
    start = int(ends[shown - 1]) if shown else 0
    file["/images/thumbnail"][start : start + 4] = np.frombuffer(b"\x89PNG", dtype=np.uint8)


def replace_thumbnail(data):
    """A fault: the picture of an image that is shown is another."""

    def plant(file):
        shown, ends = int(file[f"{LAYER}/exemplar/top/image"][0, 0]), file["/images/thumbnail_end"][...]
        start, stop = (int(ends[shown - 1]) if shown else 0), int(ends[shown])
        held = file["/images/thumbnail"][...].tobytes()
        put(file, "/images/thumbnail", np.frombuffer(held[:start] + data + held[stop:], dtype=np.uint8))
        file["/images/thumbnail_end"][shown:] = ends[shown:] + len(data) - (stop - start)

    return plant


def jpeg(*size):
    file = io.BytesIO()
    Image.new("RGB", size).save(file, "JPEG")
    return file.getvalue()


def exchange_images(file):
    """Another order of images, consistent in all but being no order."""
    path = file["/images/path"]
    path[:2] = path[:2][::-1]


def rename(path, name):
    return lambda file: file[path].__setitem__(0, name)


def edited(path, edit):
    """A fault of one dataset: where it is, and how it comes about."""
    return path, change(path, edit)


def at(place, by):
    """A fault of one number at a place."""

    def edit(values):
        values[place] += by

    return edit


def name_twice(values):
    values[0, 1] = values[0, 0]


def name_another(values):
    """Name the weakest of all units in place of the strongest ones."""
    values[0] = values[0][::-1]


def only_three(file):
    for part in ("unit", "value"):
        put(file, f"{LAYER}/image_top/{part}", file[f"{LAYER}/image_top/{part}"][:, :3])


CONTENT_FAULTS = {
    "another number of images on which a unit is active": edited(f"{LAYER}/n_active", raised(1)),
    "other class means of the part above zero": edited(f"{LAYER}/class_positive_mean", at((0, 0), 0.5)),
    "a strongest unit that is none": edited(f"{LAYER}/image_top/unit", first(4)),
    "a strongest unit named twice": edited(f"{LAYER}/image_top/unit", name_twice),
    "other units than the strongest": edited(f"{LAYER}/image_top/value", at((0, 0), 0.5)),
    "strongest units out of order": edited(f"{LAYER}/image_top/value", name_another),
    "fewer strongest units than there are": (f"{LAYER}/image_top/unit", only_three),
    "strongest units without their values": (
        f"{LAYER}/image_top/value",
        lambda file: file.__delitem__(f"{LAYER}/image_top/value"),
    ),
    "a highest output that is none": edited("/baseline/top_output", at((0, 1), 99)),
    "a highest output named twice": edited("/baseline/top_output", name_twice),
    "a highest output that is not the prediction": edited("/baseline/top_output", name_another),
    "a highest log-probability above zero": edited("/baseline/top_log_prob", at((0, 0), 5)),
    "another log-probability of the true class": edited("/baseline/top_log_prob", lambda values: values - 0.5),
    "log-probabilities out of order": edited("/baseline/top_log_prob", at((0, -1), 0.9)),
    "provenance that is not JSON": ("/", lambda file: file.attrs.__setitem__("provenance", "{")),
    "provenance that is not whole": ("/provenance", lambda file: file.__delitem__("/provenance")),
    "provenance that is another": edited("/provenance", lambda values: np.where(values == ord("0"), ord("1"), values)),
    "a fact of a group that was changed": (LAYER, lambda file: file[LAYER].attrs.__setitem__("kind", "GELU")),
    "a fact of a dataset that was changed": (
        "/baseline/log_prob",
        lambda file: file["/baseline/log_prob"].attrs.__setitem__("unit", "bit"),
    ),
    "a log-probability above zero": edited("/baseline/log_prob", first(5)),
    "an infinite norm": edited(f"{LAYER}/measure/l1_norm", first(np.inf)),
    "a norm below zero": edited(f"{LAYER}/measure/l1_norm", first(-1)),
    "an infinite map": edited(f"{LAYER}/exemplar/top/map", first(np.inf)),
    "pictures that end beyond the end": edited("/images/thumbnail_end", raised(1, at=-1)),
    "pictures that end before they begin": edited("/images/thumbnail_end", first(10**9)),
    "provenance that is a list": ("/", lambda file: file.attrs.__setitem__("provenance", "[]")),
    "two classes of one name": ("/classes/name", rename("/classes/name", "green_ball")),
    "classes out of order": ("/classes/name", rename("/classes/name", "z")),
    "two classes of one output": edited("/classes/output_index", first(3)),
    "an output that is none": edited("/classes/output_index", first(99)),
    "a label past the classes": edited("/images/label", first(4)),
    "a label below zero": edited("/images/label", first(-1)),
    "a prediction that is not an output": edited("/baseline/prediction", first(6)),
    "a list hash of other images": ("/images", lambda file: file["/images"].attrs.__setitem__("list_hash", "0" * 64)),
    "a path that is not in the list hash": ("/images", rename("/images/path", "blue_ball/0000a.png")),
    "images out of order": ("/images/path", exchange_images),
    "a mean above its maximum": edited(f"{LAYER}/activation/mean", first(9)),
    "a positive mean below zero": edited(f"{LAYER}/activation/positive_mean", first(-1)),
    "a signed layer without positive means": (
        f"{LAYER}/activation/positive_mean",
        lambda file: file.__delitem__(f"{LAYER}/activation/positive_mean"),
    ),
    "class means of something else": edited(f"{LAYER}/class_mean", raised(0.1)),
    "a dead unit called alive": edited(f"{LAYER}/measure/dead", first(1)),
    "selectivity of something else": edited(f"{LAYER}/measure/class_selectivity", raised(0.01)),
    "another preferred class": edited(f"{LAYER}/measure/selective_class", raised(1)),
    "another overall drop": edited(f"{LAYER}/measure/overall_drop", raised(0.01)),
    "another largest drop": edited(f"{LAYER}/measure/max_class_drop", raised(0.01)),
    "another class of the largest drop": edited(f"{LAYER}/measure/max_class_drop_class", first(3)),
    "a drop that does not follow": edited(f"{LAYER}/ablation/zero/drop", raised(0.25)),
    "a count that does not follow": edited(f"{LAYER}/ablation/zero/correct", raised(1)),
    "a flip that changes nothing": (f"{LAYER}/ablation/zero/flip/prediction", flip_to_the_same),
    "a flip to no output": edited(f"{LAYER}/ablation/zero/flip/prediction", first(77)),
    "a flip of no image": edited(f"{LAYER}/ablation/zero/flip/image", first(12)),
    "flips that begin elsewhere": edited(f"{LAYER}/ablation/zero/flip/indptr", first(1)),
    "flips cut at falling steps": edited(f"{LAYER}/ablation/zero/flip/indptr", cut_backwards),
    "a flip listed twice": (f"{LAYER}/ablation/zero/flip/image", list_twice),
    "flips that end elsewhere": edited(f"{LAYER}/ablation/zero/flip/indptr", raised(1, at=-1)),
    "an exemplar out of order": (
        f"{LAYER}/exemplar/top/image",
        lambda file: file[f"{LAYER}/exemplar/top/image"].__setitem__(0, file[f"{LAYER}/exemplar/top/image"][0][::-1]),
    ),
    "an exemplar shown twice": (f"{LAYER}/exemplar/top/image", show_twice),
    "an exemplar that is not an image": edited(f"{LAYER}/exemplar/bottom/image", first(1000)),
    "a quantile at another rank": (
        f"{LAYER}/exemplar/quantile/image",
        lambda file: file[f"{LAYER}/exemplar/quantile/image"].__setitem__(
            (0, 1), file[f"{LAYER}/exemplar/quantile/image"][0, 0]
        ),
    ),
    "another exemplar value": edited(f"{LAYER}/exemplar/top/value", raised(0.5)),
    "another count of ties": edited(f"{LAYER}/exemplar/bottom/tied", raised(1)),
    "an exemplar without a thumbnail": ("/images/thumbnail", lose_thumbnail),
    "a thumbnail that is not a JPEG": ("/images/thumbnail", foreign_thumbnail),
    "a thumbnail that is cut": ("/images/thumbnail", replace_thumbnail(jpeg(128, 128)[:-400])),
    "a thumbnail of too many pixels": ("/images/thumbnail", replace_thumbnail(jpeg(129, 20))),
    "a thumbnail of too many bytes": ("/images/thumbnail", replace_thumbnail(jpeg(20, 20) + bytes(2**18))),
    "a method with both a map and a reason": (
        f"{LAYER}/attribution/gradient",
        lambda file: file[f"{LAYER}/attribution/gradient"].attrs.__setitem__("left_out", "why"),
    ),
    "a method with neither a map nor a reason": (
        f"{LAYER}/attribution/deconvolution",
        lambda file: file[f"{LAYER}/attribution/deconvolution"].attrs.__delitem__("left_out"),
    ),
    "more attributions than exemplars": (
        f"{LAYER}/attribution/gradient/map",
        lambda file: put(file, f"{LAYER}/attribution/gradient/map", np.zeros((4, 4, 8, 8), dtype="f2")),
    ),
}
# These faults cannot be planted without a second one.
TWO_SIDED = {"a path that is not in the list hash", "images out of order"}


@pytest.mark.parametrize("fault", CONTENT_FAULTS)
def test_content_that_does_not_agree_is_found(fault, spoil):
    path, plant = CONTENT_FAULTS[fault]
    found = paths_of(check(spoil(plant)))
    if fault in TWO_SIDED:
        assert path in found
    else:
        assert found == {path}


def test_all_faults_are_found_at_once(spoil):
    names = [
        "provenance that is not JSON",
        "a list hash of other images",
        "class means of something else",
        "a drop that does not follow",
        "a count that does not follow",
        "another exemplar value",
        "another count of ties",
        "a thumbnail that is not a JPEG",
        "a method with neither a map nor a reason",
    ]
    gone = f"{LAYER}/exemplar/quantile/map"

    def plant(file):
        for name in names:
            CONTENT_FAULTS[name][1](file)
        del file[gone]
        del file["/model"].attrs["spec"]

    expected = {CONTENT_FAULTS[name][0] for name in names} | {gone, "/model"}
    assert paths_of(check(spoil(plant))) == expected


def test_problems_read_as_path_and_sentence():
    assert str(Problem("/images", "the dataset is missing")) == "/images: the dataset is missing"


# Files that cannot be looked into


def test_a_missing_file_is_said_to_be_missing(tmp_path):
    with pytest.raises(StoreMissing, match=r"nowhere\.h5: there is no such file"):
        check(tmp_path / "nowhere.h5")


def test_a_truncated_file_is_said_to_be_truncated(store_path):
    store_path.write_bytes(store_path.read_bytes()[:-1])
    with pytest.raises(StoreDamaged, match="truncated"):
        check(store_path)


def test_a_foreign_hdf5_file_lacks_everything(tmp_path):
    with h5py.File(tmp_path / "foreign.h5", "w") as file:
        file["pictures"] = np.zeros(3)
    found = paths_of(check(tmp_path / "foreign.h5"))
    assert found >= {"/", "/model", "/classes", "/images", "/baseline", "/layers"}


def chunked(good_bytes, tmp_path):
    """Where the first chunk of every chunked dataset lies."""
    path = tmp_path / "map.h5"
    path.write_bytes(good_bytes)
    places = {}
    with h5py.File(path) as file:

        def note(name, item):
            if isinstance(item, h5py.Dataset) and item.chunks:
                chunk = item.id.get_chunk_info(0)
                places[f"/{name}"] = (chunk.byte_offset, chunk.size)

        file.visititems(note)
    return places


def test_a_damaged_block_of_any_dataset_is_found(good_bytes, tmp_path):
    places = chunked(good_bytes, tmp_path)
    assert places.keys() >= set(PATHS)
    spoiled = bytearray(good_bytes)
    for offset, size in places.values():
        spoiled[offset + size // 2] ^= 0x10
    (tmp_path / "spoiled.h5").write_bytes(spoiled)
    problems = {problem.path: problem.message for problem in check(tmp_path / "spoiled.h5")}
    assert problems.keys() >= places.keys()
    assert all("cannot be read" in problems[path] for path in places)


def test_provenance_is_read_as_json_by_the_check_as_by_the_reader(store_path):
    with h5py.File(store_path) as file:
        assert isinstance(json.loads(file.attrs["provenance"]), dict)
