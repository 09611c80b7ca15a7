"""The ranking against a sort by tuples, the ranks of quantiles against fractions, ties against sets."""

import zlib
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from precompute.measures.exemplars import bottom, path_checksums, quantile, top


@st.composite
def responses(draw):
    """Maximum, mean and checksum of some images, with many ties, and how many images to choose."""
    n_images = draw(st.integers(1, 14))
    few = st.sampled_from([-1.5, -0.0, 0.0, 0.25, 6.0])
    largest, mean = (draw(hnp.arrays(np.float32, n_images, elements=few)) for _ in range(2))
    checksum = np.array(draw(st.permutations(range(n_images))), dtype=np.int64)
    return largest, mean, checksum, draw(st.integers(1, n_images + 2))


def slow_top(largest, mean, checksum):
    return sorted(range(len(largest)), key=lambda i: (-largest[i], -mean[i], checksum[i]))


def slow_bottom(largest, mean, checksum):
    return sorted(range(len(largest)), key=lambda i: (largest[i], mean[i], checksum[i]))


def slow_tied(largest, mean, chosen):
    """Size of the largest set of images with one (maximum, mean) of which some are chosen and some are not."""
    keys = list(zip(largest.tolist(), mean.tolist(), strict=True))
    sizes = [0]
    for key in set(keys):
        members = {i for i, its in enumerate(keys) if its == key}
        if members & set(chosen) and members - set(chosen):
            sizes.append(len(members))
    return max(sizes)


def slow_ranks(n_images, k):
    return [round(Fraction(j * (n_images - 1), k - 1)) for j in range(k)] if k > 1 else [0]


@given(responses())
def test_top_exemplars_are_the_first_by_maximum_then_mean_then_checksum(case):
    *keys, k = case
    image, tied = top(*case)
    assert image.tolist() == slow_top(*keys)[:k]
    assert tied == slow_tied(*keys[:2], image.tolist())


@given(responses())
def test_bottom_exemplars_are_the_last_by_maximum_then_mean_and_ties_go_by_checksum_too(case):
    *keys, k = case
    image, tied = bottom(*case)
    assert image.tolist() == slow_bottom(*keys)[:k]
    assert tied == slow_tied(*keys[:2], image.tolist())


@given(responses())
def test_quantile_exemplars_stand_at_even_steps_of_the_ascending_order(case):
    *keys, k = case
    image, tied = quantile(*case)
    order, n_images = slow_bottom(*keys), len(keys[0])
    assert image.tolist() == [order[rank] for rank in slow_ranks(n_images, min(k, n_images))]
    assert tied == slow_tied(*keys[:2], image.tolist())


@given(st.integers(2, 3000), st.integers(2, 60))
@example(394, 39)  # np.linspace misses a half here
def test_quantile_ranks_are_exact_at_the_halves(n_images, k):
    k = min(k, n_images)
    ramp = np.arange(n_images, dtype=np.float32)
    image, tied = quantile(ramp, ramp, np.zeros(n_images, dtype=np.int64), k)
    assert image.tolist() == slow_ranks(n_images, k)
    assert (image[0], image[-1], tied) == (0, n_images - 1, 0)


@pytest.mark.parametrize("choose", [top, bottom, quantile])
@given(case=responses(), random=st.randoms(use_true_random=False))
def test_the_choice_does_not_depend_on_the_order_of_the_images(choose, case, random):
    largest, mean, checksum, k = case
    order = np.array(random.sample(range(len(largest)), len(largest)))
    image, tied = choose(*case)
    moved, moved_tied = choose(largest[order], mean[order], checksum[order], k)
    np.testing.assert_array_equal(order[moved], image)
    assert moved_tied == tied


@pytest.mark.parametrize("choose", [top, bottom, quantile])
@given(case=responses())
def test_no_image_is_chosen_twice_and_choosing_all_leaves_no_tie(choose, case):
    largest, mean, checksum, k = case
    image, _ = choose(*case)
    assert len(set(image.tolist())) == len(image) == min(k, len(largest))
    assert choose(largest, mean, checksum, len(largest))[1] == 0


@pytest.mark.parametrize("choose", [top, bottom, quantile])
@given(case=responses())
def test_the_choice_does_not_depend_on_scale(choose, case):
    largest, mean, checksum, k = case
    image, tied = choose(*case)
    scaled, scaled_tied = choose(largest * 4, mean * 4, checksum, k)
    np.testing.assert_array_equal(scaled, image)
    assert scaled_tied == tied


def test_tied_counts_the_whole_group_that_the_cut_goes_through():
    largest = np.array([6.0, 6, 6, 6, 9, 0])
    mean = np.array([1.0, 1, 1, 2, 0, 0])
    checksum = np.array([5, 4, 3, 2, 1, 0])
    image, tied = top(largest, mean, checksum, 3)
    assert (image.tolist(), tied) == ([4, 3, 2], 3)
    assert top(largest, mean, checksum, 2)[1] == 0
    assert top(largest, mean, checksum, 5)[1] == 0


def test_zero_and_minus_zero_are_equal():
    image, tied = top(np.array([-0.0, 0.0]), np.array([0.0, -0.0]), np.array([1, 0]), 1)
    assert (image.tolist(), tied) == ([1], 2)


def test_images_alike_in_everything_keep_their_order():
    alike = np.zeros(4)
    assert top(alike, alike, np.zeros(4, dtype=int), 2)[0].tolist() == [0, 1]


def test_checksums_are_crc_32_of_the_path_in_utf_8():
    assert path_checksums(["a/b.png", "caf\N{LATIN SMALL LETTER E WITH ACUTE}/1.png"]).tolist() == [
        zlib.crc32(b"a/b.png"),
        zlib.crc32(b"caf\xc3\xa9/1.png"),
    ]
