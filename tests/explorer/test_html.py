"""Pieces of HTML."""

from explorer.widgets import html
from explorer.widgets.html import together, with_small


def test_no_line_ends_between_a_number_and_its_sign():
    assert together("93.5 % (q ≤ 0.05), 2 units") == "93.5\u00a0% (q\u00a0≤\u00a00.05), 2 units"


def test_a_cell_is_escaped_unless_it_is_html_and_numbers_stand_to_the_right(monkeypatch):
    said = []
    monkeypatch.setattr(html.st, "html", said.append)
    html.table(["<i>", "n"], [["a & b", with_small("1", "<2")], ["c", ""]])
    head = '<tr><th>&lt;i&gt;</th><th class="us-number">n</th></tr>'
    number = '<td class="us-number">1<br><small>&lt;2</small></td>'
    assert said[0].endswith(f"{head}<tr><td>a &amp; b</td>{number}</tr><tr><td>c</td><td></td></tr></table>")
