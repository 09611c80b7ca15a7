"""The look that charts share."""

from explorer.charts.theme import legend


def test_a_legend_has_one_line_where_its_names_fit_and_fewer_columns_elsewhere():
    # 4 and 10 letters of 6.5 pixels, and 32 for each symbol.
    assert legend(["most", "random set"]).to_dict()["columns"] == {
        "expr": "width >= 155.0 ? 2 : max(1, floor(width / 97.0))"
    }
