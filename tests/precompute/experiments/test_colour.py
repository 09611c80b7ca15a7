"""Whether a network sees colours at all."""

import precompute.models.torchvision_ops  # noqa: F401  before any torchvision

# isort: split
import pytest
from torchvision import transforms as T

from precompute.experiments.compression.colour import sees_colours

SCALED = T.Compose([T.Resize((8, 8)), T.ToTensor(), T.Normalize([0.5], [0.25])])


@pytest.mark.parametrize(
    ("transform", "sees"),
    [
        (SCALED, True),
        (T.Compose([T.Grayscale(1), SCALED]), False),
        (T.Compose([T.Grayscale(3), SCALED]), False),
        (lambda picture: SCALED(picture)[2:], True),
        (lambda picture: SCALED(picture).mean(0, keepdim=True), True),
        (lambda picture: 1 / 0, True),
    ],
)
def test_a_network_sees_colours_where_its_preprocessing_leaves_any(transform, sees):
    assert sees_colours(transform, (20, 10)) == sees
