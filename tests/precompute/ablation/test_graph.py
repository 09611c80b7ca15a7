"""A network as a list of operations: which values are held while they run."""

import operator

from precompute.ablation.graph import Node, Stretch, last_uses

IMAGES, WEIGHT = Node("images"), Node("weight")
SUM = Node("sum", operator.add, (IMAGES, WEIGHT))
TWICE = Node("twice", operator.add, (SUM, SUM))
UNUSED = Node("unused", operator.neg, (TWICE,))
PRODUCT = Node("product", operator.mul, (TWICE, SUM))
NODES = (SUM, TWICE, UNUSED, PRODUCT)


def run(keep):
    """Run the nodes on 3 and 4; return the values that are left and, for each node, what is held when it runs."""
    values, held = {IMAGES: 3, WEIGHT: 4}, {}
    for node in Stretch(NODES, keep=keep).steps(values):
        held[node] = set(values)
        values[node] = node.run(values.__getitem__)
    return values, held


def test_what_is_kept_is_all_that_is_left():
    assert run([PRODUCT, WEIGHT])[0] == {PRODUCT: 98, WEIGHT: 4}


def test_a_value_is_held_until_its_last_use_and_no_longer():
    _, held = run([PRODUCT])
    assert held == {SUM: {IMAGES, WEIGHT}, TWICE: {SUM}, UNUSED: {SUM, TWICE}, PRODUCT: {SUM, TWICE}}


def test_a_value_that_nothing_uses_goes_at_once():
    assert last_uses(NODES, keep=[PRODUCT])[UNUSED] == [UNUSED]
