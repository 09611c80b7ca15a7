"""Pieces of HTML."""

from explorer.widgets import gallery, html
from explorer.widgets.html import together, with_range, with_small


def test_no_line_ends_between_a_number_and_its_sign():
    assert (
        together("93.5 % (q ≤ 0.05, p = 0.1), 2 units")
        == "93.5\u00a0% (q\u00a0≤\u00a00.05, p\u00a0=\u00a00.1), 2 units"
    )


def test_a_cell_is_escaped_unless_it_is_html_and_numbers_stand_to_the_right(monkeypatch):
    said = []
    monkeypatch.setattr(html.st, "html", said.append)
    html.table(["<i>", "n"], [["a & b", with_small("1", "<2")], ["c", ""]])
    head = '<tr><th>&lt;i&gt;</th><th class="us-number">n</th></tr>'
    number = '<td class="us-number">1<br><small>&lt;2</small></td>'
    assert said[0].endswith(f"{head}<tr><td>a &amp; b</td>{number}</tr><tr><td>c</td><td></td></tr></table>")


def test_a_number_stands_above_its_range_and_alone_without_one():
    assert with_range(-0.5, -1, 0.25) == with_small("−0.50", "−1.00 to 0.25")
    assert with_range(3, float("nan"), float("nan"), decimals=0) == "3"
    assert with_range(*[float("nan")] * 3) == "–"


def test_a_mark_stays_on_the_line_of_its_meaning(monkeypatch):
    said = []
    monkeypatch.setattr(html.st, "html", said.append)
    html.marks(("us-dot", "chance < 5"), ("us-bar", "more"))
    assert said[0].count("<span><i class=") == 2
    assert '<span><i class="us-dot"></i>chance\u00a0&lt;\u00a05</span>' in said[0]


def test_no_line_below_a_picture_ends_before_its_sign():
    assert "top 25.0\u00a0%</span>" in gallery._figure(gallery.Picture(b"", "unit 47", "6.81, top 25.0 %"), False)
