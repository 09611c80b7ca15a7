"""Pieces of HTML."""

from explorer.widgets.html import together


def test_no_line_ends_between_a_number_and_its_sign():
    assert together("93.5 % (q ≤ 0.05), 2 units") == "93.5\u00a0% (q\u00a0≤\u00a00.05), 2 units"
