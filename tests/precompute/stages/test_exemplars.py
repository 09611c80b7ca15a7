"""Which exemplars are at hand in a shard."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from precompute.stages.exemplars import wanted


@given(
    st.lists(st.lists(st.integers(0, 9), min_size=4, max_size=4), min_size=1, max_size=5),
    st.sets(st.integers(0, 9), min_size=1),
)
def test_every_exemplar_that_shows_an_image_at_hand_is_found_once(image, at_hand):
    here = sorted(at_hand)
    found = wanted(np.array(image), here)
    expected = [(u, s, here.index(i)) for u, row in enumerate(image) for s, i in enumerate(row) if i in at_hand]
    assert list(zip(found.unit.tolist(), found.slot.tolist(), found.row.tolist(), strict=True)) == expected
