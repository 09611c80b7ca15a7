"""Birth levels on given maps, and against the Betti numbers of every level's whole complex."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from precompute.measures.births import birth_levels, centre_crop, has_hole

sides = st.integers(4, 7)
rough = sides.flatmap(lambda m: hnp.arrays(np.float64, (m, m), elements=st.floats(-1, 1, width=16)))
tied = sides.flatmap(lambda m: hnp.arrays(np.float64, (m, m), elements=st.integers(0, 4).map(float)))
sparse = sides.flatmap(lambda m: hnp.arrays(np.float64, (m, m), elements=st.integers(-9, 6).map(lambda v: max(v, 0.0))))
maps = st.one_of(rough, tied, sparse)


def rank(rows):
    """Rank of a matrix over two-element arithmetic, its rows sets of columns."""
    rows, found = [set(row) for row in rows], 0
    while rows:
        pivot = rows.pop()
        if not pivot:
            continue
        found += 1
        column = max(pivot)
        rows = [row ^ pivot if column in row else row for row in rows]
    return found


def slow_betti(edges, side):
    """First Betti number of the flag complex: cycles less boundaries, from both boundary matrices."""
    edges = sorted(edges)
    number = {edge: place for place, edge in enumerate(edges)}
    triangles = [t for t in itertools.combinations(range(side), 3) if set(itertools.combinations(t, 2)) <= set(edges)]
    boundaries = [{number[edge] for edge in itertools.combinations(t, 2)} for t in triangles]
    return len(edges) - rank([set(edge) for edge in edges]) - rank(boundaries)


def slow_birth(values):
    side = len(values)
    strength = {(i, j): max(values[i][j], values[j][i]) for i, j in itertools.combinations(range(side), 2)}
    for level, least in enumerate(sorted(set(strength.values()), reverse=True), start=1):
        if slow_betti([edge for edge, value in strength.items() if value >= least], side):
            return level, least
    return np.nan, None


def cycle(side, *steps):
    values = np.zeros((side, side))
    for i, j, value in steps:
        values[i, j] = value
    return values


BUMP = np.exp(-((np.arange(14) - 6.5) ** 2) / 8)


@pytest.mark.parametrize(
    ("values", "level"),
    [
        (np.zeros((7, 7)), None),
        (np.full((7, 7), 3.0), None),
        (np.arange(49.0).reshape(7, 7), None),
        (np.outer(BUMP, BUMP), None),
        (cycle(4, (0, 1, 4), (3, 2, 3), (1, 3, 2), (2, 0, 1)), 4),
        (cycle(6, (0, 1, 4), (3, 2, 3), (1, 3, 2), (2, 0, 1)), 4),
        (cycle(5, (0, 1, 5), (1, 2, 4), (2, 3, 3), (3, 4, 2), (4, 0, 1)), 5),
        (cycle(4, (0, 1, 5), (1, 2, 4), (0, 2, 3), (2, 3, 2), (3, 0, 1)), None),
        # The whole four-cycle at once, and the same with a diagonal at once.
        (cycle(4, (0, 1, 2), (1, 3, 2), (3, 2, 2), (2, 0, 2)), 1),
        (cycle(4, (0, 1, 2), (1, 3, 2), (3, 2, 2), (2, 0, 2), (0, 3, 2)), None),
    ],
)
def test_maps_with_a_known_birth_level(values, level):
    np.testing.assert_equal(birth_levels(values), np.nan if level is None else level)
    assert slow_birth(values.tolist())[0] == pytest.approx(level or np.nan, nan_ok=True)


@pytest.mark.parametrize(("side", "levels"), [(14, [12, 14, 14]), (7, [np.nan, 7, 8])])
def test_random_maps_with_a_known_birth_level(side, levels):
    drawn = np.stack([np.random.default_rng(seed).random((side, side)) for seed in range(3)])
    np.testing.assert_array_equal(birth_levels(drawn), levels)


@given(maps)
def test_the_birth_level_is_the_first_with_a_hole_by_brute_force(values):
    level, least = slow_birth(values.tolist())
    np.testing.assert_equal(birth_levels(values), level)
    entries = np.nan if least is None else 1 + sum(value > least for value in values.ravel())
    np.testing.assert_equal(birth_levels(values, count_entries=True), entries)


def test_many_random_maps_agree_with_brute_force():
    rng = np.random.default_rng(0)
    for side, n_maps in ((5, 150), (8, 60), (10, 15)):
        drawn = rng.random((n_maps, side, side))
        drawn[::3] = np.round(drawn[::3] * 9)
        np.testing.assert_array_equal(birth_levels(drawn), [slow_birth(values.tolist())[0] for values in drawn])


@given(st.integers(4, 8).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, 2 ** (n * (n - 1) // 2) - 1))))
def test_a_graph_has_a_hole_where_its_betti_number_is_not_zero(case):
    side, chosen = case
    edges = [edge for place, edge in enumerate(itertools.combinations(range(side), 2)) if chosen >> place & 1]
    neighbours = [sum(1 << j for j in range(side) if (min(i, j), max(i, j)) in edges) for i in range(side)]
    assert has_hole(neighbours) == (slow_betti(edges, side) > 0)


@given(maps)
def test_only_the_order_of_the_values_counts(values):
    np.testing.assert_array_equal(birth_levels(np.exp(values) * 7), birth_levels(values))


@given(maps)
def test_the_transposed_map_is_the_same_graph(values):
    np.testing.assert_array_equal(birth_levels(values.T), birth_levels(values))


@given(maps, st.randoms(use_true_random=False))
def test_renaming_the_vertices_changes_nothing_but_mirroring_the_map_may(values, random):
    order = random.sample(range(len(values)), len(values))
    np.testing.assert_array_equal(birth_levels(values[order][:, order]), birth_levels(values))


def test_coordinates_are_vertices_so_a_mirrored_map_is_another_graph():
    values = np.random.default_rng(0).random((14, 14))
    assert birth_levels(values[:, ::-1]) != birth_levels(values)


def test_maps_are_taken_one_by_one():
    drawn = np.random.default_rng(0).random((2, 3, 6, 6)).astype(np.float32)
    found = birth_levels(drawn)
    assert found.shape == (2, 3)
    assert found[1, 2] == birth_levels(drawn[1, 2])


def test_maps_in_several_portions_are_as_in_one(monkeypatch):
    drawn = np.random.default_rng(0).random((7, 6, 6))
    whole = birth_levels(drawn)
    monkeypatch.setattr("precompute.measures.births._NUMBERS_AT_ONCE", 3 * 36)
    np.testing.assert_array_equal(birth_levels(drawn), whole)
    assert birth_levels(drawn[:0]).shape == (0,)


@pytest.mark.parametrize("shape", [(3, 3), (5, 4), (2, 1, 1)])
def test_maps_that_are_small_or_not_square_are_refused(shape):
    with pytest.raises(ValueError, match="square maps of at least 4"):
        birth_levels(np.zeros(shape))


@pytest.mark.parametrize(
    ("shape", "corner"), [((4, 7), (0, 1)), ((7, 4), (1, 0)), ((6, 6), (0, 0)), ((2, 5, 8), (0, 1))]
)
def test_a_centre_crop_is_square_and_in_the_middle(shape, corner):
    values = np.arange(np.prod(shape)).reshape(shape)
    cropped = centre_crop(values)
    side = min(shape[-2:])
    assert cropped.shape == (*shape[:-2], side, side)
    assert (cropped[..., 0, 0] == values[..., corner[0], corner[1]]).all()
