"""Whether two predictions differ by more than rounding."""

import math

import pytest
import torch

from precompute.ablation.ties import differs


@pytest.mark.parametrize(
    ("outputs", "prediction", "said"),
    [
        ([3.0, 1.0], 0, False),
        ([3.0, 1.0], 1, True),
        ([3.0, 3.0 - 2**-20], 1, False),  # equal but for rounding
        ([3.0, 3.0 - 2**-16], 1, True),
        ([math.inf, 0.0], 1, True),
        ([math.inf, 0.0], 0, False),
        ([math.inf, math.inf], 1, False),
        ([2.0, 1.0, -math.inf], 1, True),  # an output that is ruled out makes no other difference small
        ([2.0, 2.0, -math.inf], 1, False),
        ([math.nan, 1.0], 1, True),
        ([1.0, math.nan], 0, True),
    ],
)
def test_rows_differ_where_the_highest_output_is_above_the_predicted_one_by_more_than_rounding(
    outputs, prediction, said
):
    assert differs(torch.tensor([outputs]), torch.tensor([prediction])).tolist() == [said]
