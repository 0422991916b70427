"""Tables are Markdown with aligned columns."""

from bench.tables import number, ratio, table


def test_columns_of_numbers_are_aligned_to_the_right() -> None:
    assert table(["Name", "n"], [["one", "1"], ["eleven", "11"]]) == (
        "| Name   |  n |\n|--------|---:|\n| one    |  1 |\n| eleven | 11 |"
    )


def test_numbers_have_three_significant_digits() -> None:
    assert [number(value) for value in (12_345.6, 99.44, 0.01234)] == ["12,346", "99.4", "0.0123"]


def test_a_ratio_contains_its_extremes() -> None:
    assert ratio({"of_medians": 2.0, "min": 1.5, "max": 2.25}) == "2.00 (1.50 to 2.25)"
