"""A network that cuts off a part of its maps: the store says which part of the picture they show."""

import numpy as np

from explorer.pictures import active_region
from precompute.__main__ import main
from precompute.store.check import check
from precompute.store.reader import open_store
from tests.small import NETWORK, write_images


def test_the_store_says_which_part_of_the_picture_a_map_shows(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "cropped.py"
    file.write_text(NETWORK.replace("self.signed(self.features(x))", "self.signed(self.features(x)[:, :, 4:])"))
    images = write_images(tmp_path / "images", per_class=2)
    command = ["run", f"{file}:build", "--images", str(images), "--layer", "features", "--layer", "signed"]
    assert main([*command, "--attribution", "none", "--out", "cropped.h5", "--allow-low-accuracy"]) == 0
    with open_store("cropped.h5") as store:
        layer = store.layer("signed")
        assert store.layer("features").part == (0, 0, 1, 1)
        assert layer.part == (0.5, 0, 1, 1)
        shown = active_region(np.ones_like(layer.exemplars("top", 0).map[0]), 0.5, (16, 16), layer.part)
    assert shown.any(axis=1).tolist() == [False] * 8 + [True] * 8
    assert check("cropped.h5") == []
