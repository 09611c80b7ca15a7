"""A few networks before the judge of coverage, one for each way to lay out units, and the judge before known faults.

The whole, over every network of torchvision and the families of timm, is `make coverage`.
"""

from dataclasses import replace

import pytest
import torch
from torch import nn

from precompute.models.sites import Site, survey_sites
from tests.coverage import records, table
from tests.coverage.judge import Verdict, choose, contradictions, judge
from tests.coverage.layouts import Call, layouts_of
from tests.coverage.networks import Network, of_timm, of_torchvision
from tests.coverage.plain import outputs_of, outputs_with, pictures, silenced

EVERY = {(each.library, each.name): each for each in (*of_torchvision(), *of_timm())}
FEW = [
    ("torchvision", "convnext_tiny"),
    ("timm", "test_vit"),
    ("timm", "test_mambaout"),
    ("timm", "mixer_s32_224"),
]


# To write it down for the engine takes longer than all else here. Of timm there is a small one of its kind above.
PLAIN = [pytest.param("torchvision", "vit_b_16", marks=pytest.mark.long)]


@pytest.mark.parametrize(("library", "name"), [*FEW, *PLAIN])
def test_listing_and_predictions_are_the_judges(library, name):
    if library == "timm":
        pytest.importorskip("timm")
    verdict = judge(EVERY[library, name], most=3, engine=(library, name) in FEW)
    assert verdict.failure == ""
    assert verdict.contradictions == []
    assert verdict.known == sum(verdict.dimensions.values()) > 0
    assert len(verdict.audited) == 3
    assert [each for each in verdict.audited if not each.is_right] == []
    assert not all(each.is_blind for each in verdict.audited)


class Last(nn.Module):
    """Channels last from the first convolution on."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 6, 3)
        self.norm = nn.LayerNorm(6)
        self.act = nn.GELU()
        self.head = nn.Linear(6, 4)

    def forward(self, x):
        return self.head(self.act(self.norm(self.conv(x).permute(0, 2, 3, 1))).mean((1, 2)))


@pytest.fixture
def last():
    torch.manual_seed(0)
    return Last().eval()


def test_layouts_are_told_by_class_and_by_identity(last):
    calls = layouts_of(last, pictures(2, 8), Network("timm", "mambaout", "none"))
    assert {name: call.layout for name, call in calls.items()} == {
        "conv": "NCHW",
        "norm": "NHWC",
        "act": "NHWC",
        "head": "NC",
    }
    assert calls["norm"].dimension == 3
    assert calls["conv"].dimension == 1


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"unit_dimension": 1, "n_units": 5}, "units on 3"),
        ({"n_units": 5}, "units on 3"),
        ({"positions": "tokens"}, "grid for positions"),
    ],
)
def test_a_wrong_listing_is_told(changed, told):
    class Listed:
        name, unit_dimension, n_units, positions = "norm", -1, 6, "grid"

    known = Call("LayerNorm", (2, 5, 5, 6), "NHWC")
    assert contradictions(Listed(), known) == []
    wrong = type("Wrong", (Listed,), changed)()
    (text,) = contradictions(wrong, known)
    assert told in text


def test_what_has_no_units_must_not_be_listed():
    site = Site("drop", 1, "Dropout", 3, (4, 4), 0)
    assert "no one dimension" in contradictions(site, Call("Dropout", (2, 3, 4, 4), "none"))[0]
    assert contradictions(site, Call("Dropout", (2, 3, 4, 4), None)) == []


def test_silencing_overwrites_the_units_and_nothing_else(last):
    images = pictures(2, 8)
    output = outputs_of(last, images, ["norm"])[0]["norm"]
    assert output.shape == (2, 6, 6, 6)
    changed = silenced(output, 3, [2], torch.tensor([[0.7]]))
    assert (changed[..., 2] == 0.7).all()
    others = [0, 1, 3, 4, 5]
    assert torch.equal(changed[..., others], output[..., others])
    by_hand = last.head(last.act(changed).mean((1, 2)))
    found = outputs_with(last, images, "norm", lambda made: silenced(made, 3, [2], torch.tensor([[0.7]])))
    torch.testing.assert_close(found, by_hand)


def test_layers_of_every_layout_are_chosen():
    of = EVERY["torchvision", "convnext_tiny"]
    network, images = of.build(), pictures(2, of.size)
    known = layouts_of(network, images, of)
    chosen = choose(network, survey_sites(network, images).sites, known, 6)
    assert len({site.name for site in chosen}) == 6
    assert {known[site.name].layout for site in chosen} >= {"NCHW", "NHWC"}


def test_verdicts_come_back_from_disk_and_make_the_page(tmp_path):
    verdict = Verdict("torchvision", "torchvision", "resnet18", 64, {"first, grid": 3}, {"2 units are 3": 2}, known=3)
    wrong = replace(verdict, name="swin_t", contradictions=["norm is wrong"])
    written = {records.key_of(each): each for each in (verdict, wrong)}
    records.write(tmp_path / "verdicts.json", written)
    assert records.read(tmp_path / "verdicts.json") == written
    page = table.page(list(written.values()))
    assert "| `swin_t` | 64 | 3 |  |  |  | 2 (a) | 3 | **1** |" in page
    assert "- a: … units are … (4)" in page
    assert "Networks with anything wrong: 1, `swin_t`." in page


def test_every_network_of_torchvision_and_sixty_families_of_timm_are_looked_at():
    assert len({each.family for each in of_timm()}) >= 60
    assert len(of_torchvision()) >= 80
