"""The page of an image says what the store says of it, whichever version wrote the store."""

import html
import re
from urllib.parse import parse_qs, urlparse

import h5py
import numpy as np
import pytest
from PIL import Image

from precompute.store.reader import open_store
from precompute.store.storefile import StoreFile
from tests.explorer.conftest import put
from tests.explorer.test_literal import NASTY, nasty  # noqa: F401 (a fixture)
from tests.factory import Recipe

LAYER = "features.10"


def page_of(show, store, image, name="demo", **query):
    return show("image", store=name, image=store.images.path[image], **query)


def older(path):
    """Take from a store what earlier versions did not write."""
    with h5py.File(path, "r+") as file:
        del file["/baseline/top_output"], file["/baseline/top_log_prob"]
        for layer in file["/layers"].values():
            del layer["image_top"]


def captions(words, layer):
    """The units that a layer's row names, with their values."""
    gallery = words.split(f">{layer}<")[1].split("us-head")[0]
    return re.findall(r'<span title="unit (\d+)">unit \d+</span><span>([^,]+),', gallery)


def test_it_names_the_class_and_what_the_image_is_taken_for(made, runs, show, full_store):
    put(made("full"), runs)
    wrong = int(np.flatnonzero(~full_store.baseline_correct)[0])
    classes = full_store.classes
    said = html.unescape(re.sub("<[^>]+>", "", page_of(show, full_store, wrong).words))
    own = classes.title[full_store.images.label[wrong]]
    assert f"{own}, taken for {classes.title[classes.of_output[int(full_store.baseline.prediction[wrong])]]}." in said


def test_the_highest_outputs_stand_with_their_probabilities(made, runs, show, full_store):
    put(made("full"), runs)
    words = page_of(show, full_store, 3).words
    found = full_store.highest_outputs(3)
    table = words.split("What the network says")[1].split("</table>")[0]
    shown = [float(number) for number in re.findall(r">(?:&[lg]t; )?([\d.]+) %<", table)]
    np.testing.assert_allclose(shown, 100 * np.exp(found.log_prob), atol=0.1)
    assert [full_store.classes.title[full_store.classes.of_output[int(o)]] in table for o in found.output] == [True] * 5


def test_the_units_that_fire_most_are_those_of_the_activations(made, runs, show, full_store):
    put(made("full"), runs)
    words = page_of(show, full_store, 7).words
    for layer in full_store.layers:
        largest = [float(layer.activation(unit).max[7]) for unit in range(layer.n_units)]
        order = [unit for unit in np.argsort(-np.array(largest), kind="stable")[:10] if largest[unit] != 0]
        assert [int(unit) for unit, _ in captions(words, layer.name)] == order


def test_an_older_store_is_read_through_and_says_the_same_of_units(made, runs, show, full_store):
    put(made("full"), runs)
    older(put(made("full"), runs, "older"))
    new, old = page_of(show, full_store, 7).words, page_of(show, full_store, 7, "older").words
    for layer in full_store.layers:
        assert captions(old, layer.name) == captions(new, layer.name)
    assert "kept the highest output alone" in old


def test_the_units_without_which_it_is_answered_otherwise_are_those_of_the_flips(made, runs, show, full_store):
    put(made("full"), runs)
    layer = full_store.layer(LAYER)
    table = layer.flip_table("zero")
    image = int(np.bincount(table.image).argmax())
    units = table.unit[table.image == image]
    words = page_of(show, full_store, image, layer=LAYER).words
    rows = words.split("Units without which")[1].split("</table>")[0].split("<tr>")
    links = [link for row in rows if f"<td>{LAYER}</td>" in row for link in re.findall(r'href="(unit\?[^"]+)"', row)]
    asked = [parse_qs(urlparse(html.unescape(link)).query) for link in links]
    assert sorted(int(query["unit"][0]) for query in asked) == sorted(units.tolist())
    assert {query["layer"][0] for query in asked} == {LAYER}


def without_pictures(path, root):
    """Take the pictures from a store, and let its images lie in a folder."""
    with h5py.File(path, "r+") as file:
        file["/images/thumbnail_end"][...] = 0
        file["/images"].attrs["root"] = str(root)


def test_a_picture_that_the_store_does_not_hold_is_read_from_its_folder(made, runs, show, full_store, tmp_path):
    for name in ("gone", "there"):
        without_pictures(put(made("full"), runs, name), tmp_path / name)
    file = tmp_path / "there" / full_store.images.path[0]
    file.parent.mkdir(parents=True)
    Image.new("RGB", (40, 40)).save(file)
    assert "Its file is not there." in page_of(show, full_store, 0, "gone").words
    assert "This is the file itself" in page_of(show, full_store, 0, "there").words


def test_the_address_of_no_image_is_answered_in_words(made, runs, show):
    put(made("full"), runs)
    assert "“nowhere.png”, which is not there" in show("image", store="demo", image="nowhere.png").words


def test_every_picture_of_the_unit_page_leads_to_its_image(made, runs, show, full_store):
    put(made("full"), runs)
    words = show("unit", store="demo", layer=LAYER, unit="1").words
    wanted = {full_store.images.path[image] for image in full_store.layer(LAYER).exemplars("top", 1).image}
    links = re.findall(r'<a class="us-to" href="image\?([^"]+)"><div class="us-picture">', words)
    assert {parse_qs(html.unescape(link))["image"][0] for link in links} == wanted


def test_hostile_paths_appear_as_text_and_lead_to_themselves(nasty, show):  # noqa: F811
    with h5py.File(nasty) as file:
        path = file["/images/path"].asstr()[5]
    words = show("image", store="demo", image=path).words
    assert html.escape(path, quote=True) in words
    assert "<img src=x" not in words
    links = re.findall(r'href="(?:class|unit|image)\?([^"]+)"', words)
    assert all(parse_qs(html.unescape(link))["image"][0] == path for link in links)
    assert NASTY in path


@pytest.mark.parametrize("page", ["unit", "image"])
def test_pages_without_exemplars_show_their_images(page, made, runs, show):
    with h5py.File(put(made("full"), runs), "r+") as file:
        for layer in file["/layers"].values():
            del layer["exemplar"]
            layer.pop("attribution", None)
    assert "us-sentence" in show(page, store="demo", layer=LAYER).words


def test_a_warm_visit_reads_ten_units_of_forty_and_no_flips(made, runs, show, monkeypatch):
    recipe = Recipe(per_class=6, layers=((LAYER, 40, (3, 3)),))
    put(made("wide", recipe), runs)
    with open_store(made("wide", recipe)) as store:
        paths, n_images = store.images.path, len(store.images)
    show("image", store="demo", image=paths[0])
    read: dict[str, int] = {}
    plain = StoreFile.read

    def counted(self, path, selection=...):
        values = plain(self, path, selection)
        read[path] = read.get(path, 0) + values.size
        return values

    monkeypatch.setattr(StoreFile, "read", counted)
    show("image", store="demo", image=paths[1])
    # Once for where the image stands among all, once for the class that each of the ten answers to.
    assert read[f"/layers/{LAYER}/activation/max"] <= 2 * 10 * n_images
    assert not [path for path in read if "/flip/" in path]
    show("class", store="demo", class_=paths[1].split("/")[0])
    assert not [path for path in read if "/flip/" in path]
    # And once on the page of the class for each of the ten units that answer to it most.
    assert read[f"/layers/{LAYER}/activation/max"] <= 32 * n_images


def test_the_image_page_leads_to_what_if_on_this_image(made, runs, show, full_store):
    put(made("full"), runs)
    links = page_of(show, full_store, 5).app.get("page_link")
    (asked,) = (link.proto.query_string for link in links if link.proto.label.startswith("What if units"))
    assert "on=5" in asked
